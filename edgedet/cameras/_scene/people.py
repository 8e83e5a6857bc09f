"""People and dogs: what they look like, and how they move their limbs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

from edgedet.cameras._scene.style import (
    TRAINED_BUILDS,
    TRAINED_OUTFITS,
    UNSEEN_BUILDS,
    UNSEEN_OUTFITS,
    FigurePool,
)
from edgedet.cameras._scene.view import Colour, Part, Spot, View, capsule, ellipse

_SKIN: tuple[Colour, ...] = ((241, 207, 178), (222, 178, 140), (190, 138, 98), (140, 92, 62), (92, 60, 42))
_HAIR: tuple[Colour, ...] = ((32, 26, 22), (74, 48, 30), (128, 88, 48), (186, 150, 92), (150, 150, 150))
_COAT: tuple[Colour, ...] = (
    (40, 44, 58), (88, 30, 34), (36, 74, 58), (164, 60, 44), (208, 172, 60), (54, 88, 150), (220, 220, 216),
    (120, 118, 116), (206, 120, 150), (84, 62, 120), (52, 120, 128), (150, 104, 62), (24, 24, 26), (230, 120, 40),
)  # fmt: skip
_TROUSERS: tuple[Colour, ...] = (
    (34, 40, 60), (52, 66, 100), (30, 30, 32), (96, 88, 74), (130, 116, 92), (70, 74, 78), (60, 44, 36), (150, 150, 152),
)  # fmt: skip
_FUR: tuple[Colour, ...] = (
    (60, 42, 28),
    (130, 92, 54),
    (196, 160, 108),
    (38, 36, 36),
    (216, 208, 196),
    (120, 116, 112),
)


def varied(random: Random, colour: Colour, by: int = 18) -> Colour:
    """The colour, a little off, so that no two things share one."""
    return tuple(min(255, max(0, c + random.randint(-by, by))) for c in colour)  # type: ignore[return-value]


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


@dataclass(frozen=True, slots=True)
class Person:
    """One person's body and clothes."""

    height: float
    build: float
    outfit: str
    skin: Colour
    hair: Colour
    top: Colour
    legs: Colour
    shoes: Colour
    extra: Colour

    @classmethod
    def drawn(cls, random: Random, pool: FigurePool) -> Person:
        """Somebody of that pool."""
        trained = pool is FigurePool.TRAINED
        return cls(
            height=random.uniform(1.5, 1.95) if random.random() < 0.88 else random.uniform(1.15, 1.45),
            build=within(random, TRAINED_BUILDS if trained else UNSEEN_BUILDS),
            outfit=random.choice(TRAINED_OUTFITS if trained else UNSEEN_OUTFITS),
            skin=varied(random, random.choice(_SKIN), 10),
            hair=varied(random, random.choice(_HAIR), 10),
            top=varied(random, random.choice(_COAT)),
            legs=varied(random, random.choice(_TROUSERS)),
            shoes=random.choice(((30, 28, 28), (220, 220, 222), (96, 60, 36), (60, 64, 72))),
            extra=varied(random, random.choice(_COAT)),
        )

    def parts(self, view: View, pose: Pose) -> list[Part]:
        """The walking or standing person, far limbs first."""
        at, h = Frame3(view, pose), self.height
        phase = 2 * math.pi * pose.travelled / (0.82 * h)
        limbs: dict[bool, list[tuple[float, float, float]]] = {}
        arms: dict[bool, list[tuple[float, float, float]]] = {}
        bob = 0.012 * h * math.cos(2 * phase) * pose.moving
        hip = 0.52 * h + bob
        for right in (False, True):
            side = 1.0 if right else -1.0
            angle = phase if right else phase + math.pi
            thigh = 0.48 * pose.moving * math.sin(angle)
            # The knee gives while the leg swings forward and is straight while it carries.
            shin = thigh - pose.moving * (0.12 + 0.75 * max(0.0, math.cos(angle)))
            knee = (0.26 * h * math.sin(thigh), hip - 0.26 * h * math.cos(thigh))
            foot = (knee[0] + 0.24 * h * math.sin(shin), max(0.03, knee[1] - 0.24 * h * math.cos(shin)))
            across = side * 0.055 * h * self.build
            limbs[right] = [(0.0, hip, across), (*knee, across), (*foot, across)]
            swing = -0.5 * pose.moving * math.sin(angle)
            elbow = (0.17 * h * math.sin(swing), 0.80 * h + bob - 0.17 * h * math.cos(swing))
            bend = swing + 0.15 + 0.35 * pose.moving
            hand = (elbow[0] + 0.16 * h * math.sin(bend), elbow[1] - 0.16 * h * math.cos(bend))
            reach = side * 0.135 * h * self.build
            arms[right] = [(0.0, 0.80 * h + bob, side * 0.11 * h * self.build), (*elbow, reach), (*hand, reach)]
        lean = 0.015 * h * pose.moving
        return self._dressed(at, limbs, arms, (0.0, hip, lean + 0.0, 0.82 * h + bob))

    def riding(self, view: View, pose: Pose, crank: float, saddle: float, bar: float) -> list[Part]:
        """The same person on a bicycle; `crank` is the pedals' angle, `saddle` and `bar` are forward positions."""
        at, h = Frame3(view, pose), self.height
        limbs: dict[bool, list[tuple[float, float, float]]] = {}
        arms: dict[bool, list[tuple[float, float, float]]] = {}
        for right in (False, True):
            side = 1.0 if right else -1.0
            turn = crank if right else crank + math.pi
            foot = (0.02 + 0.16 * math.cos(turn), 0.30 - 0.16 * math.sin(turn))
            knee = ((saddle + foot[0]) / 2 + 0.20, (0.94 + foot[1]) / 2 + 0.10)
            limbs[right] = [(saddle, 0.94, side * 0.07), (*knee, side * 0.09), (*foot, side * 0.09)]
            shoulder = (saddle + 0.20, 0.94 + 0.29 * h, side * 0.10 * h * self.build)
            elbow = (shoulder[0] + 0.16, shoulder[1] - 0.22, side * 0.24)
            arms[right] = [shoulder, elbow, (bar, 1.02, side * 0.22)]
        return self._dressed(at, limbs, arms, (saddle, 0.92, saddle + 0.20, 0.94 + 0.30 * h))

    def _dressed(
        self,
        at: Frame3,
        limbs: dict[bool, list[tuple[float, float, float]]],
        arms: dict[bool, list[tuple[float, float, float]]],
        trunk: tuple[float, float, float, float],
    ) -> list[Part]:
        h, thick = self.height, self.height * self.build
        near = at.right_is_near
        hip_f, hip_u, neck_f, neck_u = trunk
        parts: list[Part] = []

        def leg(right: bool, light: float) -> None:
            hip, knee, foot = (at.spot(*joint) for joint in limbs[right])
            f, u, r = limbs[right][2]
            shin = self.skin if self.outfit in ("shorts", "skirt") else self.legs
            parts.append(capsule(darker(shin, light * 0.95), knee, foot, 0.030 * thick, 0.022 * thick))
            parts.append(capsule(darker(self.legs, light), hip, knee, 0.048 * thick, 0.034 * thick))
            parts.append(capsule(darker(self.shoes, light), foot, at.spot(f + 0.09 * h, u - 0.005, r), 0.022 * h))

        def arm(right: bool, light: float) -> None:
            shoulder, elbow, hand = (at.spot(*joint) for joint in arms[right])
            sleeve = self.skin if self.outfit in ("shorts", "vest") else self.top
            parts.append(capsule(darker(sleeve, light * 0.96), elbow, hand, 0.023 * thick, 0.018 * thick))
            parts.append(capsule(darker(self.top, light), shoulder, elbow, 0.030 * thick, 0.024 * thick))
            parts.append(ellipse(darker(self.skin, light), hand, 0.022 * h, 0.024 * h))

        def pack() -> None:
            parts.append(
                capsule(self.extra, at.spot(neck_f - 0.10 * h, neck_u - 0.05 * h, 0.0),
                        at.spot(hip_f - 0.10 * h, hip_u + 0.08 * h, 0.0), 0.075 * h)
            )  # fmt: skip

        arm(not near, 0.72)
        leg(not near, 0.78)
        leg(near, 1.0)
        if self.outfit == "backpack" and at.facing > 0:
            pack()
        self._trunk(at, parts, hip_f, hip_u, neck_f, neck_u)
        if self.outfit == "backpack" and at.facing <= 0:
            pack()
        self._head(at, parts, neck_f, neck_u)
        arm(near, 1.0)
        return parts

    def _trunk(self, at: Frame3, parts: list[Part], hip_f: float, hip_u: float, neck_f: float, neck_u: float) -> None:
        h, thick = self.height, self.height * self.build
        # Shoulders are broad from the front and half as broad from the side.
        broad = (0.118 - 0.045 * at.sideways) * thick
        hips = (0.088 - 0.022 * at.sideways) * thick
        hip, neck = at.spot(hip_f, hip_u, 0.0), at.spot(neck_f, neck_u - 0.04 * h, 0.0)
        if self.outfit == "skirt":
            hem = at.spot(hip_f, hip_u - 0.22 * h, 0.0)
            parts.append(capsule(self.extra, hip, hem, hips * 1.05, hips * 1.6))
        elif self.outfit == "coat":
            parts.append(capsule(self.top, hip, at.spot(hip_f, hip_u - 0.14 * h, 0.0), hips * 1.1, hips * 1.25))
        parts.append(capsule(self.legs, hip, at.spot(hip_f, hip_u - 0.02 * h, 0.0), hips))
        parts.append(capsule(self.top, neck, at.spot(hip_f, hip_u + 0.05 * h, 0.0), broad, hips))
        if self.outfit == "vest":
            low, high = at.spot(hip_f, hip_u + 0.10 * h, 0.0), at.spot(neck_f, neck_u - 0.10 * h, 0.0)
            parts.append(capsule(self.extra, high, low, broad * 0.8, hips * 0.9))

    def _head(self, at: Frame3, parts: list[Part], neck_f: float, neck_u: float) -> None:
        h = self.height
        centre = neck_u + 0.105 * h
        parts.append(
            capsule(darker(self.skin, 0.85), at.spot(neck_f, neck_u - 0.02 * h, 0.0),
                    at.spot(neck_f, centre, 0.0), 0.032 * h)
        )  # fmt: skip
        hair = self.top if self.outfit == "hooded" else self.hair
        grow = 1.12 if self.outfit == "hooded" else 1.0
        parts.append(ellipse(hair, at.spot(neck_f, centre, 0.0), 0.058 * h * grow, 0.072 * h * grow))
        if at.facing > -0.35:
            face = at.spot(neck_f + 0.028 * h, centre - 0.012 * h, 0.0)
            parts.append(ellipse(self.skin, face, (0.046 - 0.008 * at.sideways) * h, 0.056 * h))
        if self.outfit == "cap":
            parts.append(
                capsule(self.extra, at.spot(neck_f - 0.02 * h, centre + 0.045 * h, 0.0),
                        at.spot(neck_f + 0.07 * h, centre + 0.035 * h, 0.0), 0.045 * h, 0.016 * h)
            )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Dog:
    """One dog's size and coat."""

    height: float
    length: float
    coat: Colour
    patch: Colour
    drop_ears: bool

    @classmethod
    def drawn(cls, random: Random, pool: FigurePool) -> Dog:
        """A dog of that pool: the unseen ones have other proportions."""
        height = random.uniform(0.42, 0.72)
        trained = pool is FigurePool.TRAINED
        return cls(
            height=height,
            length=height * within(random, ((1.0, 1.12), (1.26, 1.5)) if trained else ((1.14, 1.24),)),
            coat=varied(random, random.choice(_FUR)),
            patch=varied(random, random.choice(_FUR)),
            drop_ears=random.random() < 0.5,
        )

    def parts(self, view: View, pose: Pose) -> list[Part]:
        """The trotting or standing dog, far legs first."""
        at, h, n = Frame3(view, pose), self.height, self.length
        phase = 2 * math.pi * pose.travelled / (1.3 * h)
        near = at.right_is_near
        parts: list[Part] = []

        def legs(right: bool, light: float) -> None:
            side = (1 if right else -1) * 0.11 * h
            for front in (True, False):
                # Trot: diagonal legs move together.
                swing = 0.55 * pose.moving * math.sin(phase + (0.0 if right == front else math.pi))
                root = 0.38 * n if front else -0.40 * n
                knee = (root + 0.30 * h * math.sin(swing), 0.60 * h - 0.30 * h * math.cos(swing))
                foot = (knee[0] + 0.26 * h * math.sin(swing - 0.25), max(0.02, 0.05 * h))
                top, mid, end = at.spot(root, 0.62 * h, side), at.spot(*knee, side), at.spot(*foot, side)
                parts.append(capsule(darker(self.coat, light), top, mid, 0.10 * h, 0.055 * h))
                parts.append(capsule(darker(self.coat, light * 0.95), mid, end, 0.05 * h, 0.042 * h))

        wag = 0.25 * math.sin(5 * phase if pose.moving else 9 * pose.x)
        tail = (at.spot(-0.48 * n, 0.78 * h, 0.0), at.spot(-0.82 * n, 1.05 * h, wag * h))
        skull = at.spot(0.66 * n, 1.08 * h, 0.0)

        def head() -> None:
            parts.append(capsule(self.coat, at.spot(0.42 * n, 0.80 * h, 0.0), skull, 0.16 * h, 0.13 * h))
            parts.append(ellipse(self.coat, skull, 0.165 * h, 0.15 * h))
            nose = at.spot(0.66 * n + 0.30 * h, 0.99 * h, 0.0)
            parts.append(
                capsule(darker(self.patch, 0.9), at.spot(0.66 * n + 0.08 * h, 1.03 * h, 0.0), nose, 0.08 * h, 0.055 * h)
            )
            parts.append(ellipse((24, 20, 20), nose, 0.035 * h, 0.03 * h))
            for side in (-0.10, 0.10):
                tip = 0.95 if self.drop_ears else 1.32
                parts.append(
                    capsule(darker(self.patch, 0.8), at.spot(0.62 * n, 1.16 * h, side * h),
                            at.spot(0.58 * n, tip * h, side * 1.5 * h), 0.06 * h, 0.03 * h)
                )  # fmt: skip

        legs(not near, 0.72)
        if at.facing < 0:
            head()
        else:
            parts.append(capsule(self.coat, *tail, 0.05 * h, 0.03 * h))
        parts.append(
            capsule(self.coat, at.spot(0.36 * n, 0.72 * h, 0.0), at.spot(-0.38 * n, 0.72 * h, 0.0), 0.19 * h, 0.16 * h)
        )
        parts.append(capsule(self.patch, at.spot(0.12 * n, 0.80 * h, 0.0), at.spot(-0.15 * n, 0.80 * h, 0.0), 0.10 * h))
        legs(near, 1.0)
        if at.facing < 0:
            parts.append(capsule(self.coat, *tail, 0.05 * h, 0.03 * h))
        else:
            head()
        return parts
