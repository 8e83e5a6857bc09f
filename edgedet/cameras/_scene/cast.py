"""Who is in the scene, and where at what time: a pure function of the seed, without any drawing."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from random import Random
from typing import Protocol

from edgedet.cameras._scene.body import Pose
from edgedet.cameras._scene.dogs import Dog
from edgedet.cameras._scene.people import Person
from edgedet.cameras._scene.style import FigurePool, Style
from edgedet.cameras._scene.vehicles import Bicycle, Car
from edgedet.cameras._scene.view import View

Figure = Person | Car | Bicycle | Dog
Ground = tuple[float, float]

_PACE_MPS = {"person": (1.0, 1.7), "car": (4.0, 9.0), "bicycle": (2.5, 5.0), "dog": (0.9, 2.2)}
_STEPS = 24


@dataclass(frozen=True, slots=True)
class Present:
    """One object at one time."""

    object_id: int
    """The same as long as the object is in the scene, and never used again."""
    label: str
    figure: Figure
    pose: Pose


@dataclass(frozen=True, slots=True)
class Path:
    """A smooth way over the ground: a quadratic curve by its three control points (x, z), in metres."""

    start: Ground
    bend: Ground
    end: Ground

    def length(self) -> float:
        """Metres from end to end."""
        spots = [self.at(i / _STEPS) for i in range(_STEPS + 1)]
        return sum(math.dist(a, b) for a, b in pairwise(spots))

    def at(self, share: float) -> Ground:
        """The point that far along the curve, `share` in [0, 1]."""
        a, b, c = (1 - share) ** 2, 2 * share * (1 - share), share**2
        return (
            a * self.start[0] + b * self.bend[0] + c * self.end[0],
            a * self.start[1] + b * self.bend[1] + c * self.end[1],
        )

    def heading(self, share: float) -> float:
        """The direction of travel there, radians from the x axis."""
        a, b = 2 * (1 - share), 2 * share
        dx = a * (self.bend[0] - self.start[0]) + b * (self.end[0] - self.bend[0])
        dz = a * (self.bend[1] - self.start[1]) + b * (self.end[1] - self.bend[1])
        return math.atan2(dz, dx)


class Role(Protocol):
    """Something that decides who is on stage."""

    def at(self, t_s: float) -> Present | None:
        """Who plays this role at that time; None while nobody does."""


@dataclass(frozen=True, slots=True)
class Walk:
    """One object that goes along one path once: the building block of a script.

    With `pause_s` above zero it stands that long when it is `pause_share` along its path.
    """

    object_id: int
    label: str
    figure: Figure
    path: Path
    start_s: float
    speed_mps: float
    pause_share: float = 0.5
    pause_s: float = 0.0

    def at(self, t_s: float) -> Present | None:
        """The object, from `start_s` until it has reached the end of its path."""
        length = self.path.length()
        elapsed = t_s - self.start_s
        pause_at = self.pause_share * length / self.speed_mps
        moving = 1.0
        if self.pause_s > 0.0 and elapsed > pause_at:
            moving = 0.0 if elapsed < pause_at + self.pause_s else 1.0
            elapsed = max(pause_at, elapsed - self.pause_s)
        share = elapsed * self.speed_mps / length
        if not 0.0 <= share <= 1.0 or t_s < self.start_s:
            return None
        x, z = self.path.at(share)
        return Present(self.object_id, self.label, self.figure,
                       Pose(x, z, self.path.heading(share), share * length, moving))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Parked:
    """An object that stands where it is for good."""

    object_id: int
    label: str
    figure: Figure
    x: float
    z: float
    heading: float

    def at(self, t_s: float) -> Present | None:
        """The object, always."""
        return Present(self.object_id, self.label, self.figure, Pose(self.x, self.z, self.heading, 0.0, 0.0))


@dataclass(frozen=True, slots=True)
class Road:
    """A straight road: it passes (0, z) in the direction `angle` (radians from the x axis), half as wide as it says."""

    z: float
    angle: float
    half_width: float

    def point(self, along: float, across: float) -> Ground:
        """The ground that far along the road and to the far side of its middle, metres."""
        c, s = math.cos(self.angle), math.sin(self.angle)
        return along * c - across * s, self.z + along * s + across * c


@dataclass(frozen=True)
class Extra:
    """A role that is played for ever by one object after another, each with its own path and looks."""

    seed: int
    slot: int
    style: Style
    view: View
    road: Road
    near: float
    """Nearest distance at which feet are in the picture, metres."""
    dark: bool

    def at(self, t_s: float) -> Present | None:
        """Whoever has the role then."""
        timing = Random(self.seed * 7919 + self.slot)
        period, phase = timing.uniform(11.0, 19.0), timing.random()
        take = math.floor(t_s / period + phase)
        return _walk(self, take, (take - phase) * period, period).at(t_s)


@lru_cache(maxsize=512)
def _walk(extra: Extra, take: int, start_s: float, period: float) -> Walk:
    random = Random(((extra.seed * 31 + extra.slot) * 1_000_003 + take) & 0x7FFFFFFF)
    weights = {"person": 0.42, "car": 0.2, "bicycle": 0.18, "dog": 0.2}
    label = random.choices(extra.style.labels, weights=[weights[name] for name in extra.style.labels])[0]
    pool = extra.style.figures
    figure: Figure
    if label == "car":
        figure = Car.drawn(random, pool, lamps_on=extra.dark)
        path = _drive(random, extra)
    else:
        drawn: dict[str, Callable[[Random, FigurePool], Figure]]
        drawn = {"person": Person.drawn, "bicycle": Bicycle.drawn, "dog": Dog.drawn}
        figure = drawn[label](random, pool)
        path = _stroll(random, extra, label)
    pause = random.uniform(1.0, 4.0) if label in ("person", "dog") and random.random() < 0.35 else 0.0
    # Whoever has a longer way than the turn allows goes faster; everybody is gone before the next one comes.
    speed = max(random.uniform(*_PACE_MPS[label]), path.length() / (period - pause - 0.2))
    start = start_s + random.uniform(0.0, max(0.0, period - pause - 0.1 - path.length() / speed))
    return Walk(1 + take * 64 + extra.slot, label, figure, path, start, speed, random.uniform(0.25, 0.75), pause)


def _stroll(random: Random, extra: Extra, label: str) -> Path:
    # As far away as it can still be told: about 16 of 256 pixels high for a person, 10 for a dog.
    pixels = extra.view.focal / extra.view.width * 256
    far = pixels * {"person": 1.7 / 17, "bicycle": 1.0 / 13, "dog": 0.55 / 10}[label]
    near = extra.near * 1.05
    far = max(near * 1.3, min(far, 30.0))

    def distance() -> float:
        # Evenly in apparent size rather than in metres, with more of them near.
        return 1.0 / random.uniform(1.0 / far, 1.0 / near)

    side = random.choice((-1.0, 1.0))
    ends = [distance(), distance()]
    if random.random() < 0.5:
        ends[1] = min(far, max(near, ends[0] * random.uniform(0.8, 1.25)))
    sides = (side, -side if random.random() < 0.85 else side)
    start, end = ((s * (extra.view.half_width_m(z) + 1.2), z) for s, z in zip(sides, ends, strict=True))
    middle = distance()
    bend = (random.uniform(-0.7, 0.7) * extra.view.half_width_m(middle), middle)
    return Path(start, bend, end)


def _drive(random: Random, extra: Extra) -> Path:
    road = extra.road
    lane = random.choice((-1.0, 1.0))
    across = lane * road.half_width * 0.5
    reach = _reach(extra, across)
    start, end = road.point(-reach[0], across), road.point(reach[1], across)
    if lane > 0:
        start, end = end, start
    return Path(start, ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2), end)


def _reach(extra: Extra, across: float) -> tuple[float, float]:
    """How far the road is worth driving on to either side of its middle: until it leaves the picture."""
    found = []
    for sign in (-1.0, 1.0):
        along = 0.0
        while along < 60.0:
            x, z = extra.road.point(sign * along, across)
            if z < 2.0 or z > 48.0 or abs(x) > extra.view.half_width_m(z) + 3.2:
                break
            along += 1.0
        found.append(max(along, 2.0))
    return found[0], found[1]


def company(seed: int, style: Style, view: View, road: Road, near: float, *, dark: bool) -> Sequence[Role]:
    """The roles of a scene that has no script."""
    random = Random(seed * 104_729 + 17)
    roles: list[Role] = []
    if style.labels:
        roles += [Extra(seed, slot, style, view, road, near, dark) for slot in range(random.randint(*style.objects))]
    parked = style.parked_cars
    if parked is None:
        parked = random.choice((0, 0, 1, 2)) if "car" in style.labels and style.objects[1] > 0 else 0
    for number in range(parked):
        figure = Car.drawn(random, style.figures, lamps_on=False)
        x, z = road.point(random.uniform(-7.0, -1.0) + 7.5 * number, road.half_width + random.uniform(0.2, 1.2))
        turned = road.angle + (math.pi if random.random() < 0.5 else 0.0)
        roles.append(Parked(-1 - number, "car", figure, x, max(z, near), turned))
    return roles
