"""The demo's verdicts: a promise that is broken must not pass for kept."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from edgedet.demo import faults
from edgedet.demo.faults import HANG, Stage, hang_detector
from edgedet.demo.record import Record
from edgedet.demo.score import Score
from edgedet.demo.subscriber import Heard
from edgedet.demo.summary import judge_goodbye, judge_looking, judge_truth, summary_lines

BASE = "edgedet/demo-0000"


@pytest.fixture
def worker() -> Iterator[subprocess.Popen[bytes]]:
    """Something that can really be stopped."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        yield child
    finally:
        child.kill()
        child.wait()


@pytest.fixture
async def record(monkeypatch: pytest.MonkeyPatch) -> Record:
    monkeypatch.setattr(faults, "_PATIENCE_S", 0.5)
    monkeypatch.setattr(faults, "_UNDER_WAY_S", 0.0)
    fresh = Record(BASE, "yard", time.monotonic())
    tell(fresh, "yard/state", "watching")
    tell(fresh, "yard/objects/all", "3")
    return fresh


def tell(record: Record, topic: str, payload: object) -> None:
    text = payload if isinstance(payload, str) else json.dumps(payload)
    record.hear(Heard(time.monotonic(), f"{BASE}/{topic}", text.encode()))


class Daemon:
    """Says over MQTT what a script tells it to, once its worker was stopped."""

    def __init__(self, record: Record, worker: subprocess.Popen[bytes], story: list[tuple[str, object]]) -> None:
        self.pids = [worker.pid]
        self._record = record
        self._story = story

    def stage(self) -> Stage:
        return Stage(self._record, lambda: self.pids[-1], lambda: self.pids[-1], None)

    async def act(self) -> None:
        await asyncio.sleep(0.05)
        for topic, payload in self._story:
            if topic == "new worker":
                self.pids.append(int(str(payload)))
            else:
                tell(self._record, topic, payload)
            await asyncio.sleep(0.02)


BLIND, BACK, FRAME = ("yard/state", "blind"), ("yard/state", "watching"), ("yard/detections", {"detections": []})
REPLACED = ("new worker", 1)


@pytest.mark.parametrize(
    ("story", "kept"),
    [
        ([BLIND, REPLACED, BACK, FRAME], True),
        ([], False),
        ([BLIND], False),
        ([BLIND, REPLACED, BACK], False),
        ([BLIND, BACK, FRAME], False),
        ([BLIND, ("yard/objects/all", "0"), REPLACED, BACK, FRAME], False),
        ([("yard/objects/all", "0"), BLIND, REPLACED, BACK, FRAME], False),
        ([BLIND, REPLACED, BACK, FRAME, ("yard/objects/all", "0")], True),
    ],
    ids=[
        "replaced",
        "nothing said",
        "never back",
        "no frame after it",
        "the same worker",
        "empty while blind",
        "empty before blind",
        "changed once it looks again",
    ],
)
async def test_a_hang_is_well_handled_only_when_it_is_said_and_ended_and_nothing_was_made_up(
    record: Record, worker: subprocess.Popen[bytes], story: list[tuple[str, object]], *, kept: bool
) -> None:
    daemon = Daemon(record, worker, story)
    outcome, _ = await asyncio.gather(hang_detector(daemon.stage()), daemon.act())
    assert outcome.promise == HANG
    assert outcome.kept is kept, [line.text for line in record.lines]


async def test_a_worker_that_nobody_killed_is_let_go_on(record: Record, worker: subprocess.Popen[bytes]) -> None:
    await hang_detector(Daemon(record, worker, []).stage())
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(10) == -signal.SIGTERM


@pytest.mark.parametrize(
    ("score", "kept"),
    [(Score(100, 90, 2), True), (Score(100, 30, 0), False), (Score(100, 90, 60), False), (Score(), False)],
)
def test_a_model_that_sees_little_or_much_that_is_not_there_breaks_its_promise(score: Score, *, kept: bool) -> None:
    assert judge_truth(score).kept is kept


async def test_without_a_frame_there_was_nothing_to_look_at(record: Record) -> None:
    outcome = judge_looking(record)
    assert outcome is not None
    assert not outcome.kept
    record.count_frame(time.monotonic())
    assert judge_looking(record) is None


async def test_a_goodbye_must_be_heard(record: Record) -> None:
    record.link(linked=True)
    unheard = judge_goodbye(record, None)
    assert unheard is not None
    assert not unheard.kept
    tell(record, "availability", "offline")
    tell(record, "availability", "")
    said = judge_goodbye(record, 7)
    assert said is not None
    assert said.kept
    assert "7 retained topics were cleared" in said.seen


async def test_a_demo_that_is_ended_while_its_broker_is_away_owes_no_goodbye(record: Record) -> None:
    record.link(linked=False)
    assert judge_goodbye(record, None) is None


async def test_the_summary_says_what_held_what_broke_and_what_was_not_shown(record: Record) -> None:
    outcomes = [judge_truth(Score(10, 9, 0)), judge_truth(Score(10, 1, 0))]
    lines = summary_lines(record, outcomes, ["a promise"])
    assert lines[1].startswith("  kept ")
    assert lines[2].startswith("  BROKEN ")
    assert "a promise: there was no time for it" in lines[3]
