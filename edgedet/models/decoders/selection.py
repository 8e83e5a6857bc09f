"""The last steps that the layouts share: drop what is no box, sort, suppress, cap.

Boxes are planes here, (4, n): arithmetic over whole rows costs a third of that over rows of four. NaN and infinities
are dropped on the way; callers keep numpy's warnings about them quiet, once for all steps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgedet.models.decoders.base import MAX_CANDIDATES, Candidates, Limits, nothing
from edgedet.models.decoders.nms import suppress

if TYPE_CHECKING:
    from numpy.typing import NDArray

PIXELS_FROM = 4.0
"""Some exporters give pixels, others fractions of the view. A fraction this large would be a box four pictures away."""


def choose(
    planes: NDArray[np.float32],
    scores: NDArray[np.float32],
    class_ids: NDArray[np.intp],
    limits: Limits,
    invalid: int = 0,
) -> Candidates:
    """The detections among candidates that already reach the threshold.

    Args:
        planes: (4, n) rows x1, y1, x2, y2 in fractions of the view.
        scores: (n,) in [0, 1].
        class_ids: (n,)
        limits: what to keep.
        invalid: how many were dropped before.
    """
    real, invalid = _real(planes, class_ids, limits, invalid)
    order = np.argsort(-scores, kind="stable")
    if real is not None:
        order = order[real[order]]
    if not len(order) or limits.max_detections <= 0:
        return nothing(invalid)
    order = order[:MAX_CANDIDATES]
    kept = order[suppress(planes.take(order, axis=1), class_ids[order], limits.iou, limits.max_detections)]
    return Candidates(planes.T[kept], scores[kept], class_ids[kept], invalid)


def keep(
    planes: NDArray[np.float32],
    scores: NDArray[np.float32],
    class_ids: NDArray[np.intp],
    limits: Limits,
    invalid: int = 0,
) -> Candidates:
    """As `choose`, for models that removed overlaps themselves."""
    real, invalid = _real(planes, class_ids, limits, invalid)
    order = np.argsort(-scores, kind="stable")
    if real is not None:
        order = order[real[order]]
    order = order[: max(0, limits.max_detections)]
    return Candidates(planes.T[order], scores[order], class_ids[order], invalid)


def _real(
    planes: NDArray[np.float32], class_ids: NDArray[np.intp], limits: Limits, invalid: int
) -> tuple[NDArray[np.bool_] | None, int]:
    """Which have a finite box of positive area and a wanted class, None for all; and how many more are not finite."""
    real = planes[2] > planes[0]
    real &= planes[3] > planes[1]
    finite = np.isfinite(planes)
    # Counting is several times faster than all() on arrays this small.
    if np.count_nonzero(finite) < finite.size:
        whole = finite.all(axis=0)
        invalid += int(whole.size - np.count_nonzero(whole))
        real &= whole
    if limits.classes is not None:
        real &= np.isin(class_ids, list(limits.classes))
    return (None if np.count_nonzero(real) == real.size else real), invalid


def in_fractions(
    planes: NDArray[np.float32], marks: NDArray[np.float32], width: int, height: int
) -> NDArray[np.float32]:
    """Boxes (4, n) of alternating x and y as fractions, in place; `marks` are those values that tell the unit."""
    highest = marks.max()
    if not np.isfinite(highest):
        highest = np.max(marks, where=np.isfinite(marks), initial=0)
    if highest > PIXELS_FROM:
        planes /= np.array([[width], [height], [width], [height]], np.float32)
    return planes


def corners_of(planes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows x1, y1, x2, y2 of boxes given in rows cx, cy, w, h; (4, n)."""
    corners = np.empty_like(planes)
    half = planes[2:] * np.float32(0.5)
    np.subtract(planes[:2], half, out=corners[:2])
    np.add(planes[:2], half, out=corners[2:])
    return corners
