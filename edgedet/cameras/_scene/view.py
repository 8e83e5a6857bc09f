"""The scene's pinhole camera: metres in the world to pixels in the picture.

The world has x to the right, y up, z away from the camera, which stands at (0, height, 0) and looks along z, tilted
down. Everything that is drawn comes down to a `Part`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

Colour = tuple[int, int, int]
Point = tuple[float, float]

_ROUND = tuple((math.cos(a), math.sin(a)) for a in (i * math.pi / 5 for i in range(6)))
_CIRCLE = tuple((math.cos(a), math.sin(a)) for a in (i * math.pi / 7 for i in range(14)))


class Part(NamedTuple):
    """One drawn shape: a filled polygon, or a line where `width` is above zero. Pixels of the picture."""

    colour: Colour
    points: list[Point]
    width: float = 0.0


class Spot(NamedTuple):
    """A point of the world in the picture: pixels, and how many pixels a metre has there."""

    x: float
    y: float
    scale: float


@dataclass(frozen=True, slots=True)
class View:
    """A camera. All lengths in pixels but `height_m`."""

    width: int
    height: int
    focal: float
    horizon: float
    """Row of the horizon; may lie above the picture."""
    height_m: float
    sin: float
    cos: float

    @classmethod
    def looking(cls, width: int, height: int, focal: float, horizon: float, height_m: float) -> View:
        """A camera whose tilt puts the horizon at that row."""
        tilt = math.atan((height / 2 - horizon) / focal)
        return cls(width, height, focal, horizon, height_m, math.sin(tilt), math.cos(tilt))

    def spot(self, x: float, y: float, z: float) -> Spot:
        """Where a point of the world is seen. What is behind the camera is held just before it."""
        up = y - self.height_m
        depth = max(0.3, z * self.cos - up * self.sin)
        scale = self.focal / depth
        return Spot(self.width / 2 + x * scale, self.height / 2 - (up * self.cos + z * self.sin) * scale, scale)

    def ground_distance(self, row: float) -> float:
        """How far away the ground is that is seen in that row, metres along z; infinite from the horizon up."""
        angle = math.atan((row - self.height / 2) / self.focal) + math.asin(self.sin)
        return self.height_m / math.tan(angle) if angle > 1e-4 else math.inf

    def half_width_m(self, z: float) -> float:
        """Half of what the picture spans at that distance on the ground, metres."""
        return self.width / 2 / self.spot(0.0, 0.0, z).scale


def capsule(colour: Colour, a: Spot, b: Spot, radius_a: float, radius_b: float | None = None) -> Part:
    """A limb between two points; radii in metres."""
    ra = radius_a * a.scale
    rb = (radius_a if radius_b is None else radius_b) * b.scale
    dx, dy = b.x - a.x, b.y - a.y
    length = math.hypot(dx, dy)
    if length < 1e-6:
        dx, dy = 0.0, 1.0
    else:
        dx, dy = dx / length, dy / length
    # (dx, dy) is the axis, (-dy, dx) the side: half a turn around b, then half a turn around a.
    points = [(b.x + rb * (s * dx - c * dy), b.y + rb * (s * dy + c * dx)) for c, s in _ROUND]
    points += [(a.x - ra * (s * dx - c * dy), a.y - ra * (s * dy + c * dx)) for c, s in _ROUND]
    return Part(colour, points)


def ellipse(colour: Colour, centre: Spot, radius_x: float, radius_y: float) -> Part:
    """An upright ellipse that faces the camera; radii in metres."""
    rx, ry = radius_x * centre.scale, radius_y * centre.scale
    return Part(colour, [(centre.x + rx * c, centre.y + ry * s) for c, s in _CIRCLE])


def outline(parts: Sequence[Part]) -> tuple[float, float, float, float]:
    """The smallest upright rectangle around the parts: left, top, right, bottom, pixels."""
    left = top = math.inf
    right = bottom = -math.inf
    for _, points, width in parts:
        xs, ys = zip(*points, strict=True)
        half = width / 2
        left, right = min(left, min(xs) - half), max(right, max(xs) + half)
        top, bottom = min(top, min(ys) - half), max(bottom, max(ys) + half)
    return left, top, right, bottom
