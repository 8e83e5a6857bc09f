"""A real detector worker, really killed."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from edgedet.errors import EdgedetError, ModelError, WorkerLost
from edgedet.types import FrameStamp
from edgedet.workers.backoff import Backoff
from edgedet.workers.detector import DetectorSpec, DetectorWorker
from edgedet.workers.protocol import Limits
from edgedet.workers.states import DetectorState, Phase
from edgedet.workers.supervisor import Detector
from edgedet.workers.turns import Share

LIMITS = Limits(0.25, 0.7, 300)
AT_ONCE = Backoff(first_s=0.01, longest_s=0.05)


def grey(spec: DetectorSpec) -> memoryview:
    return memoryview(bytes((114,)) * (spec.view.width * spec.view.height * 3))


class Losses:
    """Collects why workers were lost."""

    def __init__(self) -> None:
        self.errors: list[EdgedetError] = []
        self.first = asyncio.Event()

    def __call__(self, error: EdgedetError) -> None:
        self.errors.append(error)
        self.first.set()


async def test_a_frame_comes_back_answered(detector_spec: DetectorSpec, stamp: FrameStamp) -> None:
    async with DetectorWorker(detector_spec, Losses()) as worker:
        await worker.turn(Share())
        result = await worker.submit(grey(detector_spec), stamp, LIMITS)
    assert result.invoke_ns > 0
    assert worker.warm_up_ms > 0


async def test_more_frames_than_slots_wait_their_turn_and_all_come_back(
    detector_spec: DetectorSpec, stamp: FrameStamp
) -> None:
    spec = replace(detector_spec, instances=2)
    tickets = []
    async with DetectorWorker(spec, Losses()) as worker:
        answers = []
        for _ in range(20):
            await worker.turn(Share())
            answers.append(worker.submit(grey(spec), stamp, LIMITS))
        tickets = [(await answer).ticket for answer in answers]
    assert tickets == list(range(1, 21))


async def test_a_worker_that_dies_says_of_what_and_its_frames_fail_rather_than_come_back_empty(
    detector_spec: DetectorSpec, stamp: FrameStamp
) -> None:
    losses = Losses()
    async with DetectorWorker(detector_spec, losses) as worker:
        assert worker.pid is not None
        os.kill(worker.pid, signal.SIGSTOP)
        await worker.turn(Share())
        answer = worker.submit(grey(detector_spec), stamp, LIMITS)
        os.kill(worker.pid, signal.SIGSEGV)
        os.kill(worker.pid, signal.SIGCONT)
        with pytest.raises(WorkerLost, match="died of SIGSEGV"):
            await answer
        assert [str(error) for error in losses.errors] == ["detector-cpu: died of SIGSEGV"]


async def test_a_worker_that_hangs_is_killed_when_its_deadline_has_passed(
    detector_spec: DetectorSpec, stamp: FrameStamp
) -> None:
    losses = Losses()
    async with DetectorWorker(detector_spec, losses) as worker:
        assert worker.pid is not None
        os.kill(worker.pid, signal.SIGSTOP)
        await worker.turn(Share())
        answer = worker.submit(grey(detector_spec), stamp, LIMITS)
        with pytest.raises(WorkerLost, match="no answer within"):
            await answer
        assert losses.first.is_set()
    assert not Path(f"/proc/{worker.pid}/exe").exists()


async def test_a_slow_model_is_not_taken_for_a_hung_one(detector_spec: DetectorSpec) -> None:
    async with DetectorWorker(replace(detector_spec, deadline_s=0.0), Losses()) as worker:
        assert worker.deadline_s == pytest.approx(10 * worker.warm_up_ms / 1000)


async def test_loading_has_a_deadline_of_its_own(detector_spec: DetectorSpec) -> None:
    with pytest.raises(WorkerLost, match="took longer than 0.001 s"):
        async with DetectorWorker(replace(detector_spec, load_deadline_s=0.001), Losses()):
            pass


async def test_an_interpreter_that_does_not_exist_is_named(detector_spec: DetectorSpec) -> None:
    with pytest.raises(WorkerLost, match="cannot start /no/such/python"):
        async with DetectorWorker(replace(detector_spec, python="/no/such/python"), Losses()):
            pass


async def test_a_file_that_became_no_model_is_refused_by_the_worker_in_its_own_words(
    detector_spec: DetectorSpec, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(detector_spec.model.read_bytes()[:5000])
    with pytest.raises(ModelError, match=r"broken\.tflite"):
        async with DetectorWorker(replace(detector_spec, model=broken), Losses()):
            pass


async def test_a_lost_worker_is_replaced_and_the_count_says_so(detector_spec: DetectorSpec, stamp: FrameStamp) -> None:
    states: list[DetectorState] = []
    detector = Detector(detector_spec, states.append, AT_ONCE)
    keeper = asyncio.get_running_loop().create_task(detector.run())
    for _ in range(3):
        await detector.turn()
        await detector.submit(grey(detector_spec), stamp, LIMITS)
        assert detector.state.pid is not None
        os.kill(detector.state.pid, signal.SIGKILL)
        while detector.state.phase is Phase.UP:
            await asyncio.sleep(0.01)
    await detector.turn()
    assert detector.state.restarts == 3
    assert detector.state.backend == "cpu"
    assert [state.reason for state in states if state.phase is Phase.DOWN] == ["detector-cpu: died of SIGKILL"] * 3
    keeper.cancel()
    await asyncio.gather(keeper, return_exceptions=True)


async def test_a_job_gives_up_after_its_attempts_and_says_why(detector_spec: DetectorSpec) -> None:
    detector = Detector(replace(detector_spec, python="/no/such/python"), backoff=AT_ONCE, attempts=2)
    keeper = asyncio.get_running_loop().create_task(detector.run())
    with pytest.raises(WorkerLost, match="cannot start"):
        await detector.turn()
    with pytest.raises(WorkerLost, match="cannot start"):
        await keeper


async def test_restarting_on_command_replaces_the_worker(detector_spec: DetectorSpec) -> None:
    detector = Detector(detector_spec, backoff=AT_ONCE)
    keeper = asyncio.get_running_loop().create_task(detector.run())
    await detector.turn()
    before = detector.state.pid
    detector.restart("asked for")
    while detector.state.restarts == 0:
        await asyncio.sleep(0.01)
    await detector.turn()
    assert detector.state.pid not in {None, before}
    keeper.cancel()
    await asyncio.gather(keeper, return_exceptions=True)


@pytest.mark.parametrize(("failures", "expected"), [(1, 0.2), (2, 0.4), (4, 1.6), (20, 60.0), (10_000, 60.0)])
def test_pauses_double_up_to_the_longest(failures: int, expected: float) -> None:
    assert Backoff(jitter=0.0).delay_s(failures) == pytest.approx(expected)
