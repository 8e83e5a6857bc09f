"""What is known of how each object of a camera looks, as long as it is there."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from edgedet.app.picture_shelf import Place

MAX_LOOKS = 32
"""Objects whose picture is held in memory, some 0.2 MB each; beyond it those that come later go without."""
FORGET_NS = 60_000_000_000
"""An object that was not seen for so long makes room for another, whether its end was told or not."""


@dataclass(eq=False, slots=True)
class Look:
    """Of one object."""

    seen_ns: int
    """When it was last seen, by the frames' clock."""
    best: float | None = None
    """Worth of the view that was made or is being made."""
    jpeg: bytes | None = None
    made: float | None = None
    """Worth of `jpeg`."""
    pending: int = 0
    """How many pictures of it are being made."""
    told_s: float = -math.inf
    """When something was last told of it, on the event loop's clock."""
    place: Place = field(default_factory=Place)
    filed: float | None = None
    """Worth of what is on disk."""


class Looks:
    """By the id of the object's life, within a limit: a picture of each is held in memory."""

    def __init__(self) -> None:
        self._by_life: dict[str, Look] = {}

    def get(self, life: str) -> Look | None:
        """What is known of an object."""
        return self._by_life.get(life)

    def seen(self, life: str, at_ns: int) -> Look | None:
        """What is known of an object that was just seen, by the frames' clock; None for one too many."""
        look = self._by_life.pop(life, None)
        if look is None:
            look = Look(at_ns)
            if len(self._by_life) >= MAX_LOOKS:
                longest, other = next(iter(self._by_life.items()))
                if at_ns - other.seen_ns < FORGET_NS:
                    return None
                del self._by_life[longest]
        look.seen_ns = at_ns
        # The one seen last at the end.
        self._by_life[life] = look
        return look

    def forget(self, life: str) -> None:
        """Its end was told."""
        self._by_life.pop(life, None)
