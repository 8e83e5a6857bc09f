"""`edgedet detect --events`: what a camera would have told of a recording. Time is the recording's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from edgedet.app import composition
from edgedet.app.objects import ObjectWatch
from edgedet.types import EndReason

if TYPE_CHECKING:
    from edgedet.app.sources import NamedSource
    from edgedet.events.rules import EventRules
    from edgedet.pipeline import Seen
    from edgedet.types import Event, FrameStamp

_USUAL_S = 1 / 25
"""Pause between two frames of a recording, until its own is known."""


@dataclass(frozen=True, slots=True)
class Told:
    """An event and the frame that it was told after."""

    source: str
    """As given on the command line."""
    frame: int
    pts_s: float
    """Seconds from the start of the source."""
    seq: int
    """Counts up by one from 1, over all sources."""
    event: Event


class Replay:
    """Takes the frames of one source after another, and hands on events, in order.

    Its answers are the same for the same frames: neither a clock nor chance is in them.
    """

    def __init__(self, rules: EventRules, tell: Callable[[Told], None], idle_s: float = 0.0) -> None:
        """Assign only; `idle_s` is the pause that the motion gate makes while nothing moves, 0 without it."""
        self._rules = rules
        self._idle_s = idle_s
        self.stirring = False
        """Whether anything that may move was there in the last frame."""
        self._tell = tell
        self._objects: ObjectWatch | None = None
        self._last: FrameStamp | None = None
        self._lives = 0
        self._told = 0

    async def write(self, source: NamedSource, seen: Seen) -> None:
        """See `Sink.write`."""
        if self._objects is None:
            self._objects = ObjectWatch(self._rules, composition.new_tracker, self._new_id, _USUAL_S, self._idle_s)
        stamp = seen.result.stamp
        at_ns = _at_ns(stamp)
        # Events carry the time of their frame; here that is the recording's and not when it was decoded.
        self._last = replace(stamp, captured_ns=at_ns)
        tracked = self._objects.track(replace(seen.result, stamp=self._last), at_ns)
        observed = self._objects.observe(tracked, self._last, at_ns)
        self.stirring = observed.stirring
        self._hand_on(source, observed.events)

    async def ended(self, source: NamedSource) -> None:
        """See `Sink.ended`: what is still there ends with its recording."""
        if self._objects is not None and self._last is not None:
            self._hand_on(source, self._objects.end_all(EndReason.OFF, self._last.captured_ns))
        self._objects = None
        self._last = None
        self.stirring = False

    def _hand_on(self, source: NamedSource, events: tuple[Event, ...]) -> None:
        if self._last is None:
            return
        for event in events:
            self._told += 1
            self._tell(Told(source.given, self._last.seq, self._last.pts_s, self._told, event))

    def _new_id(self, started_ns: int) -> str:
        self._lives += 1
        return f"{started_ns // 1_000_000}-{self._lives}"


def _at_ns(stamp: FrameStamp) -> int:
    """Still pictures have no time; each is taken for a scene of its own, a minute from the one before."""
    return round(stamp.pts_s * 1e9) + (60_000_000_000 * stamp.seq if stamp.name else 0)
