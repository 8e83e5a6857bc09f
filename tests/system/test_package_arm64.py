"""The package for a Pi, on an emulated arm64: it installs, checks, looks around, and finds what it finds here."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from system.packages import SOURCE, build_package
from system.roots import EMULATED, RootUnavailable, debian_root, layer

pytestmark = pytest.mark.timeout(500)

PICTURE = SOURCE / "docs/demo.png"


@dataclass(frozen=True, slots=True)
class Emulated:
    """An arm64 Debian with edgedet installed; it is not booted."""

    root: Path

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        # /proc without /sys: what sysfs says of this machine's x86-64 processor would make the runtime crash there.
        entered = ["unshare", "--mount", "sh", "-c", 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"', self.root]
        environ = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "QEMU_CPU": "cortex-a72", "LC_ALL": "C.UTF-8"}
        done = subprocess.run(
            [*entered, *command], env=environ, capture_output=True, text=True, check=False, timeout=300
        )
        assert not check or done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done


@pytest.fixture(scope="module", params=["bookworm", "trixie"])
def pi(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulated]:
    folder = tmp_path_factory.mktemp(f"{request.param}-arm64")
    try:
        root = debian_root(request.param, EMULATED, "arm64")
        package = build_package(folder, request.param, "arm64")
        with layer(root, folder / "layer") as shown:
            (shown / "edgedet.deb").write_bytes(package.read_bytes())
            (shown / "picture.png").write_bytes(PICTURE.read_bytes())
            emulated = Emulated(shown)
            emulated.run("dpkg", "--install", "/edgedet.deb")
            yield emulated
    except RootUnavailable as error:
        pytest.skip(str(error))


def test_the_configuration_that_comes_with_it_is_right(pi: Emulated):
    assert pi.run("uname", "-m").stdout.strip() == "aarch64"
    assert "/etc/edgedet/edgedet.yaml: ok" in pi.run("edgedet", "check").stdout


def test_doctor_names_what_this_machine_lacks_and_nothing_else(pi: Emulated):
    said = json.loads(pi.run("edgedet", "doctor", "--json", check=False).stdout)
    findings = json.dumps(said)
    assert "picamera2" in findings
    assert "models pull" in findings
    assert "ai-edge-litert" in findings


def test_the_bundled_model_finds_in_a_picture_what_it_finds_on_this_machine(pi: Emulated):
    there = strongest(pi.run("edgedet", "detect", "/picture.png", "--format", "jsonl").stdout)
    command = [sys.executable, "-m", "edgedet", "detect", str(PICTURE), "--format", "jsonl"]
    here = strongest(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    # Rounding of int8 differs between the two by a few steps of 1/256.
    assert there["label"] == here["label"]
    assert there["score"] == pytest.approx(here["score"], abs=0.05)
    assert there["box"] == pytest.approx(here["box"], abs=0.02)


def strongest(jsonl: str) -> dict[str, object]:
    """The first detection of the first frame."""
    found: dict[str, object] = json.loads(jsonl.splitlines()[0])["detections"][0]
    return found
