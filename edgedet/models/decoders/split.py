"""Class scores and boxes in tensors of their own, which is what survives 8 bits best on an Edge TPU.

A box is the distances from its cell's centre to its four sides, each a distribution over 0 to 15 strides
("distribution focal loss", https://arxiv.org/abs/2006.04388); only survivors pay for the softmax.
"""

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
    from edgedet.models.kinds import Head, Layout

_BINS = 16
_BOX_CHANNELS = 4 * _BINS
_DISTANCES = np.arange(_BINS, dtype=np.float32)


class SplitDecoder:
    """Pairs of tensors, for all anchors or one a stride, maps or lists. One object a thread."""

    def __init__(self, layout: Layout, outputs: Sequence[TensorInfo]) -> None:
        self._heads = [_HeadDecoder(layout, head, outputs) for head in layout.heads]

    def decode(self, tensors: Sequence[NDArray[np.generic]], limits: Limits) -> Candidates:
        """See `Decoder.decode`."""
        found = [(head, head.find(tensors, limits.min_score)) for head in self._heads]
        invalid = sum(best.invalid for _, best in found)
        if not any(len(best.anchors) for _, best in found):
            return nothing(invalid)
        return self._finish(tensors, found, limits)

    @np.errstate(invalid="ignore", over="ignore")
    def _finish(
        self, tensors: Sequence[NDArray[np.generic]], found: list[tuple[_HeadDecoder, Best]], limits: Limits
    ) -> Candidates:
        invalid = sum(best.invalid for _, best in found)
        some = [(head.corners(tensors, best.anchors), best) for head, best in found if len(best.anchors)]
        return choose(
            np.concatenate([corners for corners, _ in some], axis=1),
            np.concatenate([best.scores for _, best in some]),
            np.concatenate([best.class_ids for _, best in some]),
            limits,
            invalid,
        )


class _HeadDecoder:
    def __init__(self, layout: Layout, head: Head, outputs: Sequence[TensorInfo]) -> None:
        self._head = head
        self._bins = layout.bins
        self._size = (layout.width, layout.height)
        scores = outputs[head.scores]
        self._best = BestClass(
            Reading(scores, logits=layout.logits),
            np.dtype(scores.dtype),
            channels_first=head.scores_first,
            skip=_BOX_CHANNELS if head.scores == head.boxes else 0,
        )
        self._reading = Reading(outputs[head.boxes])
        self._centres, self._strides = _cells(layout.width, layout.height, head.strides)

    def find(self, tensors: Sequence[NDArray[np.generic]], min_score: float) -> Best:
        """The anchors of this head that reach the threshold."""
        return self._best.find(_flat(tensors[self._head.scores], first=self._head.scores_first), min_score)

    def corners(self, tensors: Sequence[NDArray[np.generic]], anchors: NDArray[np.intp]) -> NDArray[np.float32]:
        """Boxes of those anchors, (4, n) rows x1, y1, x2, y2 in fractions of the view."""
        raw = _flat(tensors[self._head.boxes], first=self._head.boxes_first)
        raw = raw.T[anchors] if self._head.boxes_first else raw[anchors]
        if not self._bins:
            boxes = self._reading.values(np.ascontiguousarray(raw.T))
            return corners_of(in_fractions(boxes, boxes[:2], *self._size))
        weights = self._reading.values(np.ascontiguousarray(raw[:, :_BOX_CHANNELS])).reshape(-1, 4, _BINS)
        weights -= weights.max(axis=2, keepdims=True)
        np.exp(weights, out=weights)
        distances = weights @ _DISTANCES / weights.sum(axis=2)
        distances *= self._strides[anchors, None]
        centres = self._centres[anchors]
        corners = np.concatenate((centres - distances[:, :2], centres + distances[:, 2:]), axis=1)
        planes = np.ascontiguousarray(corners.T, np.float32)
        planes /= np.array(self._size * 2, np.float32)[:, None]
        return planes


def _flat(tensor: NDArray[np.generic], *, first: bool) -> NDArray[np.generic]:
    """(channels, anchors) or (anchors, channels) of a list or a map."""
    return tensor.reshape(tensor.shape[1], -1) if first else tensor.reshape(-1, tensor.shape[-1])


def _cells(width: int, height: int, strides: tuple[int, ...]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Centres (n, 2) as x, y and strides (n,), both in pixels, row by row and stride by stride."""
    centres, widths = [], []
    for stride in strides:
        across, down = -(-width // stride), -(-height // stride)
        grid = np.stack(np.meshgrid(np.arange(across), np.arange(down)), axis=-1).reshape(-1, 2)
        centres.append((grid + 0.5) * stride)
        widths.append(np.full(len(grid), stride))
    return np.concatenate(centres).astype(np.float32), np.concatenate(widths).astype(np.float32)


def build(layout: Layout, outputs: Sequence[TensorInfo]) -> SplitDecoder:
    """The decoder of such a model."""
    return SplitDecoder(layout, outputs)
