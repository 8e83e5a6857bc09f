"""A little world with known truth: a pure function of a seed and a time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from edgedet.cameras._scene.body import Pose, within
from edgedet.cameras._scene.cast import Figure, Path, Present, Road, Role, company
from edgedet.cameras._scene.light import Light, light_of
from edgedet.cameras._scene.props import Prop, props_of
from edgedet.cameras._scene.style import LABELS, FigurePool, Style
from edgedet.cameras._scene.vehicles import Bicycle
from edgedet.cameras._scene.view import Part, View, outline
from edgedet.geometry import Letterbox
from edgedet.types import Box

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgedet.cameras._scene.paint import Painter

_RIDER = 32
_PROBES = ((0.5, 0.5), (0.2, 0.2), (0.8, 0.2), (0.2, 0.8), (0.8, 0.8))

LEAST_VISIBLE = 0.3
LEAST_PIXELS = 8.0

Rectangle = tuple[float, float, float, float]


class Seen(NamedTuple):
    """One object of the truth."""

    label: str
    box: Box
    """The whole object, also where something hides it, cut off at the picture's edge. Fractions of the frame."""
    object_id: int
    """The same as long as the object is in the scene."""
    visible: float
    """Share of the whole object that is in the picture and not behind another one, in [0, 1]; an estimate."""


def is_countable(seen: Seen, size: tuple[int, int], side: int = 256) -> bool:
    """Whether a detector whose input is `side` pixels wide and high can be held to finding this object.

    Not where less than `LEAST_VISIBLE` of it is to be seen, or its longer side is below `LEAST_PIXELS` of the input:
    finding such a one is no error, and neither is missing it. Training and evaluation leave these out alike.
    """
    inner = Letterbox.fit(*size, side, side)
    width = (seen.box.x2 - seen.box.x1) * inner.inner_width
    height = (seen.box.y2 - seen.box.y1) * inner.inner_height
    return seen.visible >= LEAST_VISIBLE and max(width, height) >= LEAST_PIXELS and min(width, height) >= 2.0


@dataclass(frozen=True, slots=True)
class Actor:
    """One object in the picture, with what it is drawn from. `parts` are in pixels, in the order of drawing."""

    object_id: int
    label: str
    figure: Figure
    pose: Pose
    parts: list[Part]
    outline: Rectangle


class Scene:
    """A scene of that size. `cast` replaces the looping extras by a script of one's own (see `Walk`, `Parked`).

    The truth costs about a tenth of the picture and needs nothing but the standard library.
    """

    def __init__(
        self, seed: int, size: tuple[int, int], style: Style | None = None, cast: Sequence[Role] | None = None
    ) -> None:
        self.seed = seed
        self.size = size
        self.style = style or Style()
        self._cast = cast

    @cached_property
    def night(self) -> bool:
        """Whether it is dark."""
        return Random(self.seed * 3 + 1).random() < 0.2 if self.style.night is None else self.style.night

    @cached_property
    def rain(self) -> bool:
        """Whether it rains."""
        return Random(self.seed * 5 + 2).random() < 0.15 if self.style.rain is None else self.style.rain

    @cached_property
    def view(self) -> View:
        """The camera."""
        random = Random(self.seed * 11 + 3)
        width, height = self.size
        tall = self.style.camera_height_m or within(random, self.style.camera_heights_m)
        focal = random.uniform(0.75, 1.15) * max(width, height * 4 / 3)
        # Who stands higher looks further down.
        low, high = (0.18, 0.42) if tall < 3.0 else (-0.02, 0.30)
        return View.looking(width, height, focal, height * random.uniform(low, high), tall)

    @cached_property
    def road(self) -> Road:
        """The road that the cars drive on."""
        random = Random(self.seed * 13 + 4)
        angle = random.choice((random.uniform(-0.5, 0.5), random.uniform(-1.25, 1.25)))
        return Road(max(self.near * 1.3, 5.0) + random.uniform(2.0, 9.0), angle, random.uniform(2.8, 4.0))

    @cached_property
    def near(self) -> float:
        """How far away the ground is at the picture's lower edge, metres."""
        return self.view.ground_distance(float(self.view.height))

    @cached_property
    def roles(self) -> Sequence[Role]:
        """Who plays."""
        if self._cast is not None:
            return self._cast
        return company(self.seed, self.style, self.view, self.road, self.near, dark=self.night)

    @cached_property
    def light(self) -> Light:
        """Sun, lamps, fog and sensor."""
        return light_of(self.seed, self.style, night=self.night, rain=self.rain)

    @cached_property
    def props(self) -> Sequence[Prop]:
        """What stands about, furthest first."""
        return props_of(self.seed, self.view, self.road, self.light)

    def actors(self, t_s: float) -> list[Actor]:
        """Everybody in the picture at that time, furthest first."""
        present = [who for role in self.roles if (who := role.at(t_s)) is not None]
        present.sort(key=lambda who: -who.pose.z)
        found = []
        for who in present:
            found += [actor for actor in self._bodies(who) if self._in_picture(actor.outline)]
        return found

    def _bodies(self, who: Present) -> list[Actor]:
        parts = who.figure.parts(self.view, who.pose)
        bodies = [Actor(who.object_id, who.label, who.figure, who.pose, parts, outline(parts))]
        if isinstance(who.figure, Bicycle) and (rider := who.figure.rider_parts(self.view, who.pose)):
            bodies.append(Actor(who.object_id + _RIDER, "person", who.figure, who.pose, rider, outline(rider)))
        return bodies

    def _in_picture(self, rectangle: Rectangle) -> bool:
        left, top, right, bottom = rectangle
        return right > 1 and left < self.size[0] - 1 and bottom > 1 and top < self.size[1] - 1

    def truth(self, t_s: float) -> tuple[Seen, ...]:
        """What is to be seen at that time, furthest first, without drawing it."""
        width, height = self.size
        # From the nearest to the furthest, so that each is held against everything before it.
        covers: list[Rectangle] = []
        props = list(self.props)
        seen = []
        for actor in reversed(self.actors(t_s)):
            while props and props[-1].z < actor.pose.z:
                covers += [outline([part]) for part in props.pop().parts]
            left, top, right, bottom = actor.outline
            box = Box(
                max(0.0, left / width), max(0.0, top / height), min(1.0, right / width), min(1.0, bottom / height)
            )
            seen.append(Seen(actor.label, box, actor.object_id, _visible(actor, covers, width, height)))
            covers += [outline([part]) for part in actor.parts if not part.width]
        return tuple(reversed(seen))

    @cached_property
    def _painter(self) -> Painter:
        from edgedet.cameras._scene.paint import Painter  # numpy and Pillow: the truth is to be had without them

        return Painter(self.view, self.road, self.light, self.props, self.seed, night=self.night, rain=self.rain)

    def render(self, t_s: float) -> NDArray[np.uint8]:
        """The picture at that time: RGB of shape (height, width, 3)."""
        return self._painter.picture(self.actors(t_s), t_s)


def _visible(actor: Actor, covers: list[Rectangle], width: int, height: int) -> float:
    """The share of points on the actor's parts that are in the picture and in none of the covering rectangles."""
    left, top, right, bottom = actor.outline
    near = [c for c in covers if c[0] < right and c[2] > left and c[1] < bottom and c[3] > top]
    if not near and left >= 0 and top >= 0 and right < width and bottom < height:
        return 1.0
    total = shown = 0.0
    for part in actor.parts:
        left, top, right, bottom = outline([part])
        weight = math.sqrt((right - left) * (bottom - top)) + 1e-6
        total += 5 * weight
        for a, b in _PROBES:
            x, y = left + (right - left) * a, top + (bottom - top) * b
            if 0 <= x < width and 0 <= y < height and not any(c[0] < x < c[2] and c[1] < y < c[3] for c in near):
                shown += weight
    return min(1.0, shown / total) if total else 0.0


__all__ = ["LABELS", "FigurePool", "Path", "Scene", "Seen", "Style"]
