"""Which view of an object's life shows it best: the one that is kept as a picture.

A view is worth its score, times how large the object is, how little of it lies beyond the picture's edge, and how
still it is. Nothing of this looks at pixels: what the tracker knows anyway has to do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from edgedet.types import Box

LARGE_ENOUGH = 0.25
"""Share of the frame above which a larger object is no better to see."""
EDGE = 0.005
"""A box that comes so near to the frame's edge goes on beyond it, as far as anybody can say."""
CUT = 0.5
"""What a view is worth for each edge that cuts the object."""
BLURRED_AT = 2.0
"""Object's own lengths a second at which motion has halved what the view is worth."""
CLEARLY = 1.15
"""So many times better must a view be to take the place of the one before: each costs an encoding."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """An object in one frame."""

    score: float
    """In [0, 1]."""
    box: Box
    at_ns: int
    """The frame's `captured_ns`."""


def worth(seen: Sighting, before: Sighting | None = None) -> float:
    """How well the object shows, in [0, 1]; `before` is the last sighting, from which its speed is taken.

    Where that is not known, the object counts as one that moves so fast that it is worth half.
    Zero for what has no area or no sane number in it: such a view is none.
    """
    area = seen.box.area
    if not (area > 0.0 and seen.score > 0.0 and math.isfinite(area * seen.score)):
        return 0.0
    large = math.sqrt(min(area, LARGE_ENOUGH) / LARGE_ENOUGH)
    box = seen.box
    cuts = (box.x1 <= EDGE) + (box.y1 <= EDGE) + (box.x2 >= 1.0 - EDGE) + (box.y2 >= 1.0 - EDGE)
    return float(seen.score * large * CUT**cuts / (1.0 + _speed(seen, before) / BLURRED_AT))


def is_better(new: float, old: float | None) -> bool:
    """Whether a view of worth `new` is to be taken in place of one of worth `old`; None: there is none yet."""
    return new > 0.0 and (old is None or new > old * CLEARLY)


def _speed(seen: Sighting, before: Sighting | None) -> float:
    """In the object's own lengths a second: what counts for blur is how far it moves on its own scale."""
    if before is None or seen.at_ns <= before.at_ns:
        return BLURRED_AT
    across = _centre(seen.box)[0] - _centre(before.box)[0]
    down = _centre(seen.box)[1] - _centre(before.box)[1]
    moved = math.hypot(across, down) / math.sqrt(seen.box.area)
    speed = moved / ((seen.at_ns - before.at_ns) / 1e9)
    return speed if math.isfinite(speed) else BLURRED_AT


def _centre(box: Box) -> tuple[float, float]:
    return (box.x1 + box.x2) / 2, (box.y1 + box.y2) / 2
