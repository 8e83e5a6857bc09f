"""The export of a YOLOv8 pair, with stand-ins for docker, Ultralytics and Google's compiler.

The image itself needs a PC with docker and a network, and is not built here.
"""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from edgedet.app.model_pair import look_at_pair
from edgedet.settings.model_choice import BUNDLED_MODEL
from software_edgetpu.compiled import compiled_from

EXPORT = Path(__file__).parents[2] / "deploy" / "export_yolov8"


def program(folder: Path, name: str, code: str) -> None:
    """A stand-in that writes its arguments into `<name>.called`."""
    file = folder / name
    record = "import sys, pathlib, shutil\n"
    record += f"pathlib.Path({str(file)!r} + '.called').write_text(' '.join(sys.argv[1:]))\n"
    file.write_text(f"#!{sys.executable}\n{record}{code}")
    file.chmod(0o755)


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    # The compiler drops what is appended to a model, so its stand-in gives a file without it.
    compiled = compiled_from(BUNDLED_MODEL, tmp_path / "compiled.tflite")
    with zipfile.ZipFile(compiled) as archive:
        bare = compiled.read_bytes()[: archive.infolist()[0].header_offset]
    compiled.write_bytes(bare)
    program(
        folder,
        "yolo",
        "made = pathlib.Path('yolov8n_saved_model')\nmade.mkdir()\n"
        f"shutil.copy({str(BUNDLED_MODEL)!r}, made / 'yolov8n_full_integer_quant.tflite')\n",
    )
    program(
        folder,
        "edgetpu_compiler",
        "out = pathlib.Path(sys.argv[sys.argv.index('--out_dir') + 1])\n"
        f"shutil.copy({str(compiled)!r}, out / (pathlib.Path(sys.argv[-1]).stem + '_edgetpu.tflite'))\n",
    )
    return folder


def exported(programs: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(EXPORT / "export_pair.py"), *arguments]
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=60)


def test_the_pair_is_calibrated_named_by_its_size_and_one_model_with_all_its_names(
    programs: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    done = exported(programs, folder, "yolov8n")
    assert done.returncode == 0, done.stderr
    called = (programs / "yolo.called").read_text()
    assert called == "export model=yolov8n.pt format=tflite int8=True imgsz=320 data=coco128.yaml"
    cpu, edgetpu = folder / "yolov8n_320.tflite", folder / "yolov8n_320_edgetpu.tflite"
    pair = look_at_pair(cpu, edgetpu, None)
    assert pair.edgetpu is not None
    assert pair.edgetpu.info.metadata.names == pair.cpu.info.metadata.names
    assert "edgedet models add yolov8n --cpu yolov8n_320.tflite" in done.stdout


@pytest.mark.parametrize(
    ("broken", "made_none"),
    [
        ("yolo", "Ultralytics made no yolov8n_full"),
        ("edgetpu_compiler", "edgetpu_compiler made no yolov8n_640_edgetpu"),
    ],
)
def test_a_step_that_fails_is_named_and_leaves_nothing_half_done(
    programs: Path, tmp_path: Path, broken: str, made_none: str
) -> None:
    program(programs, broken, "sys.exit(1)")
    folder = tmp_path / "models"
    folder.mkdir()
    done = exported(programs, folder, "yolov8n", "--size", "640")
    assert done.returncode == 1
    assert made_none in done.stderr
    assert "Traceback" not in done.stderr
    assert list(folder.iterdir()) == []


def test_one_command_builds_the_image_and_runs_it_as_the_caller_on_the_caller_s_folder(
    programs: Path, tmp_path: Path
) -> None:
    program(programs, "docker", "")
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "EXPORT_ENGINE": ""}
    subprocess.run([EXPORT / "export", "yolov8n", "--size", "256"], cwd=tmp_path, env=environment, check=True)
    called = (programs / "docker.called").read_text()
    assert f"--user {os.getuid()}:{os.getgid()} --volume {tmp_path}:/models" in called
    assert called.endswith("edgedet-export-yolov8 yolov8n --size 256")


def test_without_docker_and_podman_two_lines_say_so(tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("dirname", "id"):
        (tools / tool).symlink_to(f"/usr/bin/{tool}")
    done = subprocess.run(
        ["/bin/sh", EXPORT / "export", "yolov8n"],
        env={"PATH": str(tools)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == "export: neither docker nor podman is installed"
