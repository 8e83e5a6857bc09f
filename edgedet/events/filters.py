"""Which detections count, by label: score, area, and shape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from edgedet.types import Detection, FrameResult


@dataclass(frozen=True, slots=True)
class LabelFilter:
    """Limits for one label."""

    min_score: float | None = None
    """In place of the general one; None: the general one holds."""
    min_area: float = 0.0
    """Share of the frame, in [0, 1]."""
    max_area: float = 1.0
    min_ratio: float = 0.0
    """Width by height, in pixels of the full frame."""
    max_ratio: float = 100.0


@dataclass(frozen=True, slots=True)
class Filters:
    """Limits of one camera."""

    min_score: float
    """For every label that has none of its own, in [0, 1]."""
    by_label: Mapping[str, LabelFilter] = field(default_factory=dict)

    @property
    def weakest(self) -> float:
        """The score below which nothing counts, whatever its label: what the detector may leave out already."""
        own = (limits.min_score for limits in self.by_label.values() if limits.min_score is not None)
        return min((self.min_score, *own))

    def accepted(self, result: FrameResult) -> tuple[Detection, ...]:
        """The detections that count, in the same order."""
        stamp = result.stamp
        return tuple(found for found in result.detections if self._accepts(found, stamp.width, stamp.height))

    def _accepts(self, found: Detection, width: int, height: int) -> bool:
        limits = self.by_label.get(found.label)
        if limits is None:
            return found.score >= self.min_score
        if found.score < (self.min_score if limits.min_score is None else limits.min_score):
            return False
        if not limits.min_area <= found.box.area <= limits.max_area:
            return False
        tall = (found.box.y2 - found.box.y1) * height
        wide = (found.box.x2 - found.box.x1) * width
        return tall > 0 and limits.min_ratio <= wide / tall <= limits.max_ratio
