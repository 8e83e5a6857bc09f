"""What every decoder takes and gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from edgedet.geometry import Letterbox

MAX_CANDIDATES = 30_000
"""The best so many go into NMS: Ultralytics' `max_nms`, which only matters for thresholds near zero."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What counts as a detection."""

    min_score: float = 0.25
    """Scores of at least this much, in [0, 1]."""
    iou: float = 0.7
    """Of two boxes of one class that overlap by more than this, the weaker is dropped."""
    max_detections: int = 300
    """The best so many are kept."""
    classes: frozenset[int] | None = None
    """Class ids to keep; None for all. An anchor's best class decides, so this gives a part of what None gives."""


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """What a decoder found, highest score first."""

    boxes: NDArray[np.float32]
    """(n, 4): x1 y1 x2 y2 in fractions of the detect view (of the frame after `in_frame`); may reach beyond it."""
    scores: NDArray[np.float32]
    """(n,) in [0, 1]."""
    class_ids: NDArray[np.intp]
    """(n,)"""
    invalid: int = 0
    """Candidates that were dropped since a score or a box of theirs was NaN or infinite."""

    def __len__(self) -> int:
        return len(self.scores)


_NOTHING = Candidates(np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.intp))


class Decoder(Protocol):
    """Turns the output tensors of one model into boxes.

    A decoder keeps scratch buffers, so one object serves one thread; what it returns is the caller's own.
    """

    def decode(self, tensors: Sequence[NDArray[np.generic]], limits: Limits) -> Candidates:
        """The detections in one frame's outputs, in the order of the model's outputs, batch dimension included."""
        ...


def nothing(invalid: int = 0) -> Candidates:
    """No detections: what most frames give, so it is made once."""
    return Candidates(_NOTHING.boxes, _NOTHING.scores, _NOTHING.class_ids, invalid) if invalid else _NOTHING


def in_frame(found: Candidates, letterbox: Letterbox) -> Candidates:
    """The same detections in fractions of the full frame, clipped to it; what lies in the padding alone is dropped."""
    if not len(found):
        return found
    boxes = to_frame(found.boxes, letterbox)
    visible = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    if visible.all():
        return Candidates(boxes, found.scores, found.class_ids, found.invalid)
    return Candidates(boxes[visible], found.scores[visible], found.class_ids[visible], found.invalid)


def to_frame(boxes: NDArray[np.float32], letterbox: Letterbox) -> NDArray[np.float32]:
    """Boxes (n, 4) in fractions of the detect view as fractions of the full frame, clipped to it."""
    size = np.array([letterbox.view_width, letterbox.view_height] * 2, np.float32)
    corner = np.array([letterbox.left, letterbox.top] * 2, np.float32)
    inner = np.array([letterbox.inner_width, letterbox.inner_height] * 2, np.float32)
    moved = (boxes * size - corner) / inner
    clipped: NDArray[np.float32] = np.clip(moved, 0.0, 1.0, out=moved)
    return clipped
