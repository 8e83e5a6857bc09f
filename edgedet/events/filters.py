"""Which detections and which objects count, by label: score, area, shape, and time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from edgedet.types import Box, Detection, FrameResult


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
    min_time_s: float = 0.0
    """An object is told of once it has been there for so long."""
    night_min_score: float | None = None
    """In place of every other threshold while it is dark; None: as by day."""

    def fits(self, area: float, ratio: float) -> bool:
        """Whether a box of this area (share of the frame) and ratio (width by height, in pixels) can be one."""
        return self.min_area <= area <= self.max_area and self.min_ratio <= ratio <= self.max_ratio


_NO_LIMITS = LabelFilter()


@dataclass(frozen=True, slots=True)
class Filters:
    """Limits of one camera."""

    min_score: float
    """For every label that has none of its own, in [0, 1]."""
    by_label: Mapping[str, LabelFilter] = field(default_factory=dict)
    night_min_score: float | None = None
    """In place of the general `min_score` while it is dark; None: as by day."""

    @property
    def weakest(self) -> float:
        """The score below which nothing counts, whatever its label: what the detector may leave out already."""
        own = [score for limits in self.by_label.values() for score in (limits.min_score, limits.night_min_score)]
        return min(score for score in (self.min_score, self.night_min_score, *own) if score is not None)

    def from_score(self, min_score: float) -> Filters:
        """The same limits with one threshold in [0, 1] for every label, by day and by night."""
        by_label = {
            label: replace(limits, min_score=None, night_min_score=None) for label, limits in self.by_label.items()
        }
        return Filters(min_score, by_label)

    def of(self, label: str) -> LabelFilter:
        """The limits of a label."""
        return self.by_label.get(label, _NO_LIMITS)

    def threshold(self, label: str, *, night: bool) -> float:
        """The score from which a box of this label counts: what is said of the label goes before what is general."""
        limits = self.of(label)
        if night and limits.night_min_score is not None:
            return limits.night_min_score
        if limits.min_score is not None:
            return limits.min_score
        return self.night_min_score if night and self.night_min_score is not None else self.min_score

    def accepted(self, result: FrameResult) -> tuple[Detection, ...]:
        """The detections that count, in the same order."""
        stamp = result.stamp
        return tuple(
            found
            for found in result.detections
            if found.score >= self.threshold(found.label, night=stamp.night)
            and (found.label not in self.by_label or self._fits(found, stamp.width, stamp.height))
        )

    def _fits(self, found: Detection, width: int, height: int) -> bool:
        ratio = ratio_of(found.box, width, height)
        return ratio is not None and self.of(found.label).fits(found.box.area, ratio)


def ratio_of(box: Box, width: int, height: int) -> float | None:
    """Width by height of a box in pixels of a `width` x `height` frame; None where it has no height."""
    tall = (box.y2 - box.y1) * height
    return (box.x2 - box.x1) * width / tall if tall > 0 else None
