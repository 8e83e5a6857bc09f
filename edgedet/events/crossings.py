"""One object and one line: on which side it is, and when it has changed it."""

from __future__ import annotations

from typing import Literal

Direction = Literal["in", "out"]

_MARGIN_SHARE = 0.04
"""Of the object's own extent: the edges of a box tremble in proportion to its size."""
_MARGIN_LEAST = 0.004
_MARGIN_MOST = 0.015
"""Fractions of the frame: a large object is told to have crossed before it is far away."""
_FIRST_SHARE = 0.3
"""Of the margin: people come out of a door right behind the line that is drawn across it."""


def margin_of(extent: float) -> float:
    """How far beyond a line an object of this extent must be before it counts as on that side."""
    return min(max(_MARGIN_SHARE * extent, _MARGIN_LEAST), _MARGIN_MOST)


class Passage:
    """What is known of one object and one line. Positions are those of `Axis.position`."""

    __slots__ = ("_crossed", "_last", "_side")

    def __init__(self) -> None:
        self._last: tuple[float, float] | None = None
        self._side = 0
        self._crossed = 0.0

    def forget(self) -> None:
        """Nobody looked: where it is next is a beginning, and no crossing."""
        self._last, self._side = None, 0

    def step(self, along: float, across: float, margin: float) -> Direction | None:
        """Take a position where the object was seen; says that it has crossed.

        The way between two positions is taken as straight, so that what jumps over the line between two frames has
        crossed it where that way does. Only a way through the line itself counts, not one around its ends.
        """
        if self._last is not None:
            before_along, before = self._last
            if (before < 0.0) != (across < 0.0):
                self._crossed = before_along + (along - before_along) * before / (before - across)
        self._last = (along, across)
        if abs(across) < (margin if self._side else margin * _FIRST_SHARE):
            return None
        side = -1 if across < 0.0 else 1
        was, self._side = self._side, side
        if was in (0, side) or not 0.0 <= self._crossed <= 1.0:
            return None
        return "in" if side > 0 else "out"
