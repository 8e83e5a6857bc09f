"""What a camera is asked to tell of: zones, lines, and when an object counts as standing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edgedet.events.filters import Filters

Anchor = Literal["bottom", "centre", "any"]
"""What of a box must lie in a zone: the middle of its lower edge, its centre, or any part of it."""


@dataclass(frozen=True, slots=True)
class ZoneRule:
    """An area that objects come into and leave."""

    name: str
    polygon: tuple[tuple[float, float], ...]
    """At least three corners in their order around the area, fractions of width and height."""
    labels: tuple[str, ...] | None = None
    """None: every label."""
    dwell_s: float = 0.0
    """How long an object is in the area before it counts as inside. Being outside for less than the inertia is no
    leaving, so that a flicker does not begin the wait anew."""
    inertia_s: float = 0.5
    """How long an object is on one side of the edge without a break before its coming or going is told."""
    loiter_s: float | None = None
    """How long an object is in the area before it is told to loiter; None: never."""
    anchor: Anchor = "bottom"


@dataclass(frozen=True, slots=True)
class LineRule:
    """A line whose crossings are told. `in` is from its left to its right, seen from `start` towards `end`."""

    name: str
    start: tuple[float, float]
    """Fractions of width and height."""
    end: tuple[float, float]
    """Another point than `start`."""
    labels: tuple[str, ...] | None = None
    """None: every label."""


@dataclass(frozen=True, slots=True)
class EventRules:
    """All that decides which events a camera tells."""

    filters: Filters
    zones: tuple[ZoneRule, ...] = ()
    lines: tuple[LineRule, ...] = ()
    stationary_after_s: float = 10.0
    """An object that has not moved for so long is stationary."""
    stationary_gone_after_s: float = 10.0
    """An object that stood and is not tracked any more is gone after so long, unless one like it is seen in its place:
    a detector loses a parked car in the dark now and then, and it has neither left nor come anew."""
    update_every_s: float = 3.0
    """Two updates of one life are at least so far apart."""
