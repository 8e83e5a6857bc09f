"""The order of events: when what goes wrong, and what all of it came to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from edgedet.demo.faults import BROKER, HANG, STALL, Outcome, Stage, hang_detector, lose_broker, stall_camera

_START_S = 60.0
_FIRST_LOOK_S = 6.0
"""Before anything goes wrong there is something to look at."""
_PAUSE_S = 4.0
_LONG_PAUSE_S = 25.0
"""After all has been shown once, when nobody said how long."""


@dataclass(frozen=True, slots=True)
class _Act:
    play: Callable[[Stage], Awaitable[Outcome]]
    promise: str
    takes_s: float
    """What it takes at most on a slow machine: an act that could not come to its end is not begun."""


_DETECTOR = _Act(hang_detector, HANG, 8.0)
_CAMERA = _Act(stall_camera, STALL, 10.0)
_BROKER = _Act(lose_broker, BROKER, 14.0)


class Script:
    """`run` it as a task; `outcomes` has what was shown so far, the worst of each promise."""

    def __init__(self, stage: Stage, ends: float | None) -> None:
        """`ends` is time.monotonic() of the demo's end, None where it has none."""
        self._stage = stage
        self._ends = ends
        self._acts = [_DETECTOR, _CAMERA, *([_BROKER] if stage.broker else [])]
        self.outcomes: dict[str, Outcome] = {}

    @property
    def not_shown(self) -> list[str]:
        """Promises for which there was no time."""
        return [act.promise for act in self._acts if act.promise not in self.outcomes]

    async def run(self) -> None:
        """Let things go wrong, one after the other; again and again where the demo has no end."""
        record = self._stage.record
        left_s = _START_S if self._ends is None else self._ends - time.monotonic()
        if not await record.wait_for(lambda: bool(record.frames) and record.state() == "watching", left_s):
            return
        record.say("good", f"{record.camera} is watching: the first frame has been looked at")
        await asyncio.sleep(_FIRST_LOOK_S)
        while True:
            for act in self._acts:
                if self._ends is not None and time.monotonic() + act.takes_s > self._ends:
                    return
                outcome = await act.play(self._stage)
                earlier = self.outcomes.get(act.promise)
                if earlier is None or earlier.kept:
                    self.outcomes[act.promise] = outcome
                await asyncio.sleep(_PAUSE_S)
            if self._ends is not None:
                return
            await asyncio.sleep(_LONG_PAUSE_S)
