"""The detector's worker on an interpreter of its own, with tflite-runtime 2.14 and the numpy 1 that it needs."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from edgedet.errors import AcceleratorError, EdgedetError, WorkerError
from edgedet.settings.model_choice import BUNDLED_MODEL
from edgedet.types import FrameStamp
from edgedet.workers.detector import DetectorSpec, DetectorWorker
from edgedet.workers.protocol import Limits, RawResult
from edgedet.workers.turns import Share
from software_edgetpu.library import SoftwareEdgeTpu

NEWEST_WITH_WHEELS = (3, 11)


PYCORAL = """
# The two functions of Google's pycoral.utils.edgetpu that are used, as they are in its release 2.0.
import os
import tflite_runtime.interpreter as tflite

def load_edgetpu_delegate(options=None):
    return tflite.load_delegate(os.environ["STAND_IN_LIBRARY"], options or {})

def make_interpreter(model_path_or_content, device=None, delegate=None):
    delegates = [delegate or load_edgetpu_delegate({"device": device} if device else {})]
    return tflite.Interpreter(model_path=model_path_or_content, experimental_delegates=delegates)
"""


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


async def test_googles_pycoral_is_used_where_the_interpreter_has_it(
    on_edgetpu: DetectorSpec,
    edgetpu: SoftwareEdgeTpu,
    old_python: Path,
    scene: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (packages,) = (old_python.parent.parent / "lib").glob("python3*/site-packages")
    (packages / "pycoral/utils").mkdir(parents=True)
    (packages / "pycoral/utils/edgetpu.py").write_text(PYCORAL)
    monkeypatch.setenv("STAND_IN_LIBRARY", str(edgetpu.library))
    spec = replace(on_edgetpu, python=str(old_python), runtime="pycoral", delegate={"Performance": "Low"})
    assert (await answer(spec, scene)).boxes
    assert edgetpu.opened == ["create device=:0 -> usb:0 Performance=Low"]
    edgetpu.unplug()
    with pytest.raises(AcceleratorError, match="no Edge TPU"):
        await answer(spec, scene)


async def test_pycoral_that_is_asked_for_and_not_there_is_told(on_edgetpu: DetectorSpec, scene: bytes) -> None:
    with pytest.raises(WorkerError):
        await answer(replace(on_edgetpu, runtime="pycoral"), scene)
