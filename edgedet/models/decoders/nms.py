"""Class-wise non-maximum suppression in numpy alone.

Candidates are taken in blocks of falling score. A block loses what the boxes kept so far suppress (one matrix), then
settles itself: its own overlaps become one integer a row, and the greedy walk is a few bit operations a box. So the
cost grows with kept x candidates, not with candidates squared, and the walk ends at the cap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BLOCK = 128


def suppress(boxes: NDArray[np.float32], class_ids: NDArray[np.intp], iou: float, most: int) -> NDArray[np.intp]:
    """Which boxes stay: of two of one class whose IoU is above `iou`, the later goes.

    Args:
        boxes: (n, 4) x1 y1 x2 y2, finite, of positive area, best first.
        class_ids: (n,)
        iou: in [0, 1].
        most: the walk ends when so many are kept.

    Returns:
        Their indices, ascending.
    """
    count = len(boxes)
    if count <= 1 or most <= 0:
        return np.arange(min(count, max(0, most)))
    planes = np.ascontiguousarray(boxes.T)
    areas = (planes[2] - planes[0]) * (planes[3] - planes[1])
    if count <= _BLOCK:
        kept = _walk(_overlaps(planes, areas, class_ids, planes, areas, class_ids, iou))
        return np.array(kept[:most], np.intp)
    return _blockwise(planes, areas, class_ids, iou, most)


def _blockwise(
    planes: NDArray[np.float32], areas: NDArray[np.float32], class_ids: NDArray[np.intp], iou: float, most: int
) -> NDArray[np.intp]:
    kept = np.empty(0, np.intp)
    for start in range(0, len(areas), _BLOCK):
        block = np.arange(start, min(start + _BLOCK, len(areas)))
        if len(kept):
            beaten = _overlaps(
                planes[:, kept], areas[kept], class_ids[kept], planes[:, block], areas[block], class_ids[block], iou
            )
            block = block[~beaten.any(axis=0)]
            if not len(block):
                continue
        own = (planes[:, block], areas[block], class_ids[block])
        kept = np.concatenate((kept, block[_walk(_overlaps(*own, *own, iou))]))
        if len(kept) >= most:
            return kept[:most]
    return kept


def _overlaps(
    a: NDArray[np.float32],
    a_areas: NDArray[np.float32],
    a_classes: NDArray[np.intp],
    b: NDArray[np.float32],
    b_areas: NDArray[np.float32],
    b_classes: NDArray[np.intp],
    iou: float,
) -> NDArray[np.bool_]:
    """(len a, len b): same class, and IoU above `iou`."""
    width = np.minimum(a[2][:, None], b[2])
    width -= np.maximum(a[0][:, None], b[0])
    np.maximum(width, 0, out=width)
    height = np.minimum(a[3][:, None], b[3])
    height -= np.maximum(a[1][:, None], b[1])
    np.maximum(height, 0, out=height)
    width *= height
    # inter / (sum - inter) > iou, without the division.
    sums = np.add(a_areas[:, None], b_areas, out=height)
    sums *= np.float32(iou / (1.0 + iou))
    above: NDArray[np.bool_] = width > sums
    above &= a_classes[:, None] == b_classes
    return above


def _walk(overlaps: NDArray[np.bool_]) -> list[int]:
    """Greedy selection over a square matrix: row i's bits say whom i suppresses."""
    packed = np.packbits(overlaps, axis=1, bitorder="little")
    size = packed.shape[1]
    rows = packed.tobytes()
    gone = 0
    kept = []
    for index in range(len(overlaps)):
        if not gone >> index & 1:
            kept.append(index)
            gone |= int.from_bytes(rows[index * size : (index + 1) * size], "little")
    return kept
