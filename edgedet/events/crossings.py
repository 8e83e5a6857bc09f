"""One object and one line: on which side it is, and when it has changed it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edgedet.events.shapes import Axis
from edgedet.types import Box

Direction = Literal["in", "out"]

_HOLDS_NS = 300_000_000
"""How long an object is seen on the other side before it has crossed: a box trembles, but not to one side only."""
_FIRST_SHARE = 0.3
"""Of the margin: people come out of a door right behind the line that is drawn across it."""


@dataclass(frozen=True, slots=True)
class _Margin:
    """A distance from the line, as a share of the object's extent across it: boxes tremble in proportion to that."""

    share: float
    least: float
    """Fractions of the frame."""
    most: float

    def of(self, extent: float) -> float:
        return min(max(self.share * extent, self.least), self.most)


_BESIDE = _Margin(0.04, 0.004, 0.015)
"""So far from the line an object is on one side of it; nearer it is where it was."""
_BACK_SHARE = 0.5
"""Of that margin: only a sighting that is nearer to the line than this begins the wait on the other side anew."""
_BEYOND = _Margin(0.15, 0.015, 0.05)
"""So far from the line no trembling reaches: it has crossed at once."""


class Passage:
    """What is known of one object and one line."""

    __slots__ = ("_crossed", "_last", "_side", "_turned")

    def __init__(self) -> None:
        self._last: tuple[float, float] | None = None
        self._side = 0
        self._turned: tuple[int, int] | None = None
        self._crossed = 0.0

    def forget(self) -> None:
        """Nobody looked: where it is next is a beginning, and no crossing."""
        self._last, self._side, self._turned = None, 0, None

    def step(self, axis: Axis, box: Box, now_ns: int) -> Direction | None:
        """Take a box in which the object was seen, and stood on its lower edge; says that it has crossed.

        The way between two positions is taken as straight, so that what jumps over the line between two frames has
        crossed it where that way does. Only a way through the line itself counts, not one around its ends.
        """
        along, across = axis.position((box.x1 + box.x2) / 2, box.y2)
        if self._last is not None:
            before_along, before = self._last
            if (before < 0.0) != (across < 0.0):
                self._crossed = before_along + (along - before_along) * before / (before - across)
        self._last = (along, across)
        side = -1 if across < 0.0 else 1
        if side == self._side:
            self._turned = None
            return None
        extent, distance = axis.extent(box), abs(across)
        if self._side == 0:
            self._side = side if distance >= _BESIDE.of(extent) * _FIRST_SHARE else 0
        elif distance >= _BEYOND.of(extent):
            return self._settle(side)
        elif distance < _BESIDE.of(extent) * (1.0 if self._turned is None else _BACK_SHARE):
            self._turned = None
        elif self._turned is None:
            self._turned = (side, now_ns)
        return self.wait(now_ns)

    def wait(self, now_ns: int) -> Direction | None:
        """Let time go by without a sighting; says that the object was last seen on the other side, a while ago."""
        if self._turned is None or now_ns - self._turned[1] < _HOLDS_NS:
            return None
        return self._settle(self._turned[0])

    def _settle(self, side: int) -> Direction | None:
        self._side, self._turned = side, None
        if not 0.0 <= self._crossed <= 1.0:
            return None
        return "in" if side > 0 else "out"
