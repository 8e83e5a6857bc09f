"""Recordings of a street on which nobody is for most of the time: what the motion gate is for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random

import av

from edgedet.cameras._scene.cast import Path as Way
from edgedet.cameras._scene.cast import Walk
from edgedet.cameras._scene.people import Person
from edgedet.cameras._scene.scene import Scene
from edgedet.cameras._scene.style import FigurePool, Style

CROSSING_S = 8.0
"""How long somebody takes to walk across the picture."""


def street(visits_s: Sequence[float], size: tuple[int, int], seed: int = 3) -> Scene:
    """A street across which somebody walks at each of these times, seconds; nobody else is there."""
    empty = Scene(seed, size, Style(objects=(0, 0), parked_cars=0))
    z = empty.near * 1.6
    side = empty.view.half_width_m(z) + 0.8
    way = Way((-side, z), (0.0, z), (side, z))
    walks = [
        Walk(number, "person", Person.drawn(Random(number), FigurePool.UNSEEN), way, at_s, way.length() / CROSSING_S)
        for number, at_s in enumerate(visits_s, 1)
    ]
    return Scene(seed, size, empty.style, walks)


def parked(size: tuple[int, int], seed: int = 4) -> Scene:
    """A street on which a car stands, and nobody comes."""
    return Scene(seed, size, Style(objects=(0, 0), parked_cars=1))


def record(path: Path, scene: Scene, length_s: float, *, rate: int) -> Path:
    """A recording of a scene from its beginning; the ending of `path` names the container."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=rate, options={"q": "4"})
        stream.width, stream.height = scene.size
        stream.pix_fmt = "yuv420p"
        for number in range(round(length_s * rate)):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(scene.render(number / rate), "rgb24")))
        container.mux(stream.encode(None))
    return path
