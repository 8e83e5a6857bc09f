"""What the decoders must find, spelled out number by number in double precision: slow, and easy to believe."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from edgedet.models.graph import TensorInfo
    from edgedet.models.kinds import Layout


@dataclass(frozen=True)
class Found:
    score: float
    class_id: int
    box: tuple[float, float, float, float]


def real_values(raw: np.ndarray, tensor: TensorInfo) -> np.ndarray:
    """As TFLite's DEQUANTIZE: an integer difference, one product in single precision."""
    if raw.dtype.kind == "f":
        return raw.astype(np.float64)
    return (np.float32(tensor.scale) * (raw.astype(np.int64) - tensor.zero_point).astype(np.float32)).astype(np.float64)


def dense(raw: np.ndarray, layout: Layout, tensor: TensorInfo, min_score: float) -> list[Found]:
    values = real_values(raw[0], tensor)
    rows = values.T if layout.channels_first else values
    return _best((_best_class(row[4:], row[:4]) for row in rows), min_score)


def objectness(raw: np.ndarray, layout: Layout, tensor: TensorInfo, min_score: float) -> list[Found]:
    values = real_values(raw[0], tensor)
    rows = values.T if layout.channels_first else values
    found = []
    for row in rows:
        class_id, score, box = _best_class(row[5:], row[:4])
        if row[4] >= min_score and math.isfinite(row[4]):
            product = float(np.float32(min(row[4], 1.0)) * np.float32(min(score, 1.0)))
            found.append((class_id, product if math.isfinite(score) else math.nan, box))
    return _best(found, min_score)


def split(raws: Sequence[np.ndarray], layout: Layout, tensors: Sequence[TensorInfo], min_score: float) -> list[Found]:
    found = []
    for head in layout.heads:
        scores = _rows(real_values(raws[head.scores], tensors[head.scores]), first=head.scores_first)
        boxes = _rows(real_values(raws[head.boxes], tensors[head.boxes]), first=head.boxes_first)
        cells = [
            (x, y, stride)
            for stride in head.strides
            for y in range(-(-layout.height // stride))
            for x in range(-(-layout.width // stride))
        ]
        for (x, y, stride), score_row, box_row in zip(cells, scores, boxes, strict=True):
            row = score_row[64:] if head.scores == head.boxes else score_row
            sides = [_expectation(box_row[16 * side : 16 * side + 16]) * stride for side in range(4)]
            cx, cy = (x + 0.5) * stride, (y + 0.5) * stride
            box = ((cx - sides[0]), (cy - sides[1]), (cx + sides[2]), (cy + sides[3]))
            box = tuple(side / (layout.height if place % 2 else layout.width) for place, side in enumerate(box))
            class_id = _argmax(row)
            score = row[class_id]
            if layout.logits and math.isfinite(score):
                score = 1 / (1 + math.exp(-score)) if score > -700 else 0.0
            found.append((class_id, score, box))
    return _best(found, min_score)


def suppress(boxes: Sequence[Sequence[float]], class_ids: Sequence[int], iou: float, most: int) -> list[int]:
    kept: list[int] = []
    for index in range(len(boxes)):
        rivals = (other for other in kept if class_ids[other] == class_ids[index])
        if len(kept) < most and all(overlap(boxes[other], boxes[index]) <= iou for other in rivals):
            kept.append(index)
    return kept


def overlap(a: Sequence[float], b: Sequence[float]) -> float:
    across = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    down = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - across * down
    return across * down / union


def _best_class(scores: np.ndarray, box: np.ndarray) -> tuple[int, float, tuple[float, ...]]:
    cx, cy, w, h = box.tolist()
    class_id = _argmax(scores)
    return class_id, scores[class_id], (cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2)


def _argmax(scores: np.ndarray) -> int:
    """The first NaN, or the first of the largest."""
    return int(scores.argmax())


def _best(rows: Iterable[tuple[int, float, tuple[float, ...]]], min_score: float) -> list[Found]:
    found = [
        Found(min(score, 1.0), class_id, box)
        for class_id, score, box in rows
        if math.isfinite(score)
        and score >= min_score
        and all(map(math.isfinite, box))
        and np.float32(box[2]) > np.float32(box[0])
        and np.float32(box[3]) > np.float32(box[1])
    ]
    return sorted(found, key=lambda one: -one.score)


def _rows(values: np.ndarray, *, first: bool) -> np.ndarray:
    return values.reshape(values.shape[1], -1).T if first else values.reshape(-1, values.shape[-1])


def _expectation(bins: np.ndarray) -> float:
    """Minus infinity is no weight; NaN or infinity spoil the box."""
    highest = max(bins.tolist())
    if any(math.isnan(value) for value in bins) or math.isinf(highest):
        return math.nan
    weights = [math.exp(value - highest) for value in bins]
    return sum(place * weight for place, weight in enumerate(weights)) / sum(weights)
