"""A camera that gives a picture only now and then, in a real worker: its silence is its rate, until it is none."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace

import pytest

from edgedet.errors import SourceLost
from edgedet.workers.camera import CameraSpec, CameraWorker

PAUSE_S = 0.6
SLOW = {"type": "synthetic", "fps": 1 / PAUSE_S, "size": [64, 48]}
QUICK = {"type": "synthetic", "fps": 50.0, "size": [64, 48]}
STALL_S = 0.3
"""So that less than a second is slow enough for a test."""


async def silence_noticed_s(spec: CameraSpec, after: int) -> float:
    """How long a worker that is stopped after so many frames is waited for, seconds."""
    async with CameraWorker(spec) as camera:
        frames = camera.frames()
        for _ in range(after):
            (await anext(frames)).release()
        assert camera.pid is not None
        os.kill(camera.pid, signal.SIGSTOP)
        stopped_s = time.monotonic()
        with pytest.raises(SourceLost, match="no frame for") as caught:
            async for frame in frames:
                frame.release()
    assert caught.value.code == "camera_stalled"
    return time.monotonic() - stopped_s


@pytest.mark.parametrize("pause_s", [PAUSE_S, None], ids=["as its settings say", "as is seen"])
async def test_a_slow_camera_is_no_stalled_one_and_has_stalled_after_three_of_its_pauses(
    camera_spec: CameraSpec, pause_s: float | None
) -> None:
    spec = replace(camera_spec, source=SLOW, stall_s=STALL_S, pause_s=pause_s)
    assert 2.5 * PAUSE_S < await silence_noticed_s(spec, after=6) < 4.5 * PAUSE_S + 0.5


async def test_a_quick_camera_that_says_nothing_of_its_rate_has_stalled_as_soon_once_the_rate_is_seen(
    camera_spec: CameraSpec,
) -> None:
    spec = replace(camera_spec, source=QUICK, stall_s=STALL_S, pause_s=None)
    assert await silence_noticed_s(spec, after=75) < 1.5


async def test_a_source_that_was_known_to_be_quick_is_not_waited_for(camera_spec: CameraSpec) -> None:
    async with CameraWorker(replace(camera_spec, source=SLOW, stall_s=STALL_S)) as camera:
        with pytest.raises(SourceLost, match="no frame for 0.3 s"):
            async for frame in camera.frames():
                frame.release()
