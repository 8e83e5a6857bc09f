"""The picamera2 worker as the daemon runs it: another interpreter, and a camera that fails in every way a Pi's does.

picamera2 itself is scripted here (tests/scripted_picamera2); the real one is used in tests/hardware.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import scripted_camera
from edgedet.errors import SourceError, SourceLost, WorkerLost
from edgedet.workers.camera import CameraSpec, CameraWorker
from scripted_camera import Script

WITHOUT_NUMPY = """
import runpy, sys
sys.modules["numpy"] = None
sys.argv.pop(0)
runpy.run_path(sys.argv[0], run_name="__main__")
"""
STALL_S = 3.0
"""As the daemon sets it."""


@pytest.fixture
def spec(camera_spec: CameraSpec, tmp_path: Path) -> CameraSpec:
    python = scripted_camera.interpreter(tmp_path)
    source = {"type": "picamera2", "size": [640, 360], "fps": 30.0, "python": python}
    return replace(camera_spec, name="porch", source=source, python=python, stall_s=STALL_S, max_fps=20.0)


async def error_of(camera: CameraWorker) -> SourceError:
    with pytest.raises(SourceError) as caught:
        async for frame in camera.frames():
            frame.release()
    return caught.value


async def test_frames_come_from_the_interpreter_that_has_picamera2(script: Script, spec: CameraSpec) -> None:
    async with CameraWorker(spec) as camera:
        assert (await camera.opened()).live
        frames = camera.frames()
        frame = await anext(frames)
        assert (frame.stamp.width, frame.stamp.height) == (640, 360)
        assert 0 <= time.monotonic_ns() - frame.stamp.captured_ns < 5e9
        view = spec.view
        # Red is in the first corner of the picture, grey in the last; letterbox above and below.
        row = (view.height - view.width * 9 // 16) // 2 + 2
        at = (row * view.width + 2) * 3
        red, green, blue = frame.detect[at : at + 3]
        assert red > 150
        assert max(green, blue) < 80
        assert set(frame.detect[: view.width * 3]) == {114}
        frame.release()
        await frames.aclose()


@pytest.mark.parametrize(
    ("said", "code"),
    [({"cameras": []}, "camera_absent"), ({"busy": True}, "camera_busy")],
    ids=str,
)
async def test_what_is_wrong_with_a_camera_that_cannot_be_had_is_told_with_its_code(
    script: Script, spec: CameraSpec, said: dict[str, object], code: str
) -> None:
    script.say(**said)
    async with CameraWorker(spec) as camera:
        with pytest.raises(SourceError) as caught:
            await camera.opened()
    assert caught.value.code == code


async def test_a_camera_that_comes_back_is_found_by_the_next_worker(script: Script, spec: CameraSpec) -> None:
    script.say(cameras=[])
    async with CameraWorker(spec) as camera:
        with pytest.raises(SourceError):
            await camera.opened()
    script.say(cameras=[{"Model": "imx708", "Id": "x", "Num": 0}])
    async with CameraWorker(spec) as camera:
        frames = camera.frames()
        (await anext(frames)).release()
        await frames.aclose()


@pytest.mark.parametrize("stop_blocks", [False, True], ids=["stop_works", "stop_blocks"])
async def test_a_stall_is_told_within_its_limit_even_where_stop_blocks(
    script: Script, spec: CameraSpec, stop_blocks: bool
) -> None:
    async with CameraWorker(spec) as camera:
        frames = camera.frames()
        (await anext(frames)).release()
        script.say(silent=True, stop_blocks=stop_blocks)
        silent_since = time.monotonic()
        error = await error_of(camera)
        assert isinstance(error, SourceLost)
        assert error.code == "camera_stalled"
        # Half a second beyond the limit for a machine that is busy with something else.
        assert time.monotonic() - silent_since < STALL_S + 0.5
        pid = camera.pid
    assert not Path(f"/proc/{pid}/exe").exists()


async def test_a_worker_whose_stop_blocks_is_replaced_all_the_same(script: Script, spec: CameraSpec) -> None:
    async with CameraWorker(spec) as camera:
        frames = camera.frames()
        (await anext(frames)).release()
        script.say(stop_blocks=True)
        await frames.aclose()
        leaving = time.monotonic()
        pid = camera.pid
    assert time.monotonic() - leaving < 3
    assert not Path(f"/proc/{pid}/exe").exists()


async def test_what_this_camera_does_not_do_is_said_once(script: Script, spec: CameraSpec) -> None:
    notes: list[str] = []
    remember: Callable[[str], None] = notes.append
    source = {**spec.source, "controls": {"Wobble": 1}}
    async with CameraWorker(replace(spec, source=source), remember) as camera:
        frames = camera.frames()
        for _ in range(3):
            (await anext(frames)).release()
        await frames.aclose()
    assert len(notes) == 1
    assert notes[0].startswith("control Wobble: this camera does not have it")


async def test_an_interpreter_that_does_not_exist_is_named(spec: CameraSpec) -> None:
    with pytest.raises(WorkerLost, match="cannot start /no/such/python3"):
        async with CameraWorker(replace(spec, python="/no/such/python3")):
            pass


async def test_an_interpreter_without_numpy_is_told_apart_from_a_crash(spec: CameraSpec, tmp_path: Path) -> None:
    python = tmp_path / "bare-python"
    bare = tmp_path / "bare.py"
    bare.write_text(WITHOUT_NUMPY)
    python.write_text(f'#!/bin/sh\nshift\nexec {sys.executable} -I {bare} "$@"\n')
    python.chmod(0o755)
    async with CameraWorker(replace(spec, python=str(python))) as camera:
        with pytest.raises(WorkerLost) as caught:
            await camera.opened()
    assert "numpy" in caught.value.hint
    assert "Traceback" not in str(caught.value)
