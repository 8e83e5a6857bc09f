"""What all figures have in common: where they stand, which way they look, and colours that vary."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

from edgedet.cameras._scene.view import Colour, Spot, View


def varied(random: Random, colour: Colour, by: int = 18) -> Colour:
    """The colour, a little off, so that no two things share one."""
    red, green, blue = (min(255, max(0, c + random.randint(-by, by))) for c in colour)
    return red, green, blue


def darker(colour: Colour, factor: float) -> Colour:
    """The colour in less light; a factor above 1 brightens."""
    return (
        min(255, int(colour[0] * factor)),
        min(255, int(colour[1] * factor)),
        min(255, int(colour[2] * factor)),
    )


def within(random: Random, ranges: tuple[tuple[float, float], ...]) -> float:
    """A number from one of the ranges, each weighted by its length."""
    low, high = random.choices(ranges, weights=[b - a for a, b in ranges])[0]
    return random.uniform(low, high)


@dataclass(frozen=True, slots=True)
class Pose:
    """Where a figure is and how it moves."""

    x: float
    z: float
    heading: float
    """Radians; 0 walks to the right, a quarter turn walks away from the camera."""
    travelled: float
    """Metres since it appeared: what the gait is taken from."""
    moving: float
    """1 at its pace, 0 at a stand."""


class Frame3:
    """A figure's own axes: forward, up and to its right, in metres, put into the picture."""

    __slots__ = ("_c", "_s", "_view", "_x", "_z")

    def __init__(self, view: View, pose: Pose) -> None:
        self._view = view
        self._x, self._z = pose.x, pose.z
        self._c, self._s = math.cos(pose.heading), math.sin(pose.heading)

    def spot(self, forward: float, up: float, right: float) -> Spot:
        """Where a point of the figure is seen."""
        return self._view.spot(
            self._x + forward * self._c + right * self._s, up, self._z + forward * self._s - right * self._c
        )

    @property
    def right_is_near(self) -> bool:
        """Whether the figure's right side is the one towards the camera."""
        away = math.hypot(self._x, self._z) or 1.0
        return (self._x * self._s - self._z * self._c) / away < 0.0

    @property
    def facing(self) -> float:
        """1 when it looks at the camera, -1 when it looks away."""
        away = math.hypot(self._x, self._z) or 1.0
        return -(self._x * self._c + self._z * self._s) / away

    @property
    def sideways(self) -> float:
        """1 when it is seen from the side, 0 from the front or the back."""
        return math.sqrt(max(0.0, 1.0 - self.facing**2))
