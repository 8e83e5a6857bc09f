"""The boxes of one frame as a tracker can use them: no nonsense, no doubles, as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgedet.association.kalman import Floats, overlaps
from edgedet.types import Detection

_SAME_BOX = 0.6
"""Of two boxes of one label and one frame that overlap more, the weaker is the same object once more: the detector's
own suppression (above 0.7 by default) is made for recall and leaves them."""
SAME_PLACE = 0.85
"""The same for two boxes of different labels: the detector suppresses within a label only."""


@dataclass(frozen=True, slots=True)
class Sightings:
    """The detections of a frame that can be used."""

    detections: list[Detection]
    index: list[int]
    """Where each is in what the tracker was given."""
    corners: Floats
    scores: Floats
    classes: NDArray[np.int64]
    good: NDArray[np.bool_]

    @classmethod
    def of(cls, detections: Sequence[Detection], low_score: float, high_score: float) -> Sightings:
        """Those with a score and an area; of two of any labels in one place only the better."""
        corners = np.array([(d.box.x1, d.box.y1, d.box.x2, d.box.y2) for d in detections]).reshape(-1, 4)
        scores = np.minimum(1.0, np.array([d.score for d in detections], dtype=np.float64))
        corners = np.clip(corners, 0.0, 1.0)
        sides = corners[:, 2:] - corners[:, :2]
        # Comparisons with NaN are false.
        usable = np.flatnonzero((scores >= low_score) & (sides > 1e-4).all(axis=1))
        usable = usable[np.argsort(-scores[usable], kind="stable")]
        corners = corners[usable]
        shares = overlaps(corners, corners)
        # Each overlaps with itself; in nearly every frame that is all.
        if np.count_nonzero(shares > _SAME_BOX) > len(usable):
            labels = np.array([detections[index].class_id for index in usable.tolist()])
            limits = np.where(labels[:, None] == labels, _SAME_BOX, SAME_PLACE)
            double = np.triu(shares > limits, 1).any(axis=0)
            usable, corners = usable[~double], corners[~double]
        kept = [detections[index] for index in usable.tolist()]
        classes = np.array([d.class_id for d in kept], dtype=np.int64)
        return cls(kept, usable.tolist(), corners, scores[usable], classes, scores[usable] >= high_score)
