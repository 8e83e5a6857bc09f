"""SSD with the runtime's own post-processing: y1 x1 y2 x2, class ids from 0 without the background, scores, count."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgedet.models.decoders.base import Candidates, Limits, nothing
from edgedet.models.decoders.reading import least_float32
from edgedet.models.decoders.selection import keep

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from edgedet.models.graph import TensorInfo
    from edgedet.models.layout import Layout


class SsdDecoder:
    """The four outputs of TFLite_Detection_PostProcess, always float32, overlaps removed. One object a thread."""

    def __init__(self, layout: Layout) -> None:
        self._boxes, self._classes, self._scores, self._count = layout.roles

    @np.errstate(invalid="ignore", over="ignore")
    def decode(self, tensors: Sequence[NDArray[np.generic]], limits: Limits) -> Candidates:
        """See `Decoder.decode`."""
        boxes = tensors[self._boxes].astype(np.float32).reshape(-1, 4)
        scores = tensors[self._scores].astype(np.float32).reshape(-1)
        classes = tensors[self._classes].astype(np.float32).reshape(-1)
        told = float(tensors[self._count].reshape(-1)[0])
        # The operation leaves what lies behind the count undefined.
        count = min(len(boxes), len(scores), len(classes), int(told) if 0 <= told < 1e6 else 0)
        boxes, scores, classes = boxes[:count, [1, 0, 3, 2]], scores[:count], classes[:count]
        finite = np.isfinite(boxes).all(axis=1) & np.isfinite(scores) & np.isfinite(classes)
        invalid = int(count - np.count_nonzero(finite))
        passed = finite & (scores >= least_float32(limits.min_score)) & (classes > -0.5) & (classes < 1e5)
        if not passed.any():
            return nothing(invalid)
        best = np.minimum(scores[passed], np.float32(1))
        return keep(boxes[passed].T, best, np.rint(classes[passed]).astype(np.intp), limits, invalid)


def build(layout: Layout, outputs: Sequence[TensorInfo]) -> SsdDecoder:  # noqa: ARG001 - every decoder is built alike
    """The decoder of such a model."""
    return SsdDecoder(layout)
