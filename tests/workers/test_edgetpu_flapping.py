"""What an Edge TPU that comes and goes, or whose library does not fit, costs: next to nothing, and one message."""

from __future__ import annotations

import asyncio
import gc
import itertools
import os
import signal
import time
from pathlib import Path

import pytest

from edgedet.app.answering import detector_facts
from edgedet.app.model import Model
from edgedet.app.preference import Files
from edgedet.workers.backoff import Backoff
from edgedet.workers.detector import DetectorSpec
from software_edgetpu.library import SoftwareEdgeTpu
from workers.preferring import Bench, running

_FLAPS = 20


def children() -> int:
    return len(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def memory_mb(pids: tuple[int, ...]) -> float:
    """Proportional memory of these processes, without pages of files: those count less with every other Python."""
    gc.collect()
    total_kb = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith(("Pss_Anon:", "Pss_Shmem:")):
                total_kb += int(line.split()[1])
    return total_kb / 1024


async def flap(bench: Bench) -> None:
    """Lost in use, and back."""
    pid = bench.detector.pids[0]
    os.kill(pid, signal.SIGSEGV)
    assert (await bench.ask()).backend == "cpu"
    await bench.until(lambda state: state.backend == "edgetpu" and state.pid != pid)
    for _ in range(5):
        await bench.ask()


@pytest.mark.slow
async def test_a_device_that_flaps_twenty_times_leaves_nothing_behind(
    on_edgetpu: DetectorSpec, edgetpu: SoftwareEdgeTpu, scene: bytes
) -> None:
    left: list[tuple[int, int, float, float]] = []
    async with running(on_edgetpu, scene) as bench:
        await bench.until_on("edgetpu")
        await bench.ask()
        for _ in range(_FLAPS):
            await flap(bench)
            # What the threads that collected the dead and the pipes of theirs hold is given back in the next turns.
            await asyncio.sleep(0.1)
            pids = bench.detector.pids
            left.append((children(), open_files(), memory_mb((os.getpid(),)), memory_mb(pids)))
        assert bench.detector.state.fallbacks == _FLAPS
        assert bench.detector.recovery.respawns == _FLAPS
    second, last = left[1], left[-1]
    assert last[:2] == second[:2]
    assert last[2] == pytest.approx(second[2], abs=1.0), left
    assert last[3] == pytest.approx(second[3], abs=1.0), left


async def test_a_device_that_keeps_failing_is_tried_more_and_more_rarely(
    on_edgetpu: DetectorSpec, edgetpu: SoftwareEdgeTpu, scene: bytes
) -> None:
    tried: list[float] = []
    edgetpu.script(prepare="error")
    async with running(
        on_edgetpu, scene, seldom=Backoff(first_s=0.2, factor=2.0, longest_s=600.0, jitter=0.0)
    ) as bench:
        while len(tried) < 6:
            await bench.until(lambda state: len(edgetpu.opened) > len(tried))
            tried.append(time.monotonic())
    pauses = [later - earlier for earlier, later in itertools.pairwise(tried)]
    # Each has the pause before it and the start of a worker; the last is 3.2 s of 0.2 s doubled again and again.
    assert pauses[-1] >= 3.2
    assert pauses[-1] > 2.0 * pauses[1]


async def test_one_that_works_for_a_moment_each_time_is_tried_more_and_more_rarely_too(
    on_edgetpu: DetectorSpec, scene: bytes
) -> None:
    seldom = Backoff(first_s=0.1, factor=3.0, longest_s=600.0, jitter=0.0)
    away: list[float] = []
    async with running(on_edgetpu, scene, seldom=seldom) as bench:
        await bench.until_on("edgetpu")
        for _ in range(4):
            begun = time.monotonic()
            await flap(bench)
            away.append(time.monotonic() - begun)
    assert away[-1] >= 2.7
    assert away[-1] > away[0] + 2.0


async def test_a_library_that_crashes_while_it_is_loaded_is_said_once_with_both_versions_and_makes_no_storm(
    on_edgetpu: DetectorSpec, edgetpu: SoftwareEdgeTpu, model: Model, scene: bytes
) -> None:
    edgetpu.script(create="segv")
    async with running(on_edgetpu, scene, seldom=Backoff(first_s=0.3, factor=3.0, jitter=0.0)) as bench:
        assert await bench.until_doubted() == "edgetpu_runtime_mismatch"
        answers = []
        end = time.monotonic() + 5.0
        while time.monotonic() < end:
            answers.append((await bench.ask()).backend)
            await asyncio.sleep(0.02)
        assert set(answers) == {"cpu"}
        # At 0, 0.3 and 1.2 s, and the next at 3.9 s; a worker takes its time to start.
        assert bench.detector.state.restarts <= 3
        messages = {
            reason.message
            for state in bench.states
            for reason in detector_facts(state, Files(model, model), edgetpu_wanted=True).reasons
        }
    (message,) = messages
    assert f"{edgetpu.library} (Edge TPU runtime version 14)" in message
    assert "ai-edge-litert 2" in message or "tflite-runtime 2" in message
    assert "the CPU answers" in message
