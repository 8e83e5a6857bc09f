"""Class-wise non-maximum suppression in numpy alone.

Candidates are taken in blocks of falling score. A block loses what the boxes kept so far suppress (one matrix), then
settles itself: its own overlaps become one integer a row, and the greedy walk is a few bit operations a box. So the
cost grows with kept x candidates, not with candidates squared, and the walk ends at the cap.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BLOCK = 128


def suppress(planes: NDArray[np.float32], class_ids: NDArray[np.intp], iou: float, most: int) -> NDArray[np.intp]:
    """Which boxes stay: of two of one class whose IoU is above `iou`, the later goes.

    Args:
        planes: (4, n) rows x1, y1, x2, y2; finite, of positive area, best first.
        class_ids: (n,)
        iou: in [0, 1].
        most: the walk ends when so many are kept.

    Returns:
        Their indices, ascending.
    """
    count = planes.shape[1]
    if count <= 1 or most <= 0:
        return np.arange(min(count, max(0, most)))
    # Overlap / (sum of areas - overlap) > iou, without a division: overlap > share of the sum.
    share = np.float32(iou / (1.0 + iou))
    areas = (planes[2] - planes[0]) * (planes[3] - planes[1]) * share
    boxes = _Boxes(planes, areas, class_ids.astype(np.int32))
    if count <= _BLOCK:
        return np.array(_walk(_overlaps(boxes, boxes))[:most], np.intp)
    return _blockwise(boxes, most)


class _Boxes(NamedTuple):
    planes: NDArray[np.float32]
    areas: NDArray[np.float32]
    """Times the share above."""
    class_ids: NDArray[np.int32]

    def at(self, places: NDArray[np.intp]) -> _Boxes:
        return _Boxes(self.planes.take(places, axis=1), self.areas[places], self.class_ids[places])


def _blockwise(boxes: _Boxes, most: int) -> NDArray[np.intp]:
    kept = np.empty(0, np.intp)
    count = len(boxes.areas)
    for start, end in pairwise((*range(0, count, _BLOCK), count)):
        places = np.arange(start, end)
        block = boxes.at(places)
        if len(kept):
            left = ~_overlaps(boxes.at(kept), block).any(axis=0)
            places, block = places[left], block.at(np.flatnonzero(left))
        if len(places):
            kept = np.concatenate((kept, places[_walk(_overlaps(block, block))]))
        if len(kept) >= most:
            break
    return kept[:most]


def _overlaps(a: _Boxes, b: _Boxes) -> NDArray[np.bool_]:
    """(len a, len b): same class, and IoU above the limit."""
    sides = np.minimum(a.planes[2:, :, None], b.planes[2:, None, :])
    sides -= np.maximum(a.planes[:2, :, None], b.planes[:2, None, :])
    across, down = sides
    # Two negative sides would make a positive area. A comparison costs a third of clipping at zero.
    above: NDArray[np.bool_] = across > 0
    across *= down
    above &= across > a.areas[:, None] + b.areas
    above &= a.class_ids[:, None] == b.class_ids
    return above


def _walk(overlaps: NDArray[np.bool_]) -> list[int]:
    """Greedy selection over a square matrix: row i's bits say whom i suppresses."""
    packed = np.packbits(overlaps, axis=1, bitorder="little")
    size = packed.shape[1]
    rows = packed.tobytes()
    left = (1 << len(overlaps)) - 1
    kept = []
    while left:
        index = (left & -left).bit_length() - 1
        kept.append(index)
        left &= ~(int.from_bytes(rows[index * size : (index + 1) * size], "little") | 1 << index)
    return kept
