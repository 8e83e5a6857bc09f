"""YOLOv5, YOLOv7 and YOLOv6: an objectness before the class scores, by which they are multiplied."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgedet.models.decoders.base import Candidates, Limits, nothing
from edgedet.models.decoders.reading import Reading, least_float32
from edgedet.models.decoders.selection import choose, corners_of, in_fractions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from edgedet.models.graph import TensorInfo
    from edgedet.models.layout import Layout


class ObjectnessDecoder:
    """`(1, N, 5+nc)` or `(1, 5+nc, N)`. One object a thread."""

    def __init__(self, layout: Layout, outputs: Sequence[TensorInfo]) -> None:
        self._place = layout.roles[0]
        self._channels_first = layout.channels_first
        self._size = (layout.width, layout.height)
        tensor = outputs[self._place]
        self._reading = Reading(tensor)
        self._floating = np.dtype(tensor.dtype).kind == "f"

    @np.errstate(invalid="ignore", over="ignore")
    def decode(self, tensors: Sequence[NDArray[np.generic]], limits: Limits) -> Candidates:
        """See `Decoder.decode`."""
        raw = tensors[self._place][0]
        rows = raw.T if self._channels_first else raw
        threshold = self._reading.threshold(limits.min_score)
        if threshold is None:
            return nothing()
        # Class scores are at most 1, so an objectness below the threshold settles an anchor by one number.
        objectness = rows[:, 4]
        anchors = np.flatnonzero(objectness >= threshold)
        invalid = int(np.count_nonzero(np.isnan(objectness))) if self._floating else 0
        if not len(anchors):
            return nothing(invalid)
        chosen = rows[anchors]
        classes = chosen[:, 5:]
        class_ids = classes.argmax(axis=1)
        best = np.take_along_axis(classes, class_ids[:, None], axis=1)[:, 0]
        scores = self._reading.scores(chosen[:, 4]) * self._reading.scores(best)
        passed = scores >= least_float32(limits.min_score)
        if self._floating:
            finite = np.isfinite(chosen[:, 4]) & np.isfinite(best)
            invalid += int(len(finite) - np.count_nonzero(finite))
            passed &= finite
        if not passed.any():
            return nothing(invalid)
        boxes = self._reading.values(np.ascontiguousarray(chosen[passed, :4].T))
        boxes = in_fractions(boxes, boxes[:2], *self._size)
        return choose(corners_of(boxes), scores[passed], class_ids[passed], limits, invalid)


def build(layout: Layout, outputs: Sequence[TensorInfo]) -> ObjectnessDecoder:
    """The decoder of such a model."""
    return ObjectnessDecoder(layout, outputs)
