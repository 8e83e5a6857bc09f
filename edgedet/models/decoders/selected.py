"""YOLOv10, YOLO26 and exports with NMS inside: one row a detection, x1 y1 x2 y2 score class, padded with zeros."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgedet.models.decoders.base import Candidates, Limits, nothing
from edgedet.models.decoders.reading import Reading, least_float32
from edgedet.models.decoders.selection import in_fractions, keep

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from edgedet.models.graph import TensorInfo
    from edgedet.models.layout import Layout

_MAX_CLASS = 100_000.0


class SelectedDecoder:
    """`(1, n, 6)`; boxes normalised (TFLite exports of Ultralytics) or in pixels. One object a thread.

    Overlaps were removed inside the model, by its own rule: `Limits.iou` has no part in this layout.
    """

    def __init__(self, layout: Layout, outputs: Sequence[TensorInfo]) -> None:
        self._place = layout.roles[0]
        self._size = (layout.width, layout.height)
        self._reading = Reading(outputs[self._place])

    @np.errstate(invalid="ignore", over="ignore")
    def decode(self, tensors: Sequence[NDArray[np.generic]], limits: Limits) -> Candidates:
        """See `Decoder.decode`."""
        rows = self._reading.values(np.ascontiguousarray(tensors[self._place][0]))
        finite = np.isfinite(rows).all(axis=1)
        invalid = int(finite.size - np.count_nonzero(finite))
        passed = rows[:, 4] >= least_float32(limits.min_score)
        passed &= finite & (rows[:, 5] > -0.5) & (rows[:, 5] < _MAX_CLASS)
        rows = rows[passed]
        if not len(rows):
            return nothing(invalid)
        planes = rows[:, :4].T.copy()
        planes = in_fractions(planes, planes[2:], *self._size)
        scores = np.minimum(rows[:, 4], np.float32(1))
        return keep(planes, scores, np.rint(rows[:, 5]).astype(np.intp), limits, invalid)


def build(layout: Layout, outputs: Sequence[TensorInfo]) -> SelectedDecoder:
    """The decoder of such a model."""
    return SelectedDecoder(layout, outputs)
