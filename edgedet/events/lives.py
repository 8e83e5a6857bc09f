"""From the tracks of a camera to its events and counts: each object's life is told once, whole, and in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from edgedet.events.ground import Ground
from edgedet.events.life import Life, Moment, is_sane
from edgedet.events.rules import EventRules
from edgedet.types import EndReason, Event, FrameStamp, Track

_SHORT_BLINDNESS_NS = 5_000_000_000
"""What is there before and after so short a time was there in between, and came from the one place to the other."""
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


class Lives:
    """The objects of one camera. Synchronous, and without a clock of its own: time is what frames say.

    What waits and dwells are measured in is time spent looking: it stands still while the camera is blind for more than
    some seconds and where a stamp does not go on, and a jump counts for little.
    """

    def __init__(self, rules: EventRules, new_id: Callable[[int], str]) -> None:
        """`new_id` makes the id of an object from its `started_ns`."""
        self._ground = Ground(rules)
        self._new_id = new_id
        self._lives: dict[int, Life] = {}
        self._unseen: dict[Life, int] = {}
        self._now_ns = 0
        self._at_ns: int | None = None
        self._is_blind = False

    def observe(self, tracks: Sequence[Track], stamp: FrameStamp, at_ns: int) -> tuple[Event, ...]:
        """What is to be told after a looked-at frame: first what has ended, then what there is, by track.

        `at_ns` is the frame's `captured_ns`, or what stands in its place for a recording.
        """
        moment = self._moment(stamp, at_ns)
        before, self._lives = self._lives, {}
        tracked = {track.id for track in tracks}
        self._unseen.update((life, moment.now_ns) for number, life in before.items() if number not in tracked)
        for track in tracks:
            life = before.get(track.id) or self._back_again(track)
            if life is not None or is_sane(track):
                self._lives[track.id] = life or Life(track, self._ground, moment)
        events = self._end_unseen(moment)
        for track in tracks:
            if track.id in self._lives:
                events += self._lives[track.id].see(track, moment, self._new_id)
        return tuple(events)

    def _back_again(self, track: Track) -> Life | None:
        """The life of what stood where this new track is, and was lost."""
        life = next((life for life in self._unseen if life.could_be(track)), None)
        if life is not None:
            del self._unseen[life]
        return life

    def _end_unseen(self, moment: Moment) -> list[Event]:
        """What has no track any more has ended; what stood, a while later."""
        events: list[Event] = []
        for life, since_ns in tuple(self._unseen.items()):
            if not life.stands or moment.now_ns - since_ns >= self._ground.stationary_gone_after_ns:
                del self._unseen[life]
                events += life.end(EndReason.BLIND if life.unseen_since_blind else EndReason.LEFT, moment.at_ns)
        return events

    @property
    def _all(self) -> tuple[Life, ...]:
        return (*self._lives.values(), *self._unseen)

    def blind(self) -> None:
        """Looking has stopped. What is not seen again afterwards has ended for that reason."""
        self._is_blind = True
        for life in self._all:
            life.unseen_since_blind = True

    def end_all(self, reason: EndReason, at_ns: int) -> tuple[Event, ...]:
        """End every life: nobody will look any more."""
        lives, self._lives, self._unseen = self._all, {}, {}
        return tuple(event for life in lives for event in life.end(reason, at_ns))

    def change(self, rules: EventRules) -> tuple[Event, ...]:
        """Go on by other rules. Lives go on; zones that are gone are left."""
        self._ground = Ground(rules)
        events: list[Event] = []
        for life in self._all:
            events += life.change(self._ground, self._at_ns or 0, self._now_ns)
        return tuple(events)

    @property
    def counts(self) -> Counts:
        """How many there are now."""
        told = [life for life in self._all if life.id is not None]
        zones = {zone.name: Counter(dict.fromkeys(zone.labels or (), 0)) for zone in self._ground.zones}
        for life in told:
            for zone in life.zones:
                zones[zone][life.label] += 1
        return Counts(
            objects=dict(Counter(life.label for life in told)),
            active=dict(Counter(life.label for life in told if not life.stationary)),
            zones={zone: dict(counted) for zone, counted in zones.items()},
        )

    def event_of(self, track_id: int) -> str | None:
        """The id under which a track is told of; None: it is not."""
        life = self._lives.get(track_id)
        return None if life is None else life.id

    def _moment(self, stamp: FrameStamp, at_ns: int) -> Moment:
        step_ns = 0 if self._at_ns is None else at_ns - self._at_ns
        if self._is_blind and not 0 <= step_ns <= _SHORT_BLINDNESS_NS:
            for life in self._all:
                life.forget_way()
        else:
            self._now_ns += min(max(step_ns, 0), _LONGEST_STEP_NS)
        self._at_ns, self._is_blind = at_ns, False
        return Moment(stamp, at_ns, self._now_ns)
