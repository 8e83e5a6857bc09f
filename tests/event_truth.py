"""What happens in a scene whose truth is known: who is in which zone when, and who crosses which line.

Worked out from finely sampled ways and in another manner than the rules do it, so that the two can be held against
each other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from edgedet.events.rules import LineRule, ZoneRule
from tracking_scenes import Actor

STEP_S = 0.04


@dataclass(frozen=True, slots=True)
class Sample:
    """One object at one instant."""

    at_s: float
    x: float
    y: float
    """Where its feet are."""
    visible: bool
    """Whether a detector can be held to finding it."""


@dataclass(frozen=True, slots=True)
class Visit:
    """A stretch of time that an object spends in an area."""

    object_id: int
    zone: str
    from_s: float
    to_s: float
    ends_in_sight: bool
    """It leaves the area and is seen outside, instead of leaving the picture."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """An object passes a line."""

    object_id: int
    line: str
    direction: str
    at_s: float


def ways_of(actors: Callable[[float], Sequence[Actor]], seconds: float) -> dict[int, list[Sample]]:
    """Where everything is, by object."""
    ways: dict[int, list[Sample]] = {}
    for step in range(int(seconds / STEP_S)):
        for actor in actors(step * STEP_S):
            sample = Sample(step * STEP_S, (actor.box.x1 + actor.box.x2) / 2, actor.box.y2, actor.countable)
            ways.setdefault(actor.object_id, []).append(sample)
    return ways


def visits(ways: dict[int, list[Sample]], zone: ZoneRule) -> list[Visit]:
    """All stretches in a zone. One that is interrupted for less than the zone's inertia is one."""
    found = []
    for object_id, way in ways.items():
        runs: list[list[Sample]] = []
        for sample in way:
            if not _winds_around(zone.polygon, sample.x, sample.y):
                continue
            if runs and sample.at_s - runs[-1][-1].at_s <= max(zone.inertia_s, 1.5 * STEP_S):
                runs[-1].append(sample)
            else:
                runs.append([sample])
        last_s = way[-1].at_s
        for run in runs:
            to_s = run[-1].at_s
            found.append(Visit(object_id, zone.name, run[0].at_s, to_s, to_s < last_s - zone.inertia_s))
    return found


def crossings(ways: dict[int, list[Sample]], line: LineRule) -> list[Crossing]:
    """All passages through a line, by where each small step lies to it."""
    (ax, ay), (bx, by) = line.start, line.end
    found = []
    for object_id, way in ways.items():
        for before, after in pairwise(way):
            sides = [(bx - ax) * (p.y - ay) - (by - ay) * (p.x - ax) for p in (before, after)]
            step_x, step_y = after.x - before.x, after.y - before.y
            ends = [step_x * (y - before.y) - step_y * (x - before.x) for x, y in (line.start, line.end)]
            if (sides[0] < 0) != (sides[1] < 0) and (ends[0] < 0) != (ends[1] < 0):
                found.append(Crossing(object_id, line.name, "in" if sides[1] >= 0 else "out", after.at_s))
    return found


def in_sight(way: Iterable[Sample], from_s: float, to_s: float) -> bool:
    """Whether the object is there and can be seen all the time."""
    seen = [sample for sample in way if from_s - STEP_S / 2 <= sample.at_s <= to_s + STEP_S / 2]
    return bool(seen) and all(s.visible for s in seen) and seen[0].at_s <= from_s + STEP_S and (
        seen[-1].at_s >= to_s - STEP_S
    )  # fmt: skip


def _winds_around(polygon: Sequence[tuple[float, float]], x: float, y: float) -> bool:
    """Whether the corners, seen from the point, go around it: the sum of the angles between them."""
    turned = 0.0
    for (x1, y1), (x2, y2) in zip(polygon, (*polygon[1:], polygon[0]), strict=True):
        turned += math.remainder(math.atan2(y2 - y, x2 - x) - math.atan2(y1 - y, x1 - x), math.tau)
    return abs(turned) > math.pi


def distance_to_line(line: LineRule, x: float, y: float) -> float:
    """How far a point is from the line or what it would be if it went on, in fractions of the frame."""
    (ax, ay), (bx, by) = line.start, line.end
    return abs((bx - ax) * (y - ay) - (by - ay) * (x - ax)) / math.dist(line.start, line.end)


def distance_to_edge(polygon: Sequence[tuple[float, float]], x: float, y: float) -> float:
    """How far a point is from the nearest edge that does not lie on the frame's, in fractions of the frame."""
    nearest = math.inf
    for (x1, y1), (x2, y2) in zip(polygon, (*polygon[1:], polygon[0]), strict=True):
        if (x1 == x2 and x1 in (0.0, 1.0)) or (y1 == y2 and y1 in (0.0, 1.0)):
            continue
        length = math.dist((x1, y1), (x2, y2)) ** 2
        share = min(1.0, max(0.0, ((x - x1) * (x2 - x1) + (y - y1) * (y2 - y1)) / length))
        nearest = min(nearest, math.dist((x, y), (x1 + share * (x2 - x1), y1 + share * (y2 - y1))))
    return nearest
