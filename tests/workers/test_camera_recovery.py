"""One camera of two fails in every way, as the daemon sees it: said in time, replaced in time, the other undisturbed.

The failing one is a scripted picamera2 in a real worker; who answers about frames is not of interest here.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import pytest

import scripted_camera
from edgedet.app.watch import CameraWatch, WatchOrder
from edgedet.health import CameraFacts, CameraState
from edgedet.pipeline import Seen
from edgedet.types import FrameStamp
from edgedet.workers.backoff import Backoff
from edgedet.workers.camera import CameraSpec
from edgedet.workers.protocol import Limits, RawResult
from edgedet.workers.supervisor import Answerer
from edgedet.workers.turns import Share
from scripted_camera import Script

NOTICED_S = 3.0
REPLACED_S = 15.0
SLACK_S = 0.7
"""For a machine that is busy with something else."""
ORDER = WatchOrder(enabled=True, min_score=0.5, iou=0.7, max_detections=300, class_bitmap=b"")


class NothingSeen:
    """Answers at once that there is nothing."""

    slots = 2

    async def turn(self, share: Share | None = None) -> None:
        await asyncio.sleep(0)

    def submit(self, picture: memoryview, stamp: FrameStamp, limits: Limits) -> asyncio.Future[RawResult]:
        answer: asyncio.Future[RawResult] = asyncio.get_running_loop().create_future()
        answer.set_result(RawResult(0, stamp.seq, 0, 0, 0, 0, b"", "cpu"))
        return answer


@dataclass
class Looking:
    """A camera that is watched, and what was told of it."""

    watch: CameraWatch
    facts: list[CameraFacts] = field(default_factory=list)
    seen: int = 0

    @property
    def state(self) -> CameraState:
        return self.facts[-1].state if self.facts else CameraState.STARTING

    @property
    def codes(self) -> list[str]:
        return [str(fact.reason.code) for fact in self.facts if fact.reason is not None]

    async def until(self, wanted: Callable[[Looking], bool], patience_s: float) -> float:
        """Wait for something; returns how long it took."""
        begun = time.monotonic()
        async with asyncio.timeout(patience_s):
            while not wanted(self):
                await asyncio.sleep(0.01)
        return time.monotonic() - begun


@asynccontextmanager
async def looking(spec: CameraSpec, backoff: Backoff | None = None) -> AsyncIterator[Looking]:
    def on_fact(fact: CameraFacts) -> None:
        one.facts.append(fact)

    def on_seen(_seen: Seen) -> None:
        one.seen += 1
        one.watch.watching("now")

    watch = CameraWatch(spec, ORDER, cast("Answerer", NothingSeen()), ("person",), on_fact, on_seen, backoff)
    one = Looking(watch)
    task = asyncio.get_running_loop().create_task(watch.run())
    try:
        yield one
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def porch(camera_spec: CameraSpec, tmp_path: Path) -> CameraSpec:
    python = scripted_camera.interpreter(tmp_path)
    source = {"type": "picamera2", "size": [640, 360], "fps": 30.0, "python": python}
    return replace(camera_spec, name="porch", source=source, python=python, max_fps=10.0)


@pytest.fixture
def yard(camera_spec: CameraSpec) -> CameraSpec:
    return replace(
        camera_spec, name="yard", source={"type": "synthetic", "size": [320, 240], "fps": 20.0}, max_fps=10.0
    )


def watching(one: Looking) -> bool:
    return one.state is CameraState.WATCHING


def blind(one: Looking) -> bool:
    return one.state is CameraState.BLIND


async def frames_in(one: Looking, seconds: float) -> int:
    before = one.seen
    await asyncio.sleep(seconds)
    return one.seen - before


@pytest.mark.parametrize("stop_blocks", [False, True], ids=["stop_works", "stop_blocks"])
async def test_a_stalled_camera_is_blind_in_time_and_watches_again_in_time_and_the_other_loses_nothing(
    script: Script, porch: CameraSpec, yard: CameraSpec, stop_blocks: bool
) -> None:
    async with looking(porch) as one, looking(yard) as other:
        await one.until(watching, 20)
        await other.until(watching, 20)
        undisturbed = await frames_in(other, 3.0)
        pid = one.watch.worker_pid
        script.say(silent=True, stop_blocks=stop_blocks)
        begun = time.monotonic()
        counting = asyncio.create_task(frames_in(other, 3.0))
        assert await one.until(blind, 10) < NOTICED_S + SLACK_S
        assert one.codes[-1] == "camera_stalled"
        assert await counting > 0.9 * undisturbed
        script.say(silent=False, stop_blocks=False)
        await one.until(watching, REPLACED_S)
        assert time.monotonic() - begun < REPLACED_S
        assert one.watch.worker_pid != pid
        assert other.codes == []


@pytest.mark.parametrize(
    ("said", "code"), [({"cameras": []}, "camera_absent"), ({"busy": True}, "camera_busy")], ids=["absent", "busy"]
)
async def test_a_camera_that_is_not_to_be_had_at_boot_is_blind_and_watches_once_it_is(
    script: Script, porch: CameraSpec, said: dict[str, object], code: str
) -> None:
    script.say(**said)
    async with looking(porch) as one:
        await one.until(lambda one: one.codes[-2:] == [code, code], 20)
        script.say(cameras=[{"Model": "imx708", "Id": "x", "Num": 0}], busy=False)
        await one.until(watching, REPLACED_S)
        # Once it watches, nothing is held against it any more.
        assert one.facts[-1].reason is None


@pytest.mark.parametrize(
    ("well", "ill", "code"),
    [
        ({"moves": True}, {"moves": False, "black": True}, "camera_dark"),
        ({"moves": False}, {"moves": False}, "camera_frozen"),
    ],
    ids=["dark", "frozen"],
)
async def test_a_camera_whose_pictures_are_black_or_stand_still_says_so_and_goes_on_looking(
    script: Script, porch: CameraSpec, well: dict[str, object], ill: dict[str, object], code: str
) -> None:
    # The sensor's clock makes the time go by: what it saw a minute ago is what it saw last.
    script.say(clock_ahead_s=-59, **well)
    async with looking(porch) as one:
        await one.until(watching, 20)
        script.say(clock_ahead_s=0, **ill)
        await one.until(lambda one: one.state is CameraState.DEGRADED, 10)
        assert one.codes[-1] == code
        seen = one.seen
        await one.until(lambda one: one.seen > seen, 10)
        script.say(moves=True, black=False)
        await one.until(watching, 10)
        assert one.facts[-1].reason is None


async def test_a_camera_that_slows_down_for_the_night_is_taken_for_stalled_once_and_watches_from_then_on(
    script: Script, porch: CameraSpec
) -> None:
    async with looking(replace(porch, stall_s=0.5, pause_s=None)) as one:
        await one.until(watching, 20)
        await asyncio.sleep(3.0)
        script.say(fps=0.8)
        await one.until(blind, 10)
        await one.until(watching, REPLACED_S)
        # Longer than its rate takes to be known, so that this is what it is measured by.
        await asyncio.sleep(8)
        assert (one.codes, one.state) == (["camera_stalled"], CameraState.WATCHING)


async def test_however_long_a_camera_was_away_it_is_looked_for_at_least_every_ten_seconds(porch: CameraSpec) -> None:
    watch = CameraWatch(porch, ORDER, cast("Answerer", NothingSeen()), (), lambda _fact: None, lambda _seen: None)
    assert max(watch._backoff.delay_s(failures) for failures in range(1, 200)) <= 12


@pytest.mark.timeout(240)
async def test_a_camera_whose_worker_dies_twenty_times_leaves_nothing_behind(script: Script, porch: CameraSpec) -> None:
    def traces() -> tuple[int, int]:
        # The memory of a dead worker goes with the last of its frames, some of which only the collector finds.
        gc.collect()
        children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        return len(list(Path("/proc/self/fd").iterdir())), len(children)

    async with looking(porch, Backoff(first_s=0.01, longest_s=0.01)) as one:
        after_second: tuple[int, int] | None = None
        for time_round in range(20):
            seen = one.seen
            await one.until(lambda one, seen=seen: one.seen > seen and watching(one), 20)
            if time_round == 2:
                await asyncio.sleep(0.5)  # what the kernel is still about to clear away is no trace
                after_second = traces()
            assert one.watch.worker_pid is not None
            os.kill(one.watch.worker_pid, signal.SIGSEGV)
            await one.until(blind, 5)
            assert one.codes[-1] == "camera_crashed"
        seen = one.seen
        await one.until(lambda one: one.seen > seen, 20)
        await one.until(lambda _one: traces() == after_second, 10)
