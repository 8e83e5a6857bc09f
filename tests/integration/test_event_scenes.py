"""Zones and lines on twenty scenes whose truth is known: every event once, and on time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import count

import pytest

from edgedet.events.filters import Filters
from edgedet.events.lives import Lives
from edgedet.events.rules import EventRules, LineRule, ZoneRule
from edgedet.geometry import intersection_over_union
from edgedet.tracking import ByteTracker
from edgedet.types import Box, Event, EventKind, FrameStamp, Track
from event_truth import (
    STEP_S,
    Crossing,
    Sample,
    Visit,
    crossings,
    distance_to_edge,
    distance_to_line,
    in_sight,
    visits,
    ways_of,
)
from tracking_scenes import Moment, TrackingScene, streets, tracking_scenes

LEFT = ZoneRule("left", ((0.0, 0.0), (0.35, 0.0), (0.45, 1.0), (0.0, 1.0)))
MIDDLE = ZoneRule("middle", ((0.3, 0.3), (0.7, 0.3), (0.75, 1.0), (0.25, 1.0)), dwell_s=1.0)
RIGHT = ZoneRule("right", ((0.6, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0)), dwell_s=0.5, inertia_s=1.0)
ZONES = (LEFT, MIDDLE, RIGHT)
LINES = (LineRule("upright", (0.5, 1.0), (0.5, 0.0)), LineRule("across", (0.0, 0.7), (1.0, 0.6)))
CLEAR = 0.03
"""What comes no nearer to an edge than this, in fractions of the frame, is beyond doubt on one side of it."""
SLACK_S = 0.5
EARLY_S = 0.35
"""A box that is wrong by 4 % of its sides is over an edge somewhat before the object is."""

Tracking = Callable[[Moment], Sequence[Track]]


@dataclass(frozen=True)
class Told:
    at_s: float
    event: Event
    object_id: int | None
    """Whose box it is in truth; None: nobody's."""


def true_tracks() -> Tracking:
    """Tracks as they would be without a fault: each object under its own number, where it truly is."""
    first: dict[int, int] = {}

    def track(moment: Moment) -> Sequence[Track]:
        tracks = []
        for actor in moment.actors:
            if not actor.countable and actor.object_id not in first:
                continue
            began = first.setdefault(actor.object_id, moment.at_ns)
            confirmed, detection = moment.at_ns - began >= 300_000_000, 0 if actor.countable else None
            tracks.append(
                Track(actor.object_id, actor.label, 0, 0.8, actor.box, confirmed, detection, began, moment.at_ns)
            )
        return tracks

    return track


def real_tracks() -> Tracking:
    """The tracker's, from boxes with noise, a tenth of them missing."""
    tracker = ByteTracker()
    return lambda moment: tracker.update(moment.detections, moment.at_ns)


@dataclass
class Play:
    """What was told of a scene, and when each object was seen by the tracker."""

    told: list[Told] = field(default_factory=list)
    seen_s: dict[int | None, list[float]] = field(default_factory=dict)


def play(moments: Sequence[Moment], tracking: Tracking) -> Play:
    ids = count(1)
    lives = Lives(EventRules(Filters(0.4), ZONES, LINES), lambda _: str(next(ids)))
    played = Play()
    whose: dict[int, int | None] = {}
    for frame, moment in enumerate(moments):
        stamp = FrameStamp(frame, moment.at_ns, moment.at_s, 640, 480)
        tracks = tracking(moment)
        for track in tracks:
            # What is not seen is whose it was: where its box is meanwhile, is a guess.
            if track.detection is not None:
                whose[track.id] = _whose(track.box, moment)
                played.seen_s.setdefault(whose[track.id], []).append(moment.at_s)
        for event in lives.observe(tracks, stamp, moment.at_ns):
            played.told.append(Told(moment.at_s, event, whose.get(event.track_id)))
    return played


def _whose(box: Box, moment: Moment) -> int | None:
    overlap = {actor.object_id: intersection_over_union(actor.box, box) for actor in moment.actors}
    whose = max(overlap, key=lambda object_id: overlap[object_id], default=None)
    return whose if whose is not None and overlap[whose] > 0.3 else None


@cache
def truth_of(scene: TrackingScene) -> tuple[list[Moment], dict[int, list[Sample]]]:
    return scene.moments(), ways_of(scene.actors, scene.seconds)


@dataclass(frozen=True)
class Due:
    """Something that must be told once, within these times."""

    what: Visit | Crossing
    from_s: float
    to_s: float


class Judge:
    def __init__(self, scene: TrackingScene, tracking: Tracking) -> None:
        self.moments, self.ways = truth_of(scene)
        played = play(self.moments, tracking)
        self.told, self.seen_s = played.told, played.seen_s
        self.new_s = {told.event.id: told.at_s for told in self.told if told.event.kind is EventKind.NEW}

    def latest(self, object_id: int, due_s: float) -> float:
        """Half a second, or two frames in which the object was seen, after something is due."""
        frames = [at_s for at_s in self.seen_s.get(object_id, []) if at_s >= due_s]
        return max(due_s + SLACK_S, frames[1] if len(frames) > 1 else due_s)

    def first_look(self, object_id: int, at_s: float) -> float:
        return next((seen_s for seen_s in self.seen_s.get(object_id, []) if seen_s >= at_s), at_s)

    def entries(self) -> Iterator[tuple[Due, list[Told]]]:
        """Each clear coming into a zone, and when it was told."""
        for zone in ZONES:
            for visit in visits(self.ways, zone):
                wait_s = max(zone.dwell_s, zone.inertia_s)
                due_s = self.first_look(visit.object_id, visit.from_s) + wait_s
                until_s = self.latest(visit.object_id, due_s)
                if visit.to_s > until_s and self._is_clear(visit, zone, visit.from_s, until_s):
                    told = self._told(EventKind.ZONE_ENTER, visit.object_id, visit.from_s - EARLY_S, visit.to_s)
                    told = [each for each in told if each.event.zone == zone.name]
                    since_s = max([due_s, *(self.new_s[each.event.id] for each in told)])
                    # The wait runs from the edge on, not from the first look beyond it.
                    yield Due(visit, visit.from_s + wait_s - EARLY_S, self.latest(visit.object_id, since_s)), told

    def exits(self) -> Iterator[tuple[Due, list[Told]]]:
        """Each clear walk out of a zone, and when it was told."""
        for zone in ZONES:
            for visit in visits(self.ways, zone):
                if not visit.ends_in_sight or visit.to_s - visit.from_s < max(zone.dwell_s, zone.inertia_s) + 2.0:
                    continue
                due_s = self.first_look(visit.object_id, visit.to_s) + zone.inertia_s
                until_s = self.latest(visit.object_id, due_s)
                if self._is_clear(visit, zone, visit.to_s, until_s):
                    told = self._told(EventKind.ZONE_LEAVE, visit.object_id, visit.to_s - EARLY_S, due_s + 4.0)
                    told = [each for each in told if each.event.zone == zone.name]
                    yield Due(visit, visit.to_s + zone.inertia_s - EARLY_S, until_s), told

    def passages(self) -> Iterator[tuple[Due, list[Told]]]:
        """Each clear crossing of a line, and when it was told."""
        for line in LINES:
            for crossing in crossings(self.ways, line):
                way = self.ways[crossing.object_id]
                beyond = [
                    s.at_s for s in way if s.at_s > crossing.at_s and distance_to_line(line, s.x, s.y) > CLEAR / 2
                ]
                if not beyond:
                    continue
                due_s = self.first_look(crossing.object_id, beyond[0])
                latest_s = self.latest(crossing.object_id, due_s)
                before = [s for s in way if crossing.at_s - 1.5 <= s.at_s < crossing.at_s]
                after = [s for s in way if beyond[0] < s.at_s <= latest_s + 0.5]
                clear = (
                    any(distance_to_line(line, s.x, s.y) > CLEAR for s in before)
                    and any(distance_to_line(line, s.x, s.y) > CLEAR for s in after)
                    and [c.direction for c in crossings({0: [*before, *after]}, line)] == [crossing.direction]
                )
                if clear and in_sight(way, crossing.at_s - 1.0, latest_s) and latest_s < self.moments[-1].at_s:
                    told = self._told(EventKind.LINE_CROSS, crossing.object_id, crossing.at_s - 1.0, latest_s + 1.0)
                    told = [
                        each
                        for each in told
                        if each.event.line == line.name and each.event.direction == crossing.direction
                    ]
                    since_s = max([due_s, *(self.new_s[each.event.id] for each in told)])
                    yield Due(crossing, crossing.at_s - EARLY_S, self.latest(crossing.object_id, since_s)), told

    def wrong(self) -> tuple[int, list[str]]:
        """How much was due, and what of it was not told once and in time."""
        due, wrong = 0, []
        for what, told in (*self.entries(), *self.exits(), *self.passages()):
            due += 1
            if len(told) != 1 or not what.from_s <= told[0].at_s <= what.to_s + 1e-6:
                wrong.append(f"{what}: {[(each.at_s, each.event.kind) for each in told]}")
        return due, wrong

    def _told(self, kind: EventKind, object_id: int, from_s: float, to_s: float) -> list[Told]:
        return [t for t in self.told if t.event.kind is kind and t.object_id == object_id and from_s <= t.at_s <= to_s]

    def _is_clear(self, visit: Visit, zone: ZoneRule, edge_s: float, until_s: float) -> bool:
        """Whether the object is in sight, and well away from the zone's edges soon after it passed one."""
        way = self.ways[visit.object_id]
        if until_s >= self.moments[-1].at_s or not in_sight(way, max(edge_s - 0.3, way[0].at_s), until_s):
            return False
        before = [s for s in way if edge_s - 2 * EARLY_S < s.at_s < edge_s - STEP_S]
        settled = [s for s in way if edge_s + EARLY_S < s.at_s <= until_s]
        return (not before or distance_to_edge(zone.polygon, before[0].x, before[0].y) > CLEAR) and all(
            distance_to_edge(zone.polygon, s.x, s.y) > CLEAR for s in settled
        )


@cache
def really_tracked(scene: TrackingScene) -> Judge:
    return Judge(scene, real_tracks())


@pytest.mark.parametrize("scene", tracking_scenes(), ids=lambda scene: scene.name)
def test_every_zone_and_line_event_of_a_well_tracked_scene_is_told_once_and_in_time(scene: TrackingScene) -> None:
    judge = Judge(scene, true_tracks())
    due, wrong = judge.wrong()
    assert due > 0
    assert not wrong


def test_with_the_real_tracker_on_noisy_boxes_too() -> None:
    due, wrong = really_wrong(tracking_scenes())
    assert due > 400
    assert not wrong, "\n".join(wrong)


@pytest.mark.slow
def test_on_streets_on_which_nothing_was_tried_out_hardly_anything_is_wrong() -> None:
    due, wrong = really_wrong(streets(201))
    assert due > 200
    assert len(wrong) <= 0.02 * due, "\n".join(wrong)


def really_wrong(scenes: Iterable[TrackingScene]) -> tuple[int, list[str]]:
    """How much was due on these scenes, and what of it the real tracker and the rules did not tell once and in time."""
    due, wrong = 0, []
    for scene in scenes:
        was_due, was_wrong = really_tracked(scene).wrong()
        due += was_due
        wrong += [f"{scene.name}: {line}" for line in was_wrong]
    return due, wrong


@pytest.mark.parametrize("scene", tracking_scenes(), ids=lambda scene: scene.name)
def test_every_life_is_told_whole_and_in_order(scene: TrackingScene) -> None:
    lives: dict[str, list[Event]] = {}
    for told in really_tracked(scene).told:
        lives.setdefault(told.event.id, []).append(told.event)
    for life in lives.values():
        kinds = Counter(event.kind for event in life)
        assert life[0].kind is EventKind.NEW
        assert kinds[EventKind.NEW] == 1
        assert kinds[EventKind.END] <= 1
        assert EventKind.END not in [event.kind for event in life[:-1]]
        for zone in ZONES:
            steps = [event.kind for event in life if event.zone == zone.name]
            assert steps == ([EventKind.ZONE_ENTER, EventKind.ZONE_LEAVE] * len(steps))[: len(steps)]
            assert len(steps) % 2 == 0 or kinds[EventKind.END] == 0


def test_a_scene_without_objects_tells_nothing_whatever_is_mistaken_for_one_now_and_then() -> None:
    empty = [Moment(frame / 10, (), ()) for frame in range(600)]
    assert play(empty, real_tracks()).told == []
