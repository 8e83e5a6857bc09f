"""One camera's objects over time: the tracker, the lives of what it tracks, and what a gap in looking means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgedet.events.lives import Counts, Lives
from edgedet.types import EndReason

if TYPE_CHECKING:
    from edgedet.events.rules import EventRules
    from edgedet.tracking import Tracker
    from edgedet.types import Detection, Event, FrameResult, FrameStamp, Track

WEAKEST_SCORE = 0.1
"""Boxes down to here help the tracker through a bad view; they count only as part of an object that was seen better."""
_LONG_GAP = 3.0
"""Times the usual pause between two frames: after a longer one, nobody was looking."""
_LONG_GAP_AT_LEAST_S = 1.0
_USUAL_WEIGHT = 0.3


@dataclass(frozen=True, slots=True)
class Tracked:
    """Which objects a frame shows."""

    detections: tuple[Detection, ...]
    """Those that count by themselves, highest score first."""
    track_ids: tuple[int | None, ...]
    """Of the detections, one each; None until an object is confirmed."""
    tracks: tuple[Track, ...]


@dataclass(frozen=True, slots=True)
class Observed:
    """What a frame came to."""

    tracks: tuple[Track, ...]
    events: tuple[Event, ...]
    counts: Counts

    @property
    def stirring(self) -> bool:
        """Whether anything is there that moves or may be about to: what has stood still for long is not.

        What should be there and was not seen is looked for, too: a few rare looks are no proof that it has gone.
        """
        return bool(self.counts.active) or any(not track.confirmed or track.detection is None for track in self.tracks)


class ObjectWatch:
    """Give it every looked-at frame of one camera, in order."""

    def __init__(
        self,
        rules: EventRules,
        new_tracker: Callable[[], Tracker],
        new_id: Callable[[int], str],
        usual_s: float,
        idle_s: float = 0.0,
    ) -> None:
        """Assign only.

        Args:
            rules: what is told.
            new_tracker: makes a tracker that knows nothing.
            new_id: makes the name of a life that has begun at that time.
            usual_s: the expected pause between two frames, seconds.
            idle_s: the pause that the motion gate makes while nothing moves, seconds; 0 without it. That is no gap.
        """
        self._rules = rules
        self._new_tracker = new_tracker
        self._tracker = new_tracker()
        self.lives = Lives(rules, new_id)
        self._usual_s = usual_s
        self._idle_s = idle_s
        self._last_ns: int | None = None
        self._blind = False

    def track(self, result: FrameResult, at_ns: int) -> Tracked:
        """A frame has been looked at; `at_ns` is its time on the clock of ages. `observe` must follow."""
        self._mind_the_gap(at_ns)
        tracks = self._tracker.update(result.detections, at_ns)
        ids = {
            id(result.detections[track.detection]): track.id
            for track in tracks
            if track.confirmed and track.detection is not None
        }
        counted = self._rules.filters.accepted(result)
        return Tracked(counted, tuple(ids.get(id(found)) for found in counted), tracks)

    def observe(self, tracked: Tracked, stamp: FrameStamp, at_ns: int) -> Observed:
        """What that frame is worth telling. Apart from `track`, so that its detections need not wait for it."""
        events = self.lives.observe(tracked.tracks, stamp, at_ns)
        return Observed(tracked.tracks, events, self.lives.counts)

    def blind(self) -> None:
        """Nobody is looking: nothing ages until the next frame."""
        self._blind = True

    def end_all(self, reason: EndReason, at_ns: int) -> tuple[Event, ...]:
        """Looking ends for good: what was there is over, and the next frame begins from nothing."""
        self._tracker = self._new_tracker()
        self._last_ns = None
        self._blind = False
        return self.lives.end_all(reason, at_ns)

    def change(self, rules: EventRules) -> tuple[Event, ...]:
        """Other rules from now on; lives go on."""
        self._rules = rules
        return self.lives.change(rules)

    def _mind_the_gap(self, at_ns: int) -> None:
        last_ns, self._last_ns = self._last_ns, at_ns
        if last_ns is None:
            return
        gap_s = (at_ns - last_ns) / 1e9
        long_gap = gap_s > max(_LONG_GAP_AT_LEAST_S, _LONG_GAP * max(self._usual_s, self._idle_s))
        if self._blind or long_gap:
            self.lives.blind()
            self._tracker.resume(at_ns)
        if not self._blind and gap_s >= 0:
            # A machine that needs three seconds a frame is slow, not blind: what is usual follows what happens.
            self._usual_s += _USUAL_WEIGHT * (gap_s - self._usual_s)
        self._blind = False
