"""The life of one object: what of it has been told, and what is to be told next."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from edgedet.events.crossings import Direction, Passage
from edgedet.events.evidence import Evidence
from edgedet.events.ground import Ground, Line, Zone, nanoseconds
from edgedet.events.rest import Rest
from edgedet.events.stays import Stay, Step
from edgedet.geometry import intersection_over_union
from edgedet.types import Box, EndReason, Event, EventKind, FrameStamp, Track

BETTER_SCORE = 0.1
"""A top score that is better by so much than the last one told is worth an update."""
_SAME_PLACE = 0.5
"""Overlap of a box with the place where an object stood."""
_LABEL_HOLDS_NS = 2_000_000_000
"""How long the tracker's vote must name another class before a told object is called by it."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A looked-at frame."""

    stamp: FrameStamp
    at_ns: int
    """As events carry it."""
    now_ns: int
    """Time spent looking: what waits and dwells are measured in."""


@dataclass(slots=True)
class _Told:
    """What listeners know of an object, so that nothing is told twice."""

    label: str
    began_ns: int
    """When it was first told of."""
    updated_ns: int | None = None
    top_score: float = 0.0
    stationary: bool = False
    loitering: tuple[str, ...] = field(default=())


class Life:
    """One object from its first sighting on."""

    def __init__(self, track: Track, ground: Ground, moment: Moment) -> None:
        self.id: str | None = None
        """None until it is told of."""
        self.label = track.label
        """What it is called in events and counts."""
        self.unseen_since_blind = False
        self._track = track
        self._sighting: tuple[Box, int] | None = None
        self._started_ns = track.first_ns
        self._ground = ground
        self._told = _Told(track.label, 0)
        self._top_score = 0.0
        self._evidence = Evidence()
        self._rest = Rest(track.box, moment.now_ns)
        self._began_ns = moment.now_ns
        self._rival: tuple[str, int] | None = None
        self._stays = {zone.name: Stay(moment.now_ns) for zone in ground.zones}
        self._entered: list[str] = []
        self._passages = {line.name: Passage() for line in ground.lines}
        self._crossed: list[tuple[Line, Direction]] = []

    @property
    def stationary(self) -> bool:
        """Whether it stands."""
        return self._rest.stationary

    @property
    def stands(self) -> bool:
        """Whether it stands, and was told of."""
        return self.id is not None and self._rest.stationary

    def could_be(self, track: Track) -> bool:
        """Whether a new track could be this object, still in the place where it stood."""
        same = self.stands and track.label == self.label
        return same and intersection_over_union(self._rest.place, track.box) >= _SAME_PLACE

    @property
    def zones(self) -> tuple[str, ...]:
        """Where it is, as far as that has been told, in the order of the configuration."""
        return tuple(name for name, stay in self._stays.items() if stay.entered)

    def forget_way(self) -> None:
        """Nobody has looked for long: how it came to where it is next is not known, and no crossing."""
        self._sighting = None
        for passage in self._passages.values():
            passage.forget()

    def change(self, ground: Ground, at_ns: int, now_ns: int) -> list[Event]:
        """Go on by other rules. A zone is the same by its name, a line only if it has not moved."""
        before, self._ground = self._ground, ground
        stays, passages = self._stays, self._passages
        same = {line.name for line in before.lines if line.rule in {other.rule for other in ground.lines}}
        self._stays = {zone.name: stays.get(zone.name) or Stay(now_ns) for zone in ground.zones}
        self._passages = {line.name: passages[line.name] if line.name in same else Passage() for line in ground.lines}
        gone = [name for name, stay in stays.items() if stay.entered and name not in self._stays]
        return [self._event(EventKind.ZONE_LEAVE, at_ns, zone=name) for name in gone]

    def see(self, track: Track, moment: Moment, new_id: Callable[[int], str]) -> list[Event]:
        """What is to be told after a frame. A coasting track changes nothing of what was seen."""
        if not is_sane(track):
            track = replace(track, box=self._track.box, score=self._track.score, detection=None)
        self._track = track
        seen = track.detection is not None
        if seen:
            self.unseen_since_blind = False
            self._top_score = max(self._top_score, track.score)
            self._evidence.add(track.score, track.box, moment.now_ns)
            self._rest.step(track.box, moment.now_ns, self._ground.stationary_after_ns)
        if self._cross(track.box if seen else None, moment.now_ns) and seen:
            self._rest.set_off(track.box, moment.now_ns)
        events = []
        if self.id is None:
            self.label = track.label
            if seen and self._is_worth_telling(moment):
                self.id = new_id(self._started_ns)
                self._told = _Told(self.label, moment.now_ns, stationary=self.stationary)
                events.append(self._event(EventKind.NEW, moment.at_ns))
        else:
            self._rename(moment)
        events += self._move(track.box if seen else None, moment)
        if seen:
            self._sighting = (track.box, moment.now_ns)
        if self.id is not None:
            if self._crossed:
                events += self._tell_crossings(moment.at_ns)
            if self._update_is_due(moment.now_ns):
                events.append(self._update(moment))
        return events

    def end(self, reason: EndReason, at_ns: int) -> list[Event]:
        """What is to be told when it is over; nothing for what was never told of."""
        if self.id is None:
            return []
        events = []
        for name, stay in self._stays.items():
            if stay.entered:
                stay.entered = False
                events.append(self._event(EventKind.ZONE_LEAVE, at_ns, zone=name))
        ended_ns = max(self._track.seen_ns, self._started_ns)
        return [*events, self._event(EventKind.END, at_ns, ended_ns=ended_ns, end_reason=reason)]

    def _is_worth_telling(self, moment: Moment) -> bool:
        filters = self._ground.filters
        there_ns = moment.now_ns - self._began_ns
        return (
            self._track.confirmed
            and there_ns >= nanoseconds(filters.of(self.label).min_time_s)
            and self._evidence.passes(filters, self.label, moment.stamp)
        )

    def _rename(self, moment: Moment) -> None:
        """Call it by another class once the tracker has done so for a while, and if such an object counts at all."""
        label = self._track.label
        if label == self.label:
            self._rival = None
        elif self._rival is None or self._rival[0] != label:
            self._rival = (label, moment.now_ns)
        elif moment.now_ns - self._rival[1] >= _LABEL_HOLDS_NS and self._evidence.passes(
            self._ground.filters, label, moment.stamp
        ):
            self.label, self._rival = label, None

    def _move(self, box: Box | None, moment: Moment) -> list[Event]:
        """Zones that it has left, then zones that it has come into. Before it is told of, only its time there runs."""
        left: list[str] = []
        come: list[str] = []
        label, now_ns, told = self.label, moment.now_ns, self.id is not None
        within = passed_ns = None
        for zone, stay in zip(self._ground.zones, self._stays.values(), strict=True):
            if box is not None:
                within = (zone.labels is None or label in zone.labels) and zone.area.holds(box, zone.anchor)
                if not within and stay.visit_ns is None:
                    continue
                passed_ns = None if within is stay.within else self._passed_ns(zone, box, now_ns)
            step = stay.step(zone, now_ns, within=within, told=told, passed_ns=passed_ns)
            if step is not None:
                (come if step is Step.ENTER else left).append(zone.name)
        if not left and not come:
            return []
        self._entered += [name for name in come if name not in self._entered]
        return [
            *(self._event(EventKind.ZONE_LEAVE, moment.at_ns, zone=name) for name in left),
            *(self._event(EventKind.ZONE_ENTER, moment.at_ns, zone=name) for name in come),
        ]

    def _passed_ns(self, zone: Zone, box: Box, now_ns: int) -> int | None:
        """When it passed the zone's edge on its straight way from its last sighting; None: not on such a way."""
        if self._sighting is None:
            return None
        before, before_ns = self._sighting
        share = zone.area.passed(before, box, zone.anchor)
        return None if share is None else before_ns + round(share * (now_ns - before_ns))

    def _cross(self, box: Box | None, now_ns: int) -> bool:
        """Take down which lines it has crossed; says whether it was any."""
        before = len(self._crossed)
        for line, passage in zip(self._ground.lines, self._passages.values(), strict=True):
            direction = passage.wait(now_ns) if box is None else passage.step(line.axis, box, now_ns)
            if direction is not None:
                self._crossed.append((line, direction))
        return len(self._crossed) > before

    def _tell_crossings(self, at_ns: int) -> list[Event]:
        crossed, self._crossed = self._crossed, []
        return [
            self._event(EventKind.LINE_CROSS, at_ns, line=line.name, direction=direction)
            for line, direction in crossed
            if line in self._ground.lines and (line.labels is None or self.label in line.labels)
        ]

    def _loitering(self, now_ns: int) -> tuple[str, ...]:
        if not self._ground.loitering_is_told:
            return ()
        zones = zip(self._ground.zones, self._stays.values(), strict=True)
        return tuple([zone.name for zone, stay in zones if stay.entered and stay.loiters(zone, now_ns)])

    def _update_is_due(self, now_ns: int) -> bool:
        told, every_ns = self._told, self._ground.update_every_ns
        loitering = self._loitering(now_ns)
        loiters_more = loitering != told.loitering and any(zone not in told.loitering for zone in loitering)
        if not loiters_more:
            told.loitering = loitering  # that it loiters no more, is said by its leaving
        if told.updated_ns is not None and now_ns - told.updated_ns < every_ns:
            return False
        if loiters_more or self.stationary is not told.stationary or self.label != told.label:
            return True
        # What stands is silent: a better picture of a parked car is no news.
        better = not self.stationary and self._top_score >= told.top_score + BETTER_SCORE
        return better and now_ns - told.began_ns >= every_ns

    def _update(self, moment: Moment) -> Event:
        told = self._told
        told.updated_ns, told.stationary, told.label = moment.now_ns, self.stationary, self.label
        told.loitering = self._loitering(moment.now_ns)
        return self._event(EventKind.UPDATE, moment.at_ns)

    def _event(self, kind: EventKind, at_ns: int, **what: Any) -> Event:
        track, told = self._track, self._told
        told.top_score = self._top_score
        zones = self.zones
        return Event(
            id=self.id or "",
            kind=kind,
            label=self.label,
            track_id=track.id,
            score=track.score,
            top_score=self._top_score,
            box=track.box,
            captured_ns=at_ns,
            started_ns=self._started_ns,
            zones=zones,
            entered_zones=tuple(self._entered),
            loitering=tuple(zone for zone in told.loitering if zone in zones),
            stationary=self.stationary,
            **what,
        )


def is_sane(track: Track) -> bool:
    """Whether the track's numbers are numbers: what is not, is told to nobody."""
    box = track.box
    return math.isfinite(box.x1 + box.y1 + box.x2 + box.y2 + track.score)
