"""What stands still: sky, ground, road, buildings, trees, and the light on all of it. Drawn once for a scene."""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from edgedet.cameras._scene.body import darker, varied
from edgedet.cameras._scene.cast import Road
from edgedet.cameras._scene.light import Light
from edgedet.cameras._scene.props import WALLS, Prop, quad, tree
from edgedet.cameras._scene.view import Colour, Part, View

Floats = NDArray[np.float32]

_GROUNDS: tuple[Colour, ...] = (
    (92, 122, 62), (122, 140, 84), (150, 146, 138), (176, 160, 126), (120, 112, 104), (164, 164, 166), (104, 98, 74),
    (140, 120, 98),
)  # fmt: skip
_SKIES: tuple[tuple[Colour, Colour], ...] = (
    ((84, 140, 214), (196, 216, 236)), ((150, 164, 180), (206, 210, 214)), ((110, 150, 200), (236, 214, 184)),
    ((176, 182, 188), (196, 198, 200)), ((64, 118, 196), (160, 200, 230)),
)  # fmt: skip


def backdrop(view: View, road: Road, light: Light, props: Sequence[Prop], seed: int, *, night: bool) -> Image.Image:
    """The scene without anybody in it."""
    random = Random(seed * 15_485_863 + 5)
    noise = _noise_tile(np.random.default_rng(seed & 0xFFFFFFFF))
    pixels = np.empty((view.height, view.width, 3), np.float32)
    horizon = min(view.height, max(0, math.ceil(view.horizon)))
    _sky(pixels[:horizon], view, random, noise, night=night)
    _ground(pixels[horizon:], horizon, view, road, light, random, noise)
    np.clip(pixels, light.headroom, 255 - light.headroom, out=pixels)
    picture = Image.fromarray(pixels.astype(np.uint8))
    far = max(road.z + road.half_width * 2, random.uniform(26.0, 42.0))
    for parts in _distance(view, far, light, random, night=night):
        draw_flat(picture, parts)
    for prop in props:
        draw_flat(picture, prop.parts)
    return picture


def draw_flat(picture: Image.Image, parts: Sequence[Part]) -> None:
    """Draw filled polygons straight into the picture, without smooth edges."""
    draw = ImageDraw.Draw(picture)
    for part in parts:
        draw.polygon(part.points, fill=part.colour)


def _noise_tile(rng: np.random.Generator) -> Floats:
    """256 x 256 values in about [-1, 1] that tile, rough and smooth together."""
    total = np.zeros((256, 256), np.float32)
    for step, weight in ((1, 0.30), (4, 0.30), (16, 0.40)):
        cells = 256 // step
        coarse = rng.uniform(-1, 1, (cells, cells)).astype(np.float32)
        if step == 1:
            total += weight * coarse
            continue
        ramp = (np.arange(256) % step / step).astype(np.float32)
        ramp = ramp * ramp * (3 - 2 * ramp)
        i = np.arange(256) // step
        j = (i + 1) % cells
        rows = coarse[i] + (coarse[j] - coarse[i]) * ramp[:, None]
        total += weight * (rows[:, i] + (rows[:, j] - rows[:, i]) * ramp[None, :])
    return total


def _sky(out: Floats, view: View, random: Random, noise: Floats, *, night: bool) -> None:
    if not len(out):
        return
    top, low = ((12, 16, 34), (34, 36, 52)) if night else random.choice(_SKIES)
    share = np.linspace(0, 1, len(out), dtype=np.float32)[:, None, None]
    out[:] = np.array(top, np.float32) + (np.array(low, np.float32) - np.array(top, np.float32)) * share
    # A piece of the smooth noise, stretched sideways: clouds lie flat.
    tile = Image.fromarray(noise).crop((0, 0, 60, 120)).resize((view.width, len(out)), Image.Resampling.BICUBIC)
    out += np.clip(np.asarray(tile), 0, 1)[..., None] * random.uniform(0, 90) * (0.15 if night else 1.0)


def _ground(out: Floats, first: int, view: View, road: Road, light: Light, random: Random, noise: Floats) -> None:
    if not len(out):
        return
    rows = np.arange(first, first + len(out), dtype=np.float32) + 0.5
    angle = np.arctan((rows - view.height / 2) / view.focal) + math.asin(view.sin)
    z = np.minimum(view.height_m / np.tan(np.maximum(angle, 1e-3)), 300.0)[:, None]
    scale = view.focal / (z * view.cos + view.height_m * view.sin)
    x = (np.arange(view.width, dtype=np.float32) + 0.5 - view.width / 2)[None, :] / scale
    c, s = math.cos(road.angle), math.sin(road.angle)
    across = -x * s + (z - road.z) * c
    along = x * c + (z - road.z) * s
    base = np.array(varied(random, random.choice(_GROUNDS), 10), np.float32)
    verge = np.array(varied(random, random.choice(_GROUNDS), 10), np.float32)
    tar = np.array(varied(random, random.choice(((74, 76, 80), (98, 98, 100), (120, 116, 110))), 7), np.float32)
    line = np.array((214, 212, 200), np.float32)
    away = np.abs(across)
    out[:] = base
    pavement = road.half_width + random.uniform(1.2, 2.6)
    paved = random.random() < 0.7
    if paved:
        out[(away < pavement) & (away >= road.half_width)] = verge
    if random.random() < 0.85:
        out[away < road.half_width] = tar
        dash = random.uniform(2.0, 5.0)
        marks = (away < 0.09) & ((along % (2 * dash)) < dash) | (np.abs(away - road.half_width + 0.25) < 0.06)
        out[marks & (scale > 8)] = line
    rough = random.uniform(8.0, 34.0)
    fine = np.minimum(1.0, scale / 40.0)
    for cells, weight in ((9.0, 0.6 * fine), (1.3, 0.8)):
        tile = noise[(along * cells).astype(np.int32) & 255, (across * cells).astype(np.int32) & 255]
        out += (tile * rough * weight)[..., None]
    if random.random() < 0.35:
        size = random.uniform(0.6, 1.6)
        joint = ((along % size) < 0.05) | ((across % size) < 0.05)
        out[joint & (away > road.half_width) & (scale > 25)] *= 0.82
    glow = np.zeros_like(across)
    for lamp in light.lamps:
        glow += lamp.strength * np.exp(-((x - lamp.x) ** 2 + (z - lamp.z) ** 2) / lamp.radius**2)
    factor = np.array(light.ambient, np.float32) + glow[..., None] * np.array((1, 0.88, 0.62), np.float32)
    out *= factor
    fog = (1.0 - (1.0 - light.fog) ** (z / 30.0))[..., None]
    out += (np.array(light.fog_colour, np.float32) - out) * fog


def _distance(view: View, far: float, light: Light, random: Random, *, night: bool) -> list[list[Part]]:
    """Hills, buildings and trees behind everything that moves."""
    factors, fog = light.on(0.0, far)
    layers: list[list[Part]] = []
    span = view.half_width_m(far) * 1.3
    if random.random() < 0.5:
        ridge = [(0.0, view.horizon + 2)]
        height = view.height * random.uniform(0.03, 0.12)
        offset = random.uniform(0, 6)
        for i in range(25):
            x = view.width * i / 24
            ridge.append((x, view.horizon - height * (0.6 + 0.4 * math.sin(offset + i * 0.7) * math.cos(i * 0.31))))
        ridge.append((float(view.width), view.horizon + 2))
        layers.append([Part(light.lit((96, 112, 104), factors, min(0.8, fog + 0.3)), ridge)])
    style = random.random()
    if style < 0.65:
        x = -span
        while x < span:
            wide = random.uniform(5.0, 14.0)
            if random.random() < 0.8:
                layers.append(_house(view, x, far + random.uniform(0, 3), wide, light, random, night=night))
            x += wide + random.choice((0.0, 0.0, 1.5, 4.0))
    elif style < 0.85:
        wall = varied(random, random.choice(WALLS))
        top = random.uniform(1.2, 5.0)
        layers.append([quad(view, -span, span, 0.0, top, far, light.lit(wall, factors, fog))])
        gap = random.uniform(1.5, 4.0)
        post = light.lit(darker(wall, 0.8), factors, fog)
        layers.append(
            [quad(view, i * gap, i * gap + 0.25, 0, top, far, post) for i in range(int(-span / gap), int(span / gap))]
        )
    for _ in range(random.randint(0, 7)):
        x, z = random.uniform(-span, span), far + random.uniform(-2.0, 4.0)
        layers.append(tree(view, x, z, random.uniform(4.0, 9.0), light, random))
    return layers


def _house(view: View, x: float, z: float, wide: float, light: Light, random: Random, *, night: bool) -> list[Part]:
    factors, fog = light.on(x, z)
    wall = varied(random, random.choice(WALLS))
    storeys = random.randint(1, 4)
    parts = [quad(view, x, x + wide, 0.0, storeys * 3.0, z, light.lit(wall, factors, fog))]
    if random.random() < 0.6:
        roof = [
            (x - 0.3, storeys * 3.0),
            (x + wide / 2, storeys * 3.0 + random.uniform(1, 3)),
            (x + wide + 0.3, storeys * 3.0),
        ]
        colour = light.lit(varied(random, (120, 62, 50)), factors, fog)
        parts.append(Part(colour, [view.spot(a, b, z)[:2] for a, b in roof]))
    step = random.uniform(1.8, 2.8)
    for floor in range(storeys):
        for i in range(int(wide / step)):
            left = x + 0.5 + i * step
            door = floor == 0 and random.random() < 0.25
            glow = night and random.random() < 0.3
            pane = (240, 208, 130) if glow else (96, 70, 50) if door else (66, 78, 92)
            colour = light.glowing(pane) if glow else light.lit(pane, factors, fog)
            low, high = (0.0, 2.1) if door else (floor * 3.0 + 0.9, floor * 3.0 + 2.3)
            parts.append(quad(view, left, left + 1.0, low, high, z, colour))
    return parts
