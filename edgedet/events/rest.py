"""Whether an object stands: its box against an anchor, both steadied against the trembling of a detector."""

from __future__ import annotations

from collections import deque

from edgedet.geometry import intersection_over_union
from edgedet.types import Box

_SAMPLES = 5
_SAMPLE_EVERY_NS = 200_000_000
"""A median over a second at any frame rate, without sorting thirty boxes thirty times a second."""
_MOVES_BELOW = 0.6
"""Overlap with the anchor: a quarter of its own size along one axis."""
_LEAVES_BELOW = 0.45
"""Overlap for what stands already: somebody who passes in front of a car may hide half of it."""


class Rest:
    """What is known of one object's standing still. Times are nanoseconds of looking, see `Lives`."""

    __slots__ = ("_anchor", "_sampled_ns", "_samples", "_since_ns", "stationary")

    def __init__(self, box: Box, now_ns: int) -> None:
        self.stationary = False
        self._anchor = box
        self._since_ns = now_ns
        self._samples = deque((box,), _SAMPLES)
        self._sampled_ns = now_ns

    @property
    def place(self) -> Box:
        """Where it stands, or where it was when it last moved."""
        return self._anchor

    def step(self, box: Box, now_ns: int, after_ns: int) -> None:
        """Take a frame in which the object was seen."""
        if now_ns - self._sampled_ns < _SAMPLE_EVERY_NS:
            return
        self._sampled_ns = now_ns
        self._samples.append(box)
        limit = _LEAVES_BELOW if self.stationary else _MOVES_BELOW
        if intersection_over_union(self._anchor, box) < limit:
            steady = self._steady()  # a box that is in its place needs no second opinion
            if intersection_over_union(self._anchor, steady) < limit:
                self._anchor, self._since_ns, self.stationary = steady, now_ns, False
                return
        if not self.stationary and now_ns - self._since_ns >= after_ns:
            # From here on it is compared with where it came to rest, not with where it slowed down.
            self._anchor, self.stationary = self._steady(), True

    def set_off(self, box: Box, now_ns: int) -> None:
        """Something else has shown that it moves: if it is out of its place now, that is no box that is wrong."""
        if self.stationary and intersection_over_union(self._anchor, box) < _LEAVES_BELOW:
            self._anchor, self._since_ns, self.stationary = box, now_ns, False

    def _steady(self) -> Box:
        middle = len(self._samples) // 2
        sides = zip(*((box.x1, box.y1, box.x2, box.y2) for box in self._samples), strict=True)
        return Box(*(sorted(values)[middle] for values in sides))
