"""Draws who is in the scene onto the backdrop: shadows, bodies, rain, the sensor's noise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from edgedet.cameras._scene.backdrop import backdrop, draw_flat
from edgedet.cameras._scene.cast import Road
from edgedet.cameras._scene.light import Light
from edgedet.cameras._scene.props import Prop
from edgedet.cameras._scene.vehicles import Car
from edgedet.cameras._scene.view import Colour, Part, Point, View

if TYPE_CHECKING:
    from edgedet.cameras._scene.scene import Actor

_FINE = 2
"""Bodies are drawn this many times too large and reduced: the edges of a polygon are smooth then."""


class Painter:
    """Everything about a scene's looks that does not depend on the time."""

    def __init__(
        self, view: View, road: Road, light: Light, props: Sequence[Prop], seed: int, *, night: bool, rain: bool
    ) -> None:
        self._view = view
        self._seed = seed
        self._night = night
        self._rain = rain
        self._light = light
        self._props = props
        self._backdrop = backdrop(view, road, light, props, seed, night=night)
        sigma = light.grain
        rng = np.random.default_rng(seed & 0xFFFFFFFF)
        grain = np.clip(rng.normal(0.0, sigma, (view.height + 64, view.width + 64, 1)), -3 * sigma, 3 * sigma)
        colour = np.clip(rng.normal(0.0, sigma * 0.5, (view.height + 64, view.width + 64, 3)), -sigma, sigma)
        # Every level of the picture keeps this far from 0 and 255, so the addition of two bytes cannot wrap.
        limit = self._light.headroom
        self._grain = np.clip(np.rint(grain + colour), -limit, limit).astype(np.int8).view(np.uint8)

    def picture(self, actors: list[Actor], t_s: float) -> NDArray[np.uint8]:
        """RGB of shape (height, width, 3)."""
        image = self._backdrop.copy()
        self._shadows(image, actors)
        for i, actor in enumerate(actors):
            self._body(image, actor)
            self._cover(image, actor, actors[i + 1 :])
        if self._night:
            self._beams(image, actors)
        if self._rain:
            self._drops(image, t_s)
        random = Random(round(t_s * 1000) + self._seed)
        x, y = random.randrange(64), random.randrange(64)
        grain = self._grain[y : y + self._view.height, x : x + self._view.width]
        # The addition wraps round: the grain is signed, and `headroom` keeps every sum inside a byte.
        picture: NDArray[np.uint8] = np.asarray(image) + grain
        return picture

    def _shadows(self, image: Image.Image, actors: list[Actor]) -> None:
        light = self._light
        if light.shadow < 0.05:
            return
        mask = Image.new("L", image.size)
        draw = ImageDraw.Draw(mask)
        level = round(light.shadow * 255)
        left, top, right, bottom = math.inf, math.inf, 0.0, 0.0
        for actor in actors:
            for points in self._cast_shadow(actor):
                draw.polygon(points, fill=level)
                left, right = min(left, *(p[0] for p in points)), max(right, *(p[0] for p in points))
                top, bottom = min(top, *(p[1] for p in points)), max(bottom, *(p[1] for p in points))
        area = (max(0, int(left)) if left < math.inf else 0, max(0, int(top)) if top < math.inf else 0,
                min(image.width, math.ceil(right)), min(image.height, math.ceil(bottom)))  # fmt: skip
        if area[0] >= area[2] or area[1] >= area[3]:
            return
        low = light.headroom
        image.paste((low, low, low), area, mask.crop(area))

    def _cast_shadow(self, actor: Actor) -> list[list[Point]]:
        view, (sx, sz) = self._view, self._light.sun
        x, z = actor.pose.x, actor.pose.z
        if isinstance(actor.figure, Car):
            car = actor.figure
            c, s = math.cos(actor.pose.heading), math.sin(actor.pose.heading)
            shadow = []
            for up in (0.0, car.height * 0.6, car.height):
                reach = 0.5 if up < car.height else 0.3
                for f, r in ((-reach, -1), (-reach, 1), (reach, 1), (reach, -1)):
                    px = x + f * car.length * c + r * car.half_width * s + up * sx
                    pz = z + f * car.length * s - r * car.half_width * c + up * sz
                    shadow.append(view.spot(px, 0.0, max(pz, 0.5))[:2])
            return [_hull(shadow)]
        ground = view.spot(x, 0.0, z)
        # The body is a flat figure that faces the camera: its shadow is that figure laid on the ground.
        shadows = []
        for part in actor.parts:
            if part.width:
                continue
            laid = []
            for px, py in part.points:
                up = max(0.0, (ground.y - py) / (ground.scale * view.cos))
                laid.append(view.spot(x + (px - ground.x) / ground.scale + up * sx, 0.0, max(0.5, z + up * sz))[:2])
            shadows.append(laid)
        return shadows

    def _body(self, image: Image.Image, actor: Actor) -> None:
        left, top, right, bottom = actor.outline
        x0, y0 = max(0, math.floor(left) - 1), max(0, math.floor(top) - 1)
        x1, y1 = min(image.width, math.ceil(right) + 1), min(image.height, math.ceil(bottom) + 1)
        if x0 >= x1 or y0 >= y1:
            return
        factors, fog = self._light.on(actor.pose.x, actor.pose.z)
        self._stamp(
            image, (x0, y0, x1, y1), actor.parts, [self._light.lit(p.colour, factors, fog) for p in actor.parts]
        )

    def _stamp(
        self, image: Image.Image, area: tuple[int, int, int, int], parts: list[Part], colours: list[Colour]
    ) -> None:
        x0, y0, x1, y1 = area
        # What is under the body starts as the picture itself, so that smooth edges need no mask.
        under = image.crop(area)
        large = under.resize(((x1 - x0) * _FINE, (y1 - y0) * _FINE), Image.Resampling.NEAREST)
        draw = ImageDraw.Draw(large)
        for part, colour in zip(parts, colours, strict=True):
            points = [((x - x0) * _FINE, (y - y0) * _FINE) for x, y in part.points]
            if part.width:
                draw.line(points, fill=colour, width=max(1, round(part.width * _FINE)), joint="curve")
            else:
                draw.polygon(points, fill=colour)
        image.paste(large.reduce(_FINE), (x0, y0))

    def _cover(self, image: Image.Image, actor: Actor, nearer: list[Actor]) -> None:
        """Draw again what stands before the actor but behind the next one."""
        limit = nearer[0].pose.z if nearer else 0.0
        left, top, right, bottom = actor.outline
        for prop in self._props:
            x0, y0, x1, y1 = prop.outline
            if limit <= prop.z < actor.pose.z and x0 < right and x1 > left and y0 < bottom and y1 > top:
                draw_flat(image, prop.parts)

    def _beams(self, image: Image.Image, actors: list[Actor]) -> None:
        draw = ImageDraw.Draw(image, "RGBA")
        beam = self._light.glowing((235, 230, 205))
        for actor in actors:
            if isinstance(actor.figure, Car) and actor.figure.lamps_on:
                car, pose = actor.figure, actor.pose
                c, s = math.cos(pose.heading), math.sin(pose.heading)
                if pose.x * c + pose.z * s > 0:
                    continue
                for side in (-0.8, 0.8):
                    r = side * car.half_width
                    spot = self._view.spot(
                        pose.x + 0.5 * car.length * c + r * s, 0.42 * car.height, pose.z + 0.5 * car.length * s - r * c
                    )
                    for size, alpha in ((0.45, 40), (0.25, 90), (0.12, 200)):
                        radius = size * spot.scale
                        box = (spot.x - radius, spot.y - radius, spot.x + radius, spot.y + radius)
                        draw.ellipse(box, fill=(*beam, alpha))

    def _drops(self, image: Image.Image, t_s: float) -> None:
        draw = ImageDraw.Draw(image, "RGBA")
        random = Random(round(t_s * 1000) * 31 + self._seed)
        length = image.height * 0.045
        drop = self._light.glowing((205, 212, 222))
        for _ in range(110):
            x, y, near = random.random() * image.width, random.random() * image.height, random.uniform(0.4, 1.3)
            draw.line((x, y, x - length * 0.15 * near, y + length * near), fill=(*drop, 90))


def _hull(points: list[Point]) -> list[Point]:
    """The convex hull (Andrew's monotone chain)."""
    ordered = sorted(set(points))
    chains: list[list[Point]] = []
    for run in (ordered, ordered[::-1]):
        chain: list[Point] = []
        for x, y in run:
            while len(chain) > 1 and _turn(chain[-2], chain[-1], (x, y)) <= 0:
                chain.pop()
            chain.append((x, y))
        chains.append(chain[:-1])
    return chains[0] + chains[1]


def _turn(a: Point, b: Point, c: Point) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
