"""Where a box is, seen from a zone or a line.

Plain numbers: a frame has few objects, and numpy costs more than it saves. All in fractions of
the full frame, x to the right, y down.
"""

from __future__ import annotations

import math
from itertools import pairwise

from edgedet.events.rules import Anchor
from edgedet.types import Box

Point = tuple[float, float]

_ON_THE_EDGE = 1e-9
_HALVINGS = 5


class Area:
    """A polygon, its edges part of it. Edges may lie on the frame's: an object that is cut off there is inside."""

    def __init__(self, polygon: tuple[Point, ...]) -> None:
        self._corners = polygon
        closed = (*polygon, polygon[0])
        self._edges = tuple((x1, y1, x2, y2) for (x1, y1), (x2, y2) in pairwise(closed))
        self._left, self._right = min(x for x, _ in polygon), max(x for x, _ in polygon)
        self._top, self._bottom = min(y for _, y in polygon), max(y for _, y in polygon)

    def holds(self, box: Box, anchor: Anchor) -> bool:
        """Whether the box is in the area, by its anchor."""
        if anchor == "bottom":
            return self.contains((box.x1 + box.x2) / 2, box.y2)
        if anchor == "centre":
            return self.contains((box.x1 + box.x2) / 2, (box.y1 + box.y2) / 2)
        return self._touches(box)

    def passed(self, before: Box, after: Box, anchor: Anchor) -> float | None:
        """Where on the straight way from one box to the other the edge is, as a share of it in [0, 1].

        None where both are on the same side. Halving finds it for any anchor, to a thirtieth of the way.
        """
        side = self.holds(before, anchor)
        if self.holds(after, anchor) is side:
            return None
        here, there = 0.0, 1.0
        for _ in range(_HALVINGS):
            middle = (here + there) / 2
            if self.holds(_between(before, after, middle), anchor) is side:
                here = middle
            else:
                there = middle
        return (here + there) / 2

    def contains(self, x: float, y: float) -> bool:
        """Whether a point is in the area or on its edge. A point beside the frame counts as on the frame's edge."""
        x = 0.0 if x < 0.0 else 1.0 if x > 1.0 else x
        y = 0.0 if y < 0.0 else 1.0 if y > 1.0 else y
        if not (self._left <= x <= self._right and self._top <= y <= self._bottom):
            return False
        inside = False
        for x1, y1, x2, y2 in self._edges:
            # Even-odd rule: the crossings of a ray to the right. Half-open in y, so that a corner counts once.
            if (y1 > y) != (y2 > y):
                side = (x2 - x1) * (y - y1) - (x - x1) * (y2 - y1)
                if -_ON_THE_EDGE <= side <= _ON_THE_EDGE:
                    return True
                if (side > 0) == (y2 > y1):
                    inside = not inside
            elif y1 == y2 == y and min(x1, x2) <= x <= max(x1, x2):
                return True
        return inside or (x, y) in self._corners

    def _touches(self, box: Box) -> bool:
        if box.x1 > self._right or box.x2 < self._left or box.y1 > self._bottom or box.y2 < self._top:
            return False
        if any(box.x1 <= x <= box.x2 and box.y1 <= y <= box.y2 for x, y in self._corners):
            return True
        return self.contains(box.x1, box.y1) or any(_enters(box, edge) for edge in self._edges)


def _between(one: Box, other: Box, share: float) -> Box:
    rest = 1.0 - share
    return Box(
        rest * one.x1 + share * other.x1,
        rest * one.y1 + share * other.y1,
        rest * one.x2 + share * other.x2,
        rest * one.y2 + share * other.y2,
    )


def _enters(box: Box, edge: tuple[float, float, float, float]) -> bool:
    """Whether a part of the edge lies in the box (Liang and Barsky's clipping)."""
    x1, y1, x2, y2 = edge
    first, last = 0.0, 1.0
    for step, room in (
        (x1 - x2, x1 - box.x1), (x2 - x1, box.x2 - x1), (y1 - y2, y1 - box.y1), (y2 - y1, box.y2 - y1),
    ):  # fmt: skip
        if step == 0.0:
            if room < 0.0:
                return False
        elif step < 0.0:
            first = max(first, room / step)
        else:
            last = min(last, room / step)
    return first <= last


class Axis:
    """A line as a system of coordinates: how far along it, and how far to its right."""

    def __init__(self, start: Point, end: Point) -> None:
        self._x, self._y = start
        dx, dy = end[0] - start[0], end[1] - start[1]
        length = math.hypot(dx, dy)
        self._dx, self._dy, self._length = dx / length, dy / length, length

    def position(self, x: float, y: float) -> tuple[float, float]:
        """How far along (0 at the start, 1 at the end), and how far to the right, seen from start towards end.

        The latter in fractions of the frame; negative: to the left.
        """
        x, y = x - self._x, y - self._y
        return (self._dx * x + self._dy * y) / self._length, self._dx * y - self._dy * x

    def extent(self, box: Box) -> float:
        """How much room the box takes across the line, in fractions of the frame."""
        return abs(self._dx) * (box.y2 - box.y1) + abs(self._dy) * (box.x2 - box.x1)
