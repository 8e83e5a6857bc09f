"""deploy/export_yolov8/export: which container engine it takes and what it asks of it, and what it refuses before."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXPORT = Path(__file__).parents[2] / "deploy" / "export_yolov8"

ENGINE = """
import sys
with open(sys.argv[0] + '.calls', 'a') as calls:
    calls.write(' '.join(sys.argv[1:]) + '\\n')
if sys.argv[1] == 'info':
    print(ABOUT)
    sys.exit(STATUS)
"""
"""A container engine that tells `ABOUT` of itself, does nothing, and keeps all its calls."""
ROOTFUL_DOCKER = "Server:\n Security Options:\n  seccomp\n   Profile: builtin\n Rootless Mode is not used"
ROOTLESS_DOCKER = "Server:\n Security Options:\n  seccomp\n   Profile: builtin\n  rootless"
ROOTFUL_PODMAN = "host:\n  security:\n    rootless: false"
ROOTLESS_PODMAN = "host:\n  security:\n    rootless: true"


def engine(folder: Path, name: str, about: str, status: int = 0) -> Path:
    """The file of the calls that it got."""
    file = folder / name
    file.write_text(f"#!{sys.executable}\nABOUT, STATUS = {about!r}, {status}\n{ENGINE}")
    file.chmod(0o755)
    return folder / f"{name}.calls"


def command(folder: Path, *arguments: str, path: str, chosen: str = "") -> subprocess.CompletedProcess[str]:
    environment = {"PATH": path, "EXPORT_ENGINE": chosen}
    line = ["/bin/sh", str(EXPORT / "export"), *arguments]
    return subprocess.run(line, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A folder of programs with neither docker nor podman."""
    folder = tmp_path / "tools"
    folder.mkdir()
    for tool in ("dirname", "grep", "id", "sed", "tail"):
        (folder / tool).symlink_to(f"/usr/bin/{tool}")
    return folder


@pytest.mark.parametrize(
    ("name", "about", "user"),
    [
        ("docker", ROOTFUL_DOCKER, f"{os.getuid()}:{os.getgid()}"),
        ("podman", ROOTFUL_PODMAN, f"{os.getuid()}:{os.getgid()}"),
        ("docker", ROOTLESS_DOCKER, "0:0"),
        ("podman", ROOTLESS_PODMAN, "0:0"),
    ],
)
def test_one_command_builds_the_image_and_runs_it_on_the_caller_s_folder_so_that_files_are_the_caller_s(
    tools: Path, tmp_path: Path, name: str, about: str, user: str
) -> None:
    calls = engine(tools, name, about)
    done = command(tmp_path, "yolov8n", "--size", "256", path=str(tools))
    assert done.returncode == 0, done.stderr
    _, build, run = calls.read_text().splitlines()
    assert build == f"build --platform linux/amd64 --tag edgedet-export-yolov8 {EXPORT}"
    assert f"--user {user} " in run
    assert f"--volume {tmp_path}:/models " in run
    assert run.endswith("edgedet-export-yolov8 yolov8n --size 256")


def test_a_docker_without_its_service_leaves_the_work_to_podman(tools: Path, tmp_path: Path) -> None:
    docker = engine(tools, "docker", "Cannot connect to the Docker daemon", status=1)
    podman = engine(tools, "podman", ROOTFUL_PODMAN)
    assert command(tmp_path, "yolov8n", path=str(tools)).returncode == 0
    assert docker.read_text() == "info\n"
    assert len(podman.read_text().splitlines()) == 3


@pytest.mark.parametrize(
    ("chosen", "told"),
    [
        ("", "export: docker does not answer: Cannot connect to the Docker daemon; podman is not installed"),
        ("docker", "export: docker does not answer: Cannot connect to the Docker daemon"),
        ("nerdctl", "export: nerdctl is not installed"),
    ],
)
def test_without_an_engine_that_works_two_lines_say_what_is_missing(
    tools: Path, tmp_path: Path, chosen: str, told: str
) -> None:
    engine(tools, "docker", "Server:\nCannot connect to the Docker daemon", status=1)
    done = command(tmp_path, "yolov8n", path=str(tools), chosen=chosen)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [told, "export: Docker or podman is needed: apt install podman"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["my_own.pt"], "no my_own.pt in this folder (models that Ultralytics fetches go without .pt: yolov8n)"),
        (["/tmp/my_own.pt"], "/tmp/my_own.pt is outside of this folder, which is all that the image sees"),
        (["yolov8n", "--data", "../pictures"], "../pictures is outside of this folder"),
    ],
)
def test_what_the_image_cannot_see_is_told_before_it_is_built(
    tools: Path, tmp_path: Path, arguments: list[str], told: str
) -> None:
    calls = engine(tools, "docker", ROOTFUL_DOCKER)
    done = command(tmp_path, *arguments, path=str(tools))
    assert done.returncode == 1
    assert done.stderr.startswith(f"export: {told}")
    assert not calls.exists()


@pytest.mark.parametrize(("arguments", "status"), [([], 2), (["--help"], 0)])
def test_its_usage_needs_no_image(tools: Path, tmp_path: Path, arguments: list[str], status: int) -> None:
    calls = engine(tools, "docker", ROOTFUL_DOCKER)
    done = command(tmp_path, *arguments, path=str(tools))
    assert done.returncode == status
    assert "export my_own.pt --size 320 --data pictures/" in done.stdout
    assert "set -eu" not in done.stdout
    assert not calls.exists()
