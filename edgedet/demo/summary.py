"""What the demo came to: which promises were put to the test, and whether they held."""

from __future__ import annotations

import time
from collections.abc import Sequence

from edgedet.demo.faults import Outcome
from edgedet.demo.messages import figures, health_line
from edgedet.demo.record import Record
from edgedet.demo.score import Score

LOOKS = "there is something to look at"
FINDS = "what is there is found"
LEAVES = "it says goodbye"
_LEAST_RECALL = 0.6
_LEAST_PRECISION = 0.8
"""Far below what the bundled model does: this is about a model that does not work, not about its last percent."""


def judge_looking(record: Record) -> Outcome | None:
    """None while frames were looked at; else why this demo showed nothing."""
    if record.frames:
        return None
    return Outcome(LOOKS, kept=False, seen=f"no frame was looked at; health: {health_line(record)}")


def judge_truth(total: Score) -> Outcome:
    """Whether the model sees what the scene shows."""
    kept = total.truth > 0 and total.recall >= _LEAST_RECALL and total.precision >= _LEAST_PRECISION
    return Outcome(FINDS, kept, f"{total} ({total.recall:.1%} found)")


def judge_goodbye(record: Record, cleared: int | None) -> Outcome | None:
    """Whether the broker was told of the end, and nothing was left on one that is not ours; None without a broker."""
    said = any(heard.payload == b"offline" for heard in record.since(record.started, "availability"))
    if not said and not record.linked and record.messages:
        # The demo was ended while its broker was away.
        return None
    words = "`offline` was published" if said else "`offline` was not heard"
    if cleared is not None:
        words += f", {cleared} retained topics were cleared"
    return Outcome(LEAVES, said, words)


def summary_lines(record: Record, outcomes: Sequence[Outcome], not_shown: Sequence[str]) -> list[str]:
    """The summary, a line each."""
    seconds = time.monotonic() - record.started
    known = figures(record)
    first = f"{seconds:.0f} s, {record.frames:,} frames looked at, {record.messages:,} messages over MQTT"
    lines = [f"{first}; latency {known['latency']}, inference {known['inference']}"]
    lines += [f"  {'kept  ' if outcome.kept else 'BROKEN'}  {outcome.promise}: {outcome.seen}" for outcome in outcomes]
    lines += [f"  not shown  {promise}: there was no time for it" for promise in not_shown]
    return lines
