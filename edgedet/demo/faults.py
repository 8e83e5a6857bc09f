"""What goes wrong in the demo, for real, and what is to be seen of it from outside."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from edgedet.demo.broker import Broker
from edgedet.demo.record import Record
from edgedet.demo.subscriber import Heard

HANG = "a detector that hangs is killed and replaced"
STALL = "a camera that stalls is blind, never empty"
BROKER = "detection never waits for the broker"

_PATIENCE_S = 20.0
_BROKER_AWAY_S = 5.0
_AT_LEAST_OF_RATE = 0.5
"""Share of the rate before that must go on without a broker: who waits for one gets none, a busy machine some less."""
_UNDER_WAY_S = 0.5
"""What was being looked at when a worker stopped may still come out."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A promise, put to the test."""

    promise: str
    kept: bool
    seen: str


@dataclass(frozen=True, slots=True)
class Stage:
    """Where faults happen."""

    record: Record
    detector_pid: Callable[[], int | None]
    camera_pid: Callable[[], int | None]
    broker: Broker | None
    """The demo's own; somebody else's is left alone."""


async def hang_detector(stage: Stage) -> Outcome:
    """Stop the detector worker, as a driver does that never returns."""
    stage.record.say("act", "stopping the detector worker (SIGSTOP: it hangs)")
    return await _stop_worker(stage, HANG, "the detector", stage.detector_pid)


async def stall_camera(stage: Stage) -> Outcome:
    """Stop the camera worker, as a camera does that freezes."""
    stage.record.say("act", "stopping the camera worker (SIGSTOP: no frames come)")
    return await _stop_worker(stage, STALL, "the camera", stage.camera_pid)


async def lose_broker(stage: Stage) -> Outcome:
    """Kill the broker, and bring it back without anything that it knew."""
    record, broker = stage.record, stage.broker
    if broker is None:
        raise ValueError("that broker is not ours to kill")
    rate = record.rate()
    record.say("act", f"killing the broker ({broker.kind}, SIGKILL)")
    await broker.kill()
    frames, began = record.frames, time.monotonic()
    await asyncio.sleep(_BROKER_AWAY_S)
    looked = record.frames - frames
    rate_without = looked / (time.monotonic() - began)
    goes_on = rate_without >= rate * _AT_LEAST_OF_RATE
    _tell(
        record,
        goes_on,
        f"without a broker {looked} frames were looked at, {rate_without:.1f} a second ({rate:.1f} before)",
    )
    record.say("act", "starting the broker again, empty")
    await broker.restart()
    began = time.monotonic()
    wanted = ("availability", "health", f"{record.camera}/state", f"{record.camera}/detections")

    def all_told() -> bool:
        return all(record.since(began, topic) for topic in wanted)

    back = await record.wait_for(all_told, _PATIENCE_S)
    took_s = time.monotonic() - began
    again = "availability, health, states and detections are there again"
    told = f"{again} after {took_s:.1f} s" if back else f"not everything was published again within {_PATIENCE_S:g} s"
    _tell(record, back, told)
    return Outcome(BROKER, goes_on and back, f"{rate_without:.1f} frames a second without it; {told}")


async def _stop_worker(stage: Stage, promise: str, what: str, pid_of: Callable[[], int | None]) -> Outcome:
    record = stage.record
    pid = pid_of()
    if pid is None:
        record.say("bad", f"{what} has no worker")
        return Outcome(promise, kept=False, seen="there was no worker to stop")
    began = time.monotonic()
    try:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
        await asyncio.sleep(_UNDER_WAY_S)
        quiet_from, counts = time.monotonic(), record.counts()
        await record.wait_for(lambda: _blind_at(record, began) is not None, _PATIENCE_S)
        noticed_at = _blind_at(record, began)
        if noticed_at is None:
            record.say("bad", f"{what} stands still, and nothing said so within {_PATIENCE_S:g} s")
            return Outcome(promise, kept=False, seen="it was not noticed")
        kept_count = f"objects/all stays {record.counts().get('all', '?')}"
        record.say("good", f"{record.camera} is blind after {noticed_at - began:.1f} s; {kept_count}")
        blind_at = noticed_at
        back = await record.wait_for(lambda: _answers(record, blind_at), _PATIENCE_S)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
    took_s = time.monotonic() - began
    quiet = _nothing_claimed(record, quiet_from, counts)
    replaced = back and pid_of() not in {None, pid}
    told = f"{what} is back after {took_s:.1f} s, in a new process" if replaced else f"{what} did not come back"
    _tell(record, replaced, told)
    if not quiet:
        record.say("bad", "while nobody looked, something was published about what is there")
    seen = f"blind after {noticed_at - began:.1f} s, {kept_count}; back after {took_s:.1f} s"
    return Outcome(promise, replaced and quiet, seen)


def _blind_at(record: Record, since: float) -> float | None:
    """When `state` said so; it may have moved on before we look."""
    states = record.since(since, f"{record.camera}/state")
    return next((heard.at for heard in states if heard.payload == b"blind"), None)


def _answers(record: Record, since: float) -> bool:
    return bool(record.since(since, f"{record.camera}/detections")) and record.state() == "watching"


def _nothing_claimed(record: Record, since: float, counts: dict[str, str]) -> bool:
    """Whether, until the first frame that was looked at again, no count moved and no empty picture was reported."""
    told = record.since(since, f"{record.camera}/")
    detections = f"{record.base}/{record.camera}/detections"
    until = next((heard.at for heard in told if heard.topic == detections), time.monotonic())
    return not any(_contradicts(heard, record, counts) for heard in told if heard.at < until)


def _contradicts(heard: Heard, record: Record, counts: dict[str, str]) -> bool:
    label = heard.topic.removeprefix(f"{record.base}/{record.camera}/objects/")
    return label != heard.topic and heard.payload.decode(errors="replace") != counts.get(label)


def _tell(record: Record, good: bool, text: str) -> None:  # noqa: FBT001 - its only meaning
    record.say("good" if good else "bad", text)
