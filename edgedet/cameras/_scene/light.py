"""The light of a scene: day or night, sun, street lamps, fog, and the sensor that sees it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

from edgedet.cameras._scene.style import Style
from edgedet.cameras._scene.view import Colour


@dataclass(frozen=True, slots=True)
class Lamp:
    """A street lamp's pool of light on the ground."""

    x: float
    z: float
    radius: float
    strength: float


@dataclass(frozen=True, slots=True)
class Light:
    """The light of a scene, the same for the ground and for whoever stands on it."""

    ambient: tuple[float, float, float]
    lamps: tuple[Lamp, ...]
    fog: float
    """Share of the colour that is lost at 30 m."""
    fog_colour: tuple[float, float, float]
    shadow: float
    """How dark shadows are, in [0, 1]."""
    sun: tuple[float, float]
    """Where a shadow falls per metre of height: x and z, metres."""
    grain: float
    """Standard deviation of the sensor's noise, in grey levels."""
    headroom: int
    """Levels that are kept free at both ends, for the sensor's noise."""

    def on(self, x: float, z: float) -> tuple[tuple[float, float, float], float]:
        """The light at a point of the ground: a factor for each colour, and the share of fog before it."""
        glow = sum(p.strength * math.exp(-((x - p.x) ** 2 + (z - p.z) ** 2) / p.radius**2) for p in self.lamps)
        r, g, b = self.ambient
        fog = 1.0 - (1.0 - self.fog) ** (z / 30.0)
        return (r + glow, g + glow * 0.88, b + glow * 0.62), fog

    def glowing(self, colour: Colour) -> Colour:
        """The colour of what gives light itself, as far as the sensor's noise leaves room for it."""
        return self.lit(colour, (1.0, 1.0, 1.0), 0.0)

    def lit(self, colour: Colour, factors: tuple[float, float, float], fog: float) -> Colour:
        """A colour as the camera sees it there."""
        low, high, keep = self.headroom, 255 - self.headroom, 1.0 - fog
        r, g, b = (
            min(high, max(low, int(c * f * keep + w * fog)))
            for c, f, w in zip(colour, factors, self.fog_colour, strict=True)
        )
        return r, g, b


def light_of(seed: int, style: Style, *, night: bool, rain: bool) -> Light:
    """The light of a scene of that seed."""
    random = Random(seed * 19 + 7)
    sigma = style.noise
    if sigma is None:
        sigma = Random(seed * 17 + 6).choice((1.0, 2.0, 3.0, 5.0)) * (2.0 if night else 1.0)
    if night:
        level = random.uniform(0.24, 0.42)
        ambient = (level * 0.9, level * 0.95, level * 1.2)
        lamps = tuple(
            Lamp(random.uniform(-9, 9), random.uniform(7.0, 22.0), random.uniform(4.0, 9.0), random.uniform(0.3, 0.7))
            for _ in range(random.randint(1, 4))
        )
        fog_colour, shadow = (24.0, 26.0, 38.0), random.uniform(0.0, 0.25)
    else:
        level = random.uniform(0.62, 1.12) * (0.82 if rain else 1.0)
        warm = random.uniform(-0.08, 0.08)
        ambient = (level * (1 + warm), level, level * (1 - warm))
        lamps = ()
        grey = random.uniform(170, 210) * min(1.0, level)
        fog_colour, shadow = (grey, grey, grey + 4), random.uniform(0.0, 0.15) if rain else random.uniform(0.12, 0.55)
    fog = style.fog if style.fog is not None else random.choice((0.0, 0.05, 0.15, 0.3)) + (0.15 if rain else 0.0)
    # Shadows fall within about two body heights, sideways more than towards the camera.
    sun = (random.uniform(-1.6, 1.6), random.uniform(-0.5, 0.9))
    return Light(ambient, lamps, fog, fog_colour, shadow, sun, sigma, headroom=min(60, math.ceil(4 * sigma)))
