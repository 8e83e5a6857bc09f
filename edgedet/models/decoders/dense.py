"""YOLOv8, 9, 11 and their kin: one tensor with cx cy w h and a score a class for each anchor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgedet.models.decoders.base import Candidates, Limits, nothing
from edgedet.models.decoders.best import Best, BestClass
from edgedet.models.decoders.reading import Reading
from edgedet.models.decoders.selection import choose, corners_of, in_fractions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from edgedet.models.graph import TensorInfo
    from edgedet.models.layout import Layout


class DenseDecoder:
    """`(1, 4+nc, N)` or `(1, N, 4+nc)`; boxes normalised or in pixels. One object a thread."""

    def __init__(self, layout: Layout, outputs: Sequence[TensorInfo]) -> None:
        self._place = layout.roles[0]
        self._channels_first = layout.channels_first
        self._size = (layout.width, layout.height)
        tensor = outputs[self._place]
        self._reading = Reading(tensor)
        self._best = BestClass(self._reading, np.dtype(tensor.dtype), channels_first=layout.channels_first, skip=4)

    def decode(self, tensors: Sequence[NDArray[np.generic]], limits: Limits) -> Candidates:
        """See `Decoder.decode`."""
        raw = tensors[self._place][0]
        found = self._best.find(raw, limits.min_score)
        if not len(found.anchors):
            return nothing(found.invalid)
        return self._finish(raw, found, limits)

    @np.errstate(invalid="ignore", over="ignore")
    def _finish(self, raw: NDArray[np.generic], found: Best, limits: Limits) -> Candidates:
        gathered = (
            raw[:4].take(found.anchors, axis=1)
            if self._channels_first
            else np.ascontiguousarray(raw[found.anchors, :4].T)
        )
        boxes = self._reading.values(gathered)
        boxes = in_fractions(boxes, boxes[:2], *self._size)
        return choose(corners_of(boxes), found.scores, found.class_ids, limits, found.invalid)


def build(layout: Layout, outputs: Sequence[TensorInfo]) -> DenseDecoder:
    """The decoder of such a model."""
    return DenseDecoder(layout, outputs)
