"""A real camera worker that hands over little while nothing moves."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path

import pytest

from edgedet.types import FrameStamp
from edgedet.workers.camera import CameraSpec, CameraWorker
from edgedet.workers.gate import HOLD_S
from visits import record, street

RATE = 20.0
EMPTY = {"type": "synthetic", "fps": RATE, "size": [320, 240], "objects": 0}
BUSY = {"type": "synthetic", "fps": RATE, "size": [320, 240], "objects": 6}


async def test_an_empty_scene_is_handed_over_at_the_idle_rate_and_in_full_while_something_is_followed(
    camera_spec: CameraSpec,
) -> None:
    spec = replace(camera_spec, source=EMPTY, idle_fps=1.0)
    async with CameraWorker(spec) as camera:
        stamps: list[FrameStamp] = []
        ended = asyncio.Event()

        async def read() -> None:
            async for frame in camera.frames():
                stamps.append(frame.stamp)
                frame.release()
            ended.set()

        reader = asyncio.create_task(read())
        await asyncio.sleep(HOLD_S + 1.0)
        captured, before = camera.captured, len(stamps)
        await asyncio.sleep(3.0)
        idle, captured_idle = len(stamps) - before, camera.captured - captured
        camera.attend(following=True)
        await asyncio.sleep(0.3)
        captured, before = camera.captured, len(stamps)
        await asyncio.sleep(2.0)
        followed, captured_followed = len(stamps) - before, camera.captured - captured
        camera.attend(following=False)
        await asyncio.sleep(0.3)
        before = len(stamps)
        await asyncio.sleep(2.0)
        again = len(stamps) - before
        assert camera.silent_s(time.monotonic_ns()) < 1.0, "a camera whose frames are held back is no silent one"
        assert not ended.is_set()
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)
    assert stamps[0].moving, "of a first picture nothing is known"
    assert not any(stamp.moving for stamp in stamps[1:])
    assert 2 <= idle <= 4
    assert captured_idle > 5 * idle
    assert followed >= captured_followed - 2
    assert again <= 4


async def test_a_scene_in_which_something_moves_is_handed_over_in_full(camera_spec: CameraSpec) -> None:
    async with CameraWorker(replace(camera_spec, source=BUSY, idle_fps=0.1)) as camera:
        stamps = []
        async for frame in camera.frames():
            stamps.append(frame.stamp)
            frame.release()
            if len(stamps) == 5 * int(RATE):
                break
    moving = sum(stamp.moving for stamp in stamps)
    assert moving > 0.8 * len(stamps)


async def test_without_the_gate_every_frame_counts_as_moving(camera_spec: CameraSpec) -> None:
    async with CameraWorker(camera_spec) as camera:
        async for frame in camera.frames():
            assert frame.stamp.moving
            frame.release()


@pytest.mark.parametrize("night", [False, True])
async def test_a_frame_says_whether_it_was_taken_in_the_dark(camera_spec: CameraSpec, *, night: bool) -> None:
    source = {"type": "synthetic", "frames": 5, "size": [320, 240], "night": night, "seed": 12}
    async with CameraWorker(replace(camera_spec, source=source)) as camera:
        async for frame in camera.frames():
            assert frame.stamp.night is night
            frame.release()


async def test_of_a_recording_every_frame_comes_and_says_whether_something_moves(
    camera_spec: CameraSpec, tmp_path: Path
) -> None:
    clip = record(tmp_path / "visit.mp4", street([6.0], (320, 240)), 10.0, rate=10)
    spec = replace(camera_spec, source={"type": "video", "path": str(clip)}, idle_fps=0.1)
    async with CameraWorker(spec) as camera:
        camera.attend(following=True)
        stamps = []
        async for frame in camera.frames():
            stamps.append(frame.stamp)
            frame.release()
    assert [stamp.seq for stamp in stamps] == list(range(100))
    # An encoder's first seconds differ from the rest.
    moving = [stamp.pts_s for stamp in stamps if stamp.moving and stamp.pts_s > 4.0]
    assert 6.0 <= moving[0] <= 7.5
    assert len([at_s for at_s in moving if at_s >= 7.5]) >= 15
