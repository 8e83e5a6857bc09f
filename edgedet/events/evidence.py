"""Whether an object may be told of: by what was seen of it in the recent past, so that no lucky frame decides."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from edgedet.events.filters import Filters, ratio_of
from edgedet.types import Box, FrameStamp

LEAST_SIGHTINGS = 3
_RECENT_NS = 1_000_000_000
_MOST_SIGHTINGS = 64


class Evidence:
    """The sightings of one object in the last second, and never fewer than the last three."""

    __slots__ = ("_sightings",)

    def __init__(self) -> None:
        self._sightings: deque[tuple[int, float, Box]] = deque(maxlen=_MOST_SIGHTINGS)

    def add(self, score: float, box: Box, now_ns: int) -> None:
        """Take a frame in which the object was seen."""
        sightings = self._sightings
        sightings.append((now_ns, score, box))
        while len(sightings) > LEAST_SIGHTINGS and now_ns - sightings[0][0] > _RECENT_NS:
            sightings.popleft()

    def passes(self, filters: Filters, label: str, stamp: FrameStamp) -> bool:
        """Whether an object of this label counts: the medians of its scores, areas and ratios are within the limits."""
        if len(self._sightings) < LEAST_SIGHTINGS:
            return False
        if _median(score for _, score, _ in self._sightings) < filters.threshold(label, night=stamp.night):
            return False
        ratios = [ratio_of(box, stamp.width, stamp.height) for *_, box in self._sightings]
        known = [ratio for ratio in ratios if ratio is not None]
        if not known:
            return False
        return filters.of(label).fits(_median(box.area for *_, box in self._sightings), _median(known))


def _median(values: Iterable[float]) -> float:
    # The standard library's own brings decimal and fractions along: 0.8 MB for this line.
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
