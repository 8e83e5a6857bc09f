"""What stands about among those who walk. None of it is to be detected; all of it may hide somebody."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

from edgedet.cameras._scene.body import darker, varied
from edgedet.cameras._scene.cast import Road
from edgedet.cameras._scene.light import Light
from edgedet.cameras._scene.view import Colour, Part, View, capsule, ellipse, outline

WALLS: tuple[Colour, ...] = (
    (164, 96, 76), (196, 178, 148), (150, 150, 154), (206, 204, 196), (120, 104, 96), (176, 132, 96), (110, 124, 140),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Prop:
    """A thing that stands about: it can hide who walks behind it."""

    z: float
    parts: tuple[Part, ...]
    outline: tuple[float, float, float, float]


def quad(view: View, x0: float, x1: float, y0: float, y1: float, z: float, colour: Colour) -> Part:
    corners = ((x0, y0), (x0, y1), (x1, y1), (x1, y0))
    return Part(colour, [view.spot(x, y, z)[:2] for x, y in corners])


def tree(view: View, x: float, z: float, tall: float, light: Light, random: Random) -> list[Part]:
    factors, fog = light.on(x, z)
    bark, leaf = (
        varied(random, (88, 66, 48)),
        varied(random, random.choice(((60, 96, 48), (90, 112, 52), (150, 110, 50)))),
    )
    thick = tall * 0.03
    parts = [
        capsule(light.lit(bark, factors, fog), view.spot(x, 0, z), view.spot(x, tall * 0.5, z), thick, thick * 0.7)
    ]
    for i in range(14):
        spread = tall * 0.22
        spot = view.spot(x + random.gauss(0, spread * 0.6), tall * 0.65 + random.gauss(0, spread * 0.6), z)
        shade = light.lit(darker(leaf, 0.75 + 0.035 * i), factors, fog)
        parts.append(ellipse(shade, spot, spread * random.uniform(0.5, 0.9), spread * random.uniform(0.4, 0.8)))
    return parts


def props_of(seed: int, view: View, road: Road, light: Light) -> list[Prop]:
    """Posts, bins, bushes, benches, boxes and trees among those who walk. None of them is to be detected.

    Furthest first.
    """
    random = Random(seed * 23 + 8)
    props = []
    for lamp in light.lamps:
        factors, fog = light.on(lamp.x, lamp.z)
        pole = light.lit((84, 88, 90), factors, fog)
        top = view.spot(lamp.x, 5.0, lamp.z)
        parts = [
            capsule(pole, view.spot(lamp.x, 0, lamp.z), top, 0.06),
            ellipse(light.glowing((250, 236, 190)), top, 0.28, 0.12),
        ]
        props.append(Prop(lamp.z, tuple(parts), outline(parts)))
    for _ in range(random.randint(0, 5)):
        z = 1.0 / random.uniform(1 / 26.0, 1 / 5.0)
        x = random.uniform(-1, 1) * view.half_width_m(z)
        c, s = math.cos(road.angle), math.sin(road.angle)
        if abs(-x * s + (z - road.z) * c) < road.half_width + 0.4:
            continue
        factors, fog = light.on(x, z)

        def lit(colour: Colour, factors: tuple[float, float, float] = factors, fog: float = fog) -> Colour:
            return light.lit(colour, factors, fog)

        kind = random.choice(("post", "bin", "bush", "bench", "box", "sign", "tree"))
        parts = []
        if kind == "post":
            parts.append(
                capsule(lit((92, 92, 96)), view.spot(x, 0, z), view.spot(x, random.uniform(0.8, 1.2), z), 0.06)
            )
        elif kind == "bin":
            parts.append(capsule(lit(varied(random, (50, 80, 60))), view.spot(x, 0.25, z), view.spot(x, 0.8, z), 0.27))
        elif kind == "bush":
            leaf = varied(random, (66, 96, 52))
            for i in range(9):
                spot = view.spot(x + random.gauss(0, 0.4), random.uniform(0.2, 0.8), z)
                parts.append(ellipse(lit(darker(leaf, 0.8 + 0.04 * i)), spot, random.uniform(0.25, 0.45), 0.3))
        elif kind == "bench":
            wood = lit(varied(random, (140, 100, 62)))
            parts = [quad(view, x - 0.8, x + 0.8, 0.40, 0.50, z, wood), quad(view, x - 0.8, x + 0.8, 0.6, 0.9, z, wood)]
            parts += [quad(view, x + d, x + d + 0.08, 0.0, 0.4, z, lit((50, 50, 54))) for d in (-0.7, 0.62)]
        elif kind == "box":
            side = random.uniform(0.4, 1.1)
            parts.append(
                quad(
                    view,
                    x,
                    x + side,
                    0.0,
                    side * random.uniform(0.6, 1.5),
                    z,
                    lit(varied(random, random.choice(WALLS))),
                )
            )
        elif kind == "sign":
            parts.append(capsule(lit((130, 132, 134)), view.spot(x, 0, z), view.spot(x, 2.2, z), 0.035))
            parts.append(
                ellipse(
                    lit(random.choice(((190, 40, 40), (40, 80, 170), (230, 200, 60)))), view.spot(x, 2.2, z), 0.3, 0.3
                )
            )
        else:
            parts = tree(view, x, z, random.uniform(3.0, 6.0), light, random)
        props.append(Prop(z, tuple(parts), outline(parts)))
    return sorted(props, key=lambda prop: -prop.z)
