"""Dogs: what they look like, and how they trot."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

from edgedet.cameras._scene.body import Frame3, Pose, darker, varied, within
from edgedet.cameras._scene.style import FigurePool
from edgedet.cameras._scene.view import Colour, Part, View, capsule, ellipse

_FUR: tuple[Colour, ...] = (
    (60, 42, 28),
    (130, 92, 54),
    (196, 160, 108),
    (38, 36, 36),
    (216, 208, 196),
    (120, 116, 112),
)


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

        def legs(light: float, *, right: bool) -> None:
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

        legs(0.72, right=not near)
        if at.facing < 0:
            head()
        else:
            parts.append(capsule(self.coat, *tail, 0.05 * h, 0.03 * h))
        parts.append(
            capsule(self.coat, at.spot(0.36 * n, 0.72 * h, 0.0), at.spot(-0.38 * n, 0.72 * h, 0.0), 0.19 * h, 0.16 * h)
        )
        parts.append(capsule(self.patch, at.spot(0.12 * n, 0.80 * h, 0.0), at.spot(-0.15 * n, 0.80 * h, 0.0), 0.10 * h))
        legs(1.0, right=near)
        if at.facing < 0:
            parts.append(capsule(self.coat, *tail, 0.05 * h, 0.03 * h))
        else:
            head()
        return parts
