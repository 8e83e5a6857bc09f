"""The last steps that the layouts share: drop what is no box, sort, suppress, cap."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgedet.models.decoders.base import MAX_CANDIDATES, Candidates, Limits, nothing
from edgedet.models.decoders.nms import suppress

if TYPE_CHECKING:
    from numpy.typing import NDArray

_PIXELS_FROM = 4.0
"""Some exporters give pixels, others fractions of the view. A fraction this large would be a box four pictures away."""


def choose(
    corners: NDArray[np.float32],
    scores: NDArray[np.float32],
    class_ids: NDArray[np.intp],
    limits: Limits,
    invalid: int = 0,
) -> Candidates:
    """The detections among candidates that already reach the threshold.

    Args:
        corners: (n, 4) x1 y1 x2 y2 in fractions of the view.
        scores: (n,) in [0, 1].
        class_ids: (n,)
        limits: what to keep.
        invalid: how many were dropped before.
    """
    found = _real(corners, scores, class_ids, limits, invalid)
    if not len(found) or limits.max_detections <= 0:
        return nothing(found.invalid)
    order = np.argsort(-found.scores, kind="stable")[:MAX_CANDIDATES]
    corners, class_ids = found.boxes[order], found.class_ids[order]
    kept = suppress(corners, class_ids, limits.iou, limits.max_detections)
    return Candidates(corners[kept], found.scores[order[kept]], class_ids[kept], found.invalid)


def keep(
    corners: NDArray[np.float32],
    scores: NDArray[np.float32],
    class_ids: NDArray[np.intp],
    limits: Limits,
    invalid: int = 0,
) -> Candidates:
    """As `choose`, for models that removed overlaps themselves."""
    found = _real(corners, scores, class_ids, limits, invalid)
    order = np.argsort(-found.scores, kind="stable")[: max(0, limits.max_detections)]
    return Candidates(found.boxes[order], found.scores[order], found.class_ids[order], found.invalid)


def _real(
    corners: NDArray[np.float32],
    scores: NDArray[np.float32],
    class_ids: NDArray[np.intp],
    limits: Limits,
    invalid: int,
) -> Candidates:
    """Those with a finite box of positive area and a wanted class, in their own order."""
    with np.errstate(invalid="ignore", over="ignore"):
        real = (corners[:, 2:] > corners[:, :2]).all(axis=1)
    if not real.all() or not np.isfinite(corners).all():
        finite = np.isfinite(corners).all(axis=1)
        invalid += int(finite.size - np.count_nonzero(finite))
        real &= finite
        corners, scores, class_ids = corners[real], scores[real], class_ids[real]
    if limits.classes is not None:
        wanted = np.isin(class_ids, list(limits.classes))
        corners, scores, class_ids = corners[wanted], scores[wanted], class_ids[wanted]
    return Candidates(corners, scores, class_ids, invalid)


def fractions(boxes: NDArray[np.float32], marks: NDArray[np.float32], width: int, height: int) -> NDArray[np.float32]:
    """Boxes (n, 4) of alternating x and y as fractions, in place; `marks` are those values that tell the unit."""
    with np.errstate(invalid="ignore"):
        in_pixels = np.fmax.reduce(np.where(np.isfinite(marks), marks, 0), axis=None, initial=0) > _PIXELS_FROM
    if in_pixels:
        boxes /= np.array([width, height, width, height], np.float32)
    return boxes


def corners_of(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """x1 y1 x2 y2 of boxes (n, 4) given as cx cy w h."""
    corners = np.empty_like(boxes)
    half = boxes[:, 2:] * np.float32(0.5)
    np.subtract(boxes[:, :2], half, out=corners[:, :2])
    np.add(boxes[:, :2], half, out=corners[:, 2:])
    return corners
