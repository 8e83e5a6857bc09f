"""The detector's worker on an interpreter of its own, with tflite-runtime 2.14 and the numpy 1 that it needs."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from edgedet.app.model import BUNDLED_MODEL
from edgedet.errors import AcceleratorError, EdgedetError
from edgedet.types import FrameStamp
from edgedet.workers.detector import DetectorSpec, DetectorWorker
from edgedet.workers.protocol import Limits, RawResult
from edgedet.workers.turns import Share
from software_edgetpu.library import SoftwareEdgeTpu

NEWEST_WITH_WHEELS = (3, 11)


def ignore(_error: EdgedetError) -> None:
    return


@pytest.fixture(scope="session")
def old_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter that has tflite-runtime and neither LiteRT nor our numpy."""
    ours = sys.executable if sys.version_info[:2] == NEWEST_WITH_WHEELS else None
    base = ours or shutil.which("python3.11")
    if base is None:
        pytest.skip("no Python 3.11 on this machine: tflite-runtime 2.14 has no wheel for a newer one")
    folder = tmp_path_factory.mktemp("old-runtime")
    subprocess.run([base, "-m", "venv", str(folder)], check=True, timeout=60)
    packages = ["tflite-runtime==2.14.0", "numpy==1.26.4"]
    subprocess.run([str(folder / "bin/pip"), "install", "--quiet", "--no-deps", *packages], check=True, timeout=90)
    return folder / "bin/python"


async def answer(spec: DetectorSpec, picture: bytes) -> RawResult:
    async with DetectorWorker(spec, ignore) as worker:
        await worker.turn(Share())
        return await worker.submit(memoryview(picture), FrameStamp(0, 0, 0.0, 256, 256), Limits(0.25, 0.7, 300))


async def test_an_edge_tpu_is_used_through_tflite_runtime_and_answers_as_the_cpu_does_there(
    on_edgetpu: DetectorSpec, old_python: Path, scene: bytes
) -> None:
    spec = replace(on_edgetpu, python=str(old_python), runtime="tflite_runtime", twin=BUNDLED_MODEL)
    found = await answer(spec, scene)
    assert found.backend == "edgetpu"
    assert found.boxes


async def test_auto_takes_the_runtime_that_the_interpreter_has(
    on_edgetpu: DetectorSpec, old_python: Path, scene: bytes
) -> None:
    on_cpu = replace(on_edgetpu, model=BUNDLED_MODEL, backend="cpu", python=str(old_python), deadline_s=5.0)
    assert (await answer(on_cpu, scene)).boxes


async def test_a_crash_in_loading_names_that_runtime(
    on_edgetpu: DetectorSpec, edgetpu: SoftwareEdgeTpu, old_python: Path, scene: bytes
) -> None:
    edgetpu.script(create="segv")
    with pytest.raises(AcceleratorError, match=r"died of SIGSEGV while tflite-runtime 2\.14\.0 and"):
        await answer(replace(on_edgetpu, python=str(old_python)), scene)
