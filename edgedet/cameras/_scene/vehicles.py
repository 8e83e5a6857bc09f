"""Cars and bicycles: solid shapes in metres, put into the picture face by face."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

from edgedet.cameras._scene.body import Frame3, Pose, darker, varied
from edgedet.cameras._scene.people import Person
from edgedet.cameras._scene.style import TRAINED_BODIES, UNSEEN_BODIES, FigurePool
from edgedet.cameras._scene.view import Colour, Part, View, capsule

_PAINT: tuple[Colour, ...] = (
    (200, 30, 34), (226, 226, 228), (24, 26, 30), (120, 124, 130), (34, 66, 134), (46, 92, 66), (206, 168, 50),
    (150, 70, 40), (170, 176, 184), (88, 24, 40), (60, 130, 170), (214, 200, 170),
)  # fmt: skip
_GLASS: Colour = (54, 66, 78)
_TYRE: Colour = (26, 26, 28)

# Profiles seen from the side, forward along the first number: fractions of length and height.
# (hull, cabin): the cabin stands on the hull. Both convex, clockwise from the lower rear.
_HULL = ((-0.50, 0.20), (-0.50, 0.58), (0.20, 0.60), (0.48, 0.50), (0.50, 0.20))
_SHAPES: dict[str, tuple[tuple[tuple[float, float], ...], tuple[tuple[float, float], ...], tuple[float, float]]] = {
    "hatchback": (_HULL, ((-0.49, 0.58), (-0.40, 1.0), (0.06, 1.0), (0.24, 0.60)), (3.9, 1.48)),
    "saloon": (
        ((-0.50, 0.20), (-0.50, 0.60), (0.20, 0.62), (0.49, 0.52), (0.50, 0.20)),
        ((-0.36, 0.60), (-0.22, 1.0), (0.05, 1.0), (0.22, 0.61)),
        (4.6, 1.43),
    ),
    "van": (
        ((-0.50, 0.14), (-0.50, 0.52), (0.34, 0.52), (0.49, 0.40), (0.50, 0.14)),
        ((-0.50, 0.52), (-0.49, 1.0), (0.28, 1.0), (0.42, 0.50)),
        (4.8, 1.95),
    ),
    "estate": (
        ((-0.50, 0.20), (-0.50, 0.60), (0.20, 0.62), (0.48, 0.52), (0.50, 0.20)),
        ((-0.49, 0.60), (-0.44, 1.0), (0.04, 1.0), (0.21, 0.61)),
        (4.6, 1.47),
    ),
    "pickup": (
        ((-0.50, 0.22), (-0.50, 0.58), (0.24, 0.58), (0.48, 0.52), (0.50, 0.22)),
        ((-0.12, 0.58), (-0.10, 1.0), (0.12, 1.0), (0.26, 0.58)),
        (5.0, 1.75),
    ),
}


@dataclass(frozen=True, slots=True)
class Car:
    """One car's body and paint."""

    body: str
    paint: Colour
    length: float
    height: float
    half_width: float
    lamps_on: bool

    @classmethod
    def drawn(cls, random: Random, pool: FigurePool, *, lamps_on: bool) -> Car:
        """A car of that pool."""
        body = random.choice(TRAINED_BODIES if pool is FigurePool.TRAINED else UNSEEN_BODIES)
        length, height = _SHAPES[body][2]
        grow = random.uniform(0.94, 1.08)
        return cls(body, varied(random, random.choice(_PAINT)), length * grow, height * grow,
                   random.uniform(0.84, 0.95), lamps_on)  # fmt: skip

    def parts(self, view: View, pose: Pose) -> list[Part]:
        """The faces that the camera sees, and the wheels."""
        at = Frame3(view, pose)
        hull, cabin, _ = _SHAPES[self.body]
        near = 1.0 if at.right_is_near else -1.0
        parts: list[Part] = []
        dark = (30, 30, 34)
        parts.append(self._slab(at, -0.47, 0.47, 0.10, -near * self.half_width, dark))
        self._wheels(at, parts, -near, 0.8)
        parts.append(self._slab(at, -0.47, 0.47, 0.10, near * self.half_width, dark))
        self._prism(at, parts, hull, near, 1.0, 1.0, self.paint)
        self._prism(at, parts, cabin, near, 1.0, 0.80, self.paint)
        self._panes(at, parts, cabin, near)
        self._ends(at, parts, view)
        self._wheels(at, parts, near, 1.0)
        return parts

    def _slab(self, at: Frame3, rear: float, front: float, low: float, right: float, colour: Colour) -> Part:
        n, h = self.length, self.height
        corners = ((rear, low), (rear, 0.3), (front, 0.3), (front, low))
        return Part(colour, [at.spot(f * n, u * h, right)[:2] for f, u in corners])

    def _prism(
        self,
        at: Frame3,
        parts: list[Part],
        profile: tuple[tuple[float, float], ...],
        near: float,
        low_width: float,
        high_width: float,
        paint: Colour,
    ) -> None:
        n, h = self.length, self.height
        bottom, top = min(u for _, u in profile), max(u for _, u in profile)

        def across(u: float) -> float:
            share = (u - bottom) / (top - bottom)
            return self.half_width * (low_width + (high_width - low_width) * share)

        near_side = [at.spot(f * n, u * h, near * across(u))[:2] for f, u in profile]
        far_side = [at.spot(f * n, u * h, -near * across(u))[:2] for f, u in profile]
        # What the near side's outline turns like when it is seen at all; head-on it may not be.
        turn = near * _signed_area([(f, -u) for f, u in profile])
        for i in range(len(profile) - 1):
            quad = [near_side[i], near_side[i + 1], far_side[i + 1], far_side[i]]
            # A strip shows when it turns the other way round than the near side does.
            if _signed_area(quad) * turn >= 0.0:
                continue
            (f0, u0), (f1, u1) = profile[i], profile[i + 1]
            slope = abs(f1 - f0) * n / (math.hypot((f1 - f0) * n, (u1 - u0) * h) or 1.0)
            parts.append(Part(darker(paint, 0.70 + 0.48 * slope), quad))
        if _signed_area(near_side) * turn > 0.0:
            parts.append(Part(darker(paint, 0.86), near_side))

    def _panes(self, at: Frame3, parts: list[Part], cabin: tuple[tuple[float, float], ...], near: float) -> None:
        n, h, wide = self.length, self.height, self.half_width
        (r0, low), (r1, high), (f1, _), (f0, _) = cabin
        up = (low + 0.08, high - 0.08)

        def edge(a: float, b: float, u: float) -> float:
            return a + (b - a) * (u - low) / (high - low)

        def across(u: float) -> float:
            return wide * (1.0 - 0.2 * (u - low) / (high - low)) + 0.005

        rear = [edge(r0, r1, u) + 0.03 for u in up]
        front = [edge(f0, f1, u) - 0.03 for u in up]
        for a, b in ((0.0, 0.46), (0.52, 1.0)):
            corners = [(rear[i] + (front[i] - rear[i]) * s, up[i]) for i, s in ((0, a), (1, a), (1, b), (0, b))]
            parts.append(Part(_GLASS, [at.spot(f * n, u * h, near * across(u))[:2] for f, u in corners]))
        for a, b, ahead in ((f0, f1, True), (r0, r1, False)):
            if (at.facing > 0.08) != ahead or abs(at.facing) <= 0.08:
                continue
            corners3 = [
                (edge(a, b, u) * n, u * h, s * across(u) * 0.86)
                for u, s in ((up[0], 1), (up[1], 1), (up[1], -1), (up[0], -1))
            ]
            parts.append(Part(darker(_GLASS, 1.15), [at.spot(*c)[:2] for c in corners3]))

    def _ends(self, at: Frame3, parts: list[Part], view: View) -> None:
        n, h, wide = self.length, self.height, self.half_width
        if abs(at.facing) < 0.1:
            return
        ahead = at.facing > 0
        end = 0.502 * n if ahead else -0.502 * n
        if ahead:
            lamp = (255, 250, 224) if self.lamps_on else (232, 232, 224)
        else:
            lamp = (250, 40, 36) if self.lamps_on else (170, 26, 28)
        low, high = 0.36, 0.47
        for side in (-1, 1):
            corners = ((0.62, low), (0.62, high), (0.95, high), (0.95, low))
            parts.append(Part(lamp, [at.spot(end, u * h, side * s * wide)[:2] for s, u in corners]))
        plate = ((-0.28, 0.27), (-0.28, 0.35), (0.28, 0.35), (0.28, 0.27))
        parts.append(Part((222, 220, 200), [at.spot(end, u * h, s * wide)[:2] for s, u in plate]))
        bumper = ((-0.98, 0.14), (-0.98, 0.24), (0.98, 0.24), (0.98, 0.14))
        parts.append(Part((44, 44, 48), [at.spot(end, u * h, s * wide)[:2] for s, u in bumper]))

    def _wheels(self, at: Frame3, parts: list[Part], side: float, light: float) -> None:
        radius = 0.31 if self.height < 1.7 else 0.36
        for f in (-0.31, 0.32):
            for r, colour in ((radius, _TYRE), (radius * 0.55, (150, 152, 156))):
                turn = [i * math.pi / 7 for i in range(14)]
                points = [
                    at.spot(
                        f * self.length + r * math.cos(a), radius + r * math.sin(a), side * (self.half_width + 0.01)
                    )[:2]
                    for a in turn
                ]
                parts.append(Part(darker(colour, light), points))


def _signed_area(points: list[tuple[float, float]]) -> float:
    return sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in zip(points, points[1:] + points[:1], strict=True))


@dataclass(frozen=True, slots=True)
class Bicycle:
    """One bicycle, and who rides it."""

    paint: Colour
    wheel: float
    base: float
    rider: Person | None

    @classmethod
    def drawn(cls, random: Random, pool: FigurePool) -> Bicycle:
        """A bicycle with its rider. Unseen ones have another wheel size and wheelbase."""
        trained = pool is FigurePool.TRAINED
        rider = Person.drawn(random, pool)
        return cls(
            paint=varied(random, random.choice(_PAINT)),
            wheel=random.choice((0.30, 0.35)) if trained else 0.325,
            base=random.choice((0.46, 0.52)) if trained else 0.49,
            rider=rider,
        )

    def parts(self, view: View, pose: Pose) -> list[Part]:
        """Wheels, frame, saddle and handlebar."""
        at, r, b = Frame3(view, pose), self.wheel, self.base
        scale = at.spot(0.0, 0.5, 0.0).scale
        thin, tube = max(1.0, 0.035 * scale), max(1.2, 0.05 * scale)
        parts: list[Part] = []
        spin = pose.travelled / r
        for centre in (-b, b):
            for k in range(4):
                a = spin + k * math.pi / 4
                c, s = r * math.cos(a), r * math.sin(a)
                ends = [at.spot(centre + c, r + s, 0.0)[:2], at.spot(centre - c, r - s, 0.0)[:2]]
                parts.append(Part((132, 134, 138), ends, max(0.7, 0.010 * scale)))
            rim = [
                at.spot(centre + r * math.cos(i * math.pi / 8), r + r * math.sin(i * math.pi / 8), 0.0)[:2]
                for i in range(17)
            ]
            parts.append(Part(_TYRE, rim, max(1.0, 0.055 * scale)))
        crank, seat, head = (0.0, 0.29), (-0.18, 0.80), (b - 0.16, 0.80)
        for p, q in (
            (crank, seat), (crank, head), (seat, head), ((-b, r), crank), ((-b, r), seat), ((b, r), head),
            (seat, (-0.21, 0.92)), (head, (b - 0.19, 1.02)),
        ):  # fmt: skip
            parts.append(Part(self.paint, [at.spot(*p, 0.0)[:2], at.spot(*q, 0.0)[:2]], tube))
        bar = [at.spot(b - 0.17, 1.02, s)[:2] for s in (-0.27, 0.27)]
        parts.append(Part((40, 40, 42), bar, thin))
        parts.append(capsule((32, 30, 30), at.spot(-0.34, 0.95, 0.0), at.spot(-0.10, 0.94, 0.0), 0.055, 0.03))
        turn = self.crank(pose)
        for side, a in ((0.09, turn), (-0.09, turn + math.pi)):
            pedal = at.spot(0.16 * math.cos(a), 0.29 - 0.16 * math.sin(a), side)
            parts.append(Part((60, 60, 62), [at.spot(0.0, 0.29, side)[:2], pedal[:2]], thin))
        return parts

    def crank(self, pose: Pose) -> float:
        """The pedals' angle, radians."""
        return pose.travelled / (self.wheel * 2.4)

    def rider_parts(self, view: View, pose: Pose) -> list[Part]:
        """The rider; nothing where there is none."""
        if self.rider is None:
            return []
        return self.rider.riding(view, pose, self.crank(pose), -0.20, self.base - 0.19)
