"""Twenty scenes whose truth is known, with the boxes that a detector might give for them: what tracking is judged on.

Twelve are streets of `edgedet.cameras.synthetic` without their pictures, with a parked car each; eight are drawn here
so that what is hard about them is known: crossings, occlusions, turns, and objects that stand close together.
Everything is a pure function of the scene's number.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from random import Random

from edgedet.cameras._scene.scene import Scene, is_countable
from edgedet.cameras._scene.style import LABELS, Style
from edgedet.types import Box, Detection

SIZE = (640, 480)
MISSED = 0.1
"""Share of the boxes that the detector does not give, anywhere and at any time."""
WEAK = 0.1
"""Share of those that it gives with a score below 0.4."""
EDGE_NOISE = 0.04
"""Standard deviation of each edge of a box, in sides of the box."""
LEAST_SHOWN = 0.3
"""What is hidden further than this is neither detected nor asked for."""


@dataclass(frozen=True, slots=True)
class Actor:
    """One object in one frame, as it truly is."""

    object_id: int
    label: str
    box: Box
    countable: bool
    """False for what a detector cannot be expected to find: a tracker may follow it or not."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One frame that was looked at."""

    at_s: float
    actors: tuple[Actor, ...]
    detections: tuple[Detection, ...]

    @property
    def at_ns(self) -> int:
        return round(self.at_s * 1e9)


@dataclass(frozen=True, slots=True)
class Rate:
    """When a frame is looked at."""

    fps: float
    dropped: float = 0.0
    """Share of the frames that are lost."""
    longest_gap_s: float = 0.0
    """Now and then nothing is looked at for up to so long."""

    def times(self, seconds: float, random: Random) -> Iterator[float]:
        at_s = 0.0
        while at_s < seconds:
            yield at_s + random.uniform(0.0, 0.2) / self.fps
            at_s += 1.0 / self.fps
            while random.random() < self.dropped:
                at_s += 1.0 / self.fps
            if self.longest_gap_s and random.random() < 0.1 / self.fps:
                at_s += random.uniform(0.3, 1.0) * self.longest_gap_s


@dataclass(frozen=True, slots=True)
class TrackingScene:
    name: str
    number: int
    rate: Rate
    actors: Callable[[float], Sequence[Actor]]
    seconds: float = 24.0

    def moments(self) -> list[Moment]:
        random = Random(self.number)
        moments = []
        for at_s in self.rate.times(self.seconds, random):
            actors = tuple(self.actors(at_s))
            moments.append(Moment(at_s, actors, tuple(_detected(actors, random))))
        return moments


def _detected(actors: Sequence[Actor], random: Random) -> Iterator[Detection]:
    for actor in actors:
        if not actor.countable or random.random() < MISSED:
            continue
        score = random.uniform(0.12, 0.4) if random.random() < WEAK else random.uniform(0.45, 0.95)
        yield Detection(actor.label, LABELS.index(actor.label), score, _noisy(actor.box, random))


def _noisy(box: Box, random: Random) -> Box:
    wide, tall = box.x2 - box.x1, box.y2 - box.y1

    def shifted(edge: float, side: float) -> float:
        # What ends at the picture's edge does so in every frame.
        return edge if edge in (0.0, 1.0) else min(1.0, max(0.0, edge + random.gauss(0.0, EDGE_NOISE) * side))

    return Box(shifted(box.x1, wide), shifted(box.y1, tall), shifted(box.x2, wide), shifted(box.y2, tall))


def street_scene(seed: int) -> Scene:
    """People, dogs, bicycles and cars that pass in front of each other, behind lamp posts and past a parked car."""
    return Scene(seed, SIZE, Style(objects=(4, 6), parked_cars=1))


def street(seed: int) -> Callable[[float], Sequence[Actor]]:
    scene = street_scene(seed)

    def actors(at_s: float) -> Sequence[Actor]:
        return [Actor(seen.object_id, seen.label, seen.box, is_countable(seen, SIZE)) for seen in scene.truth(at_s)]

    return actors


Place = tuple[float, float, float, float]
"""Centre x and y, width, height."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """Someone whose way is written down. The later in the list, the nearer to the camera."""

    place: Callable[[float], Place]
    label: str = "person"
    from_s: float = 0.0
    to_s: float = math.inf
    solid: bool = True
    """False for what only hides others and is no object itself."""


def drawn(cast: Sequence[Drawn]) -> Callable[[float], Sequence[Actor]]:
    def actors(at_s: float) -> Sequence[Actor]:
        there = [
            (number, who, _cut(who.place(at_s))) for number, who in enumerate(cast) if who.from_s <= at_s < who.to_s
        ]
        found = []
        for place, (number, who, box) in enumerate(there):
            if who.solid and box.area > 1e-4:
                covers = [other for _, _, other in there[place + 1 :]]
                shown = _shown(box, covers) * box.area / _area(who.place(at_s))
                found.append(Actor(number + 1, who.label, box, shown >= LEAST_SHOWN))
        return found

    return actors


def _area(place: Place) -> float:
    return place[2] * place[3]


def _cut(place: Place) -> Box:
    x, y, wide, tall = place
    return Box(max(0.0, x - wide / 2), max(0.0, y - tall / 2), min(1.0, x + wide / 2), min(1.0, y + tall / 2))


def _shown(box: Box, covers: Sequence[Box]) -> float:
    spots = [
        (box.x1 + (box.x2 - box.x1) * (i + 0.5) / 8, box.y1 + (box.y2 - box.y1) * (j + 0.5) / 8)
        for i in range(8)
        for j in range(8)
    ]
    free = [not any(c.x1 <= x <= c.x2 and c.y1 <= y <= c.y2 for c in covers) for x, y in spots]
    return sum(free) / len(free)


def walking(x: float, y: float, speed: float, tall: float = 0.4, sink: float = 0.0) -> Callable[[float], Place]:
    """At an even pace; `speed` and `sink` are fractions of the picture a second. Arms and legs swing."""

    def place(at_s: float) -> Place:
        swing = 1.0 + 0.12 * math.sin(at_s * 9.0 + x * 20.0)
        return x + speed * at_s, y + sink * at_s, tall * 0.3 * swing, tall

    return place


def there_and_back(x: float, y: float, reach: float, period_s: float, tall: float = 0.35) -> Callable[[float], Place]:
    return lambda at_s: (x + reach * math.sin(at_s * 2.0 * math.pi / period_s), y, tall * 0.35, tall)


def standing(x: float, y: float, wide: float, tall: float) -> Callable[[float], Place]:
    return lambda _: (x, y, wide, tall)


def stop_and_go(x: float, y: float, speed: float, tall: float = 0.4) -> Callable[[float], Place]:
    """Goes for three seconds and stands for three."""

    def place(at_s: float) -> Place:
        gone = 3.0 * (at_s // 6.0) + min(3.0, at_s % 6.0)
        return x + speed * gone, y, tall * 0.3, tall

    return place


def _later(place: Callable[[float], Place], start_s: float) -> Callable[[float], Place]:
    return lambda at_s: place(at_s - start_s)


PARKED = Drawn(standing(0.7, 0.55, 0.3, 0.22), "car")


def _crossings() -> Sequence[Drawn]:
    # Every four seconds two meet in the middle.
    cast = [PARKED]
    for number in range(5):
        start = 4.0 * number
        cast.append(Drawn(_later(walking(-0.05, 0.55, 0.16), start), from_s=start, to_s=start + 7.0))
        cast.append(Drawn(_later(walking(1.05, 0.60, -0.15, 0.45), start), from_s=start, to_s=start + 8.0))
    return cast


def _behind_a_post() -> Sequence[Drawn]:
    post = Drawn(standing(0.4, 0.5, 0.13, 1.0), solid=False)
    walkers = []
    for number in range(5):
        start = 4.5 * number
        walkers.append(Drawn(_later(walking(-0.05, 0.6, 0.17, 0.35), start), from_s=start, to_s=start + 7.0))
    return [PARKED, *walkers, post]


def _behind_a_van() -> Sequence[Drawn]:
    van = Drawn(standing(0.5, 0.55, 0.3, 0.5), "car")
    ways = [_later(walking(-0.05, 0.5, 0.2, 0.25), 8.0 * number) for number in range(3)]
    walkers = [Drawn(way, from_s=8.0 * number, to_s=8.0 * number + 6.0) for number, way in enumerate(ways)]
    return [*walkers, van]


def _turning() -> Sequence[Drawn]:
    return [
        PARKED,
        Drawn(there_and_back(0.5, 0.45, 0.35, 10.0)),
        Drawn(there_and_back(0.45, 0.65, -0.35, 14.0, 0.45)),
    ]


def _stopping() -> Sequence[Drawn]:
    return [
        PARKED,
        Drawn(stop_and_go(0.05, 0.5, 0.08)),
        Drawn(stop_and_go(0.95, 0.6, -0.08, 0.45)),
        Drawn(there_and_back(0.3, 0.4, 0.2, 12.0, 0.2), "dog"),
    ]


def _side_by_side() -> Sequence[Drawn]:
    pairs = []
    for number in range(3):
        start = 7.0 * number
        for offset, label, tall in ((0.0, "person", 0.4), (0.11, "person", 0.38), (-0.12, "dog", 0.2)):
            way = _later(walking(-0.1 + offset, 0.8 - tall / 2, 0.13, tall), start)
            pairs.append(Drawn(way, label, start, start + 9.5))
    return [PARKED, *pairs]


def _fast_cars() -> Sequence[Drawn]:
    cars = [PARKED]
    for number in range(8):
        start, forth = 2.7 * number, number % 2 == 0
        speed = 0.3 + 0.05 * (number % 3)

        def way(at_s: float, speed: float = speed, forth: bool = forth, start: float = start) -> Place:
            x = -0.1 + speed * (at_s - start)
            return (x if forth else 1.0 - x), (0.35 if forth else 0.25), 0.2, 0.13

        cars.append(Drawn(way, "car", start, start + 1.3 / speed))
    return cars


def _a_crowd() -> Sequence[Drawn]:
    random = Random(7)
    people = []
    for number in range(8):
        depth = random.uniform(0.0, 1.0)
        tall = 0.2 + 0.25 * depth
        middle, reach = 0.15 + 0.1 * number, random.choice((-1.0, 1.0)) * random.uniform(0.1, 0.2)
        way = there_and_back(middle, 0.3 + 0.35 * depth, reach, random.uniform(10.0, 25.0), tall)
        people.append((depth, Drawn(way)))
    return [who for _, who in sorted(people, key=lambda entry: entry[0])]


RATES = (
    Rate(30.0),
    Rate(15.0, dropped=0.3),
    Rate(10.0),
    Rate(10.0, dropped=0.3, longest_gap_s=1.0),
    Rate(5.0),
    Rate(3.0),
)


def streets(first: int) -> list[TrackingScene]:
    """Twelve of them, from this seed on, two at each rate."""
    return [
        TrackingScene(f"street {seed}, {rate.fps:g} fps", seed, rate, street(seed))
        for seed, rate in zip(range(first, first + 12), RATES * 2, strict=True)
    ]


@cache
def tracking_scenes() -> tuple[TrackingScene, ...]:
    """All twenty."""
    casts = (
        ("crossings", Rate(10.0), _crossings()),
        ("behind a post", Rate(5.0), _behind_a_post()),
        ("behind a van", Rate(10.0, dropped=0.2), _behind_a_van()),
        ("turning", Rate(3.0), _turning()),
        ("stopping", Rate(5.0, dropped=0.3, longest_gap_s=1.0), _stopping()),
        ("side by side", Rate(5.0), _side_by_side()),
        ("fast cars", Rate(10.0, dropped=0.3), _fast_cars()),
        ("a crowd", Rate(15.0), _a_crowd()),
    )
    scenes = [
        TrackingScene(f"{name}, {rate.fps:g} fps", 100 + number, rate, drawn(cast))
        for number, (name, rate, cast) in enumerate(casts)
    ]
    return (*streets(1), *scenes)
