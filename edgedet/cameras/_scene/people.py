"""People: what they look like and wear, and how they walk and ride."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

from edgedet.cameras._scene.body import Frame3, Pose, darker, varied, within
from edgedet.cameras._scene.style import (
    TRAINED_BUILDS,
    TRAINED_OUTFITS,
    UNSEEN_BUILDS,
    UNSEEN_OUTFITS,
    FigurePool,
)
from edgedet.cameras._scene.view import Colour, Part, View, capsule, ellipse

_SKIN: tuple[Colour, ...] = ((241, 207, 178), (222, 178, 140), (190, 138, 98), (140, 92, 62), (92, 60, 42))
_HAIR: tuple[Colour, ...] = ((32, 26, 22), (74, 48, 30), (128, 88, 48), (186, 150, 92), (150, 150, 150))
_COAT: tuple[Colour, ...] = (
    (40, 44, 58), (88, 30, 34), (36, 74, 58), (164, 60, 44), (208, 172, 60), (54, 88, 150), (220, 220, 216),
    (120, 118, 116), (206, 120, 150), (84, 62, 120), (52, 120, 128), (150, 104, 62), (24, 24, 26), (230, 120, 40),
)  # fmt: skip
_TROUSERS: tuple[Colour, ...] = (
    (34, 40, 60), (52, 66, 100), (30, 30, 32), (96, 88, 74), (130, 116, 92), (70, 74, 78), (60, 44, 36),
    (150, 150, 152),
)  # fmt: skip


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

        def leg(light: float, *, right: bool) -> None:
            hip, knee, foot = (at.spot(*joint) for joint in limbs[right])
            f, u, r = limbs[right][2]
            shin = self.skin if self.outfit in ("shorts", "skirt") else self.legs
            parts.append(capsule(darker(shin, light * 0.95), knee, foot, 0.030 * thick, 0.022 * thick))
            parts.append(capsule(darker(self.legs, light), hip, knee, 0.048 * thick, 0.034 * thick))
            parts.append(capsule(darker(self.shoes, light), foot, at.spot(f + 0.09 * h, u - 0.005, r), 0.022 * h))

        def arm(light: float, *, right: bool) -> None:
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

        arm(0.72, right=not near)
        leg(0.78, right=not near)
        leg(1.0, right=near)
        if self.outfit == "backpack" and at.facing > 0:
            pack()
        self._trunk(at, parts, hip_f, hip_u, neck_f, neck_u)
        if self.outfit == "backpack" and at.facing <= 0:
            pack()
        self._head(at, parts, neck_f, neck_u)
        arm(1.0, right=near)
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
