"""From the tracks of a camera to its events and counts: each object's life is told once, whole, and in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from edgedet.events.ground import Ground
from edgedet.events.life import Life, Moment, is_sane
from edgedet.events.rules import EventRules
from edgedet.types import EndReason, Event, EventKind, FrameStamp, Track

_LONGEST_STEP_NS = 30_000_000_000
"""Between two frames no more time than this counts: a clock that jumps by hours makes nobody loiter."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How many there are now, of what has been told of."""

    objects: Mapping[str, int]
    """By label; a label of which there is none now is not in it."""
    active: Mapping[str, int]
    """By label: those that are not stationary."""
    zones: Mapping[str, Mapping[str, int]]
    """By zone and label. A zone's own labels are always in it, also with 0; others only while there are some."""
    lines: Mapping[str, tuple[int, int]]
    """By line: crossings in and out since the start."""


class Lives:
    """The objects of one camera. Synchronous, and without a clock of its own: time is what frames say.

    What waits and dwells are measured in is time spent looking: it stands still while the camera is blind and where
    a stamp does not go on, and a jump counts for little.
    """

    def __init__(self, rules: EventRules, new_id: Callable[[int], str]) -> None:
        """`new_id` makes the id of an object from its `started_ns`."""
        self._ground = Ground(rules)
        self._new_id = new_id
        self._lives: dict[int, Life] = {}
        self._crossings: dict[str, tuple[int, int]] = {rule.name: (0, 0) for rule in rules.lines}
        self._now_ns = 0
        self._at_ns: int | None = None
        self._is_blind = False

    def observe(self, tracks: Sequence[Track], stamp: FrameStamp, at_ns: int) -> tuple[Event, ...]:
        """What is to be told after a looked-at frame: first what has ended, then what there is, by track.

        `at_ns` is the frame's `captured_ns`, or what stands in its place for a recording.
        """
        moment = self._moment(stamp, at_ns)
        before, self._lives = self._lives, {}
        for track in tracks:
            life = before.pop(track.id, None)
            if life is not None or is_sane(track):
                self._lives[track.id] = Life(track, self._ground, moment) if life is None else life
        events: list[Event] = []
        for life in before.values():
            events += life.end(EndReason.BLIND if life.unseen_since_blind else EndReason.LEFT, at_ns)
        for track in tracks:
            if track.id in self._lives:
                events += self._lives[track.id].see(track, moment, self._new_id)
        for event in events:
            if event.kind is EventKind.LINE_CROSS and event.line is not None:
                come, gone = self._crossings[event.line]
                self._crossings[event.line] = (come + 1, gone) if event.direction == "in" else (come, gone + 1)
        return tuple(events)

    def blind(self) -> None:
        """Looking has stopped. What is not seen again afterwards has ended for that reason."""
        self._is_blind = True
        for life in self._lives.values():
            life.blind()

    def end_all(self, reason: EndReason, at_ns: int) -> tuple[Event, ...]:
        """End every life: nobody will look any more."""
        lives, self._lives = self._lives, {}
        return tuple(event for life in lives.values() for event in life.end(reason, at_ns))

    def change(self, rules: EventRules) -> tuple[Event, ...]:
        """Go on by other rules. Lives go on; zones that are gone are left; totals of lines are kept by name."""
        self._ground = Ground(rules)
        self._crossings = {rule.name: self._crossings.get(rule.name, (0, 0)) for rule in rules.lines}
        events: list[Event] = []
        for life in self._lives.values():
            events += life.change(self._ground, self._at_ns or 0, self._now_ns)
        return tuple(events)

    @property
    def counts(self) -> Counts:
        """How many there are now."""
        told = [life for life in self._lives.values() if life.id is not None]
        zones = {zone.name: Counter(dict.fromkeys(zone.labels or (), 0)) for zone in self._ground.zones}
        for life in told:
            for zone in life.zones:
                zones[zone][life.label] += 1
        return Counts(
            objects=dict(Counter(life.label for life in told)),
            active=dict(Counter(life.label for life in told if not life.stationary)),
            zones={zone: dict(counted) for zone, counted in zones.items()},
            lines=dict(self._crossings),
        )

    def event_of(self, track_id: int) -> str | None:
        """The id under which a track is told of; None: it is not."""
        life = self._lives.get(track_id)
        return None if life is None else life.id

    def _moment(self, stamp: FrameStamp, at_ns: int) -> Moment:
        if self._at_ns is not None and not self._is_blind:
            self._now_ns += min(max(at_ns - self._at_ns, 0), _LONGEST_STEP_NS)
        self._at_ns, self._is_blind = at_ns, False
        return Moment(stamp, at_ns, self._now_ns)
