"""Layouts by the shapes of their outputs: how many anchors an input of some size has, and on which axis they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgedet.models.kinds import Head, Kind, Layout

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edgedet.models.graph import TensorInfo
    from edgedet.models.inspection import ModelInfo

STRIDES = ((8, 16, 32), (8, 16, 32, 64), (4, 8, 16, 32), (16, 32), (8, 16))
"""Usual heads first; then YOLOv5's P6 and YOLOv8's P2 variants, and tiny models with two."""

_BOX_BINS = 64
"""Channels of a box as distributions: 4 sides x 16 bins (YOLOv8's `reg_max`)."""

_MOST_SELECTED = 5000
_PROBABILITIES = frozenset({"LOGISTIC", "SOFTMAX"})


def cells(width: int, height: int, strides: tuple[int, ...]) -> int:
    """How many cells the heads of these strides have on a picture of this size."""
    return sum(-(-width // stride) * -(-height // stride) for stride in strides)


def single(info: ModelInfo) -> Layout | None:
    """The layout where one tensor says all; None where it does not."""
    places = [place for place, tensor in enumerate(info.outputs) if _matrix(tensor)]
    if len(places) != 1 or any(_is_map(tensor) for tensor in info.outputs):
        return None
    place = places[0]
    first, second = _matrix(info.outputs[place]) or (0, 0)
    names = info.metadata.names
    size = (info.width, info.height)
    if second == 6 and first <= _MOST_SELECTED and (info.metadata.end_to_end or not _anchors_a_cell(info, first)):
        return Layout(Kind.SELECTED, len(names or ()), max(0, first), *size, roles=(place,))
    for channels_first, channels, count in ((True, first, second), (False, second, first)):
        a_cell = _anchors_a_cell(info, count)
        # One anchor a cell with an objectness is YOLOX and YOLOv6, which only the number of names tells.
        objectness = a_cell == 3 if names is None else channels - 5 == len(names)
        classes = channels - (5 if objectness else 4)
        if a_cell and classes >= 1:
            kind = Kind.OBJECTNESS if objectness else Kind.DENSE
            return Layout(kind, classes, count, *size, channels_first=channels_first, roles=(place,))
    return None


def split(info: ModelInfo) -> Layout | None:
    """The layout where class scores and boxes are in tensors of their own, a pair for all anchors or one a stride."""
    parts = [_part(info, place, tensor) for place, tensor in enumerate(info.outputs)]
    found = [part for part in parts if part is not None]
    if len(found) != len(parts) or (len(parts) == 1 and len(found[0].strides) > 1):
        return None
    groups: dict[tuple[int, ...], list[_Part]] = {}
    for part in found:
        groups.setdefault(part.strides, []).append(part)
    pairs = [_pair(groups[strides]) for strides in sorted(groups)]
    heads = tuple(pair.head for pair in pairs if pair is not None)
    kinds = {(pair.classes, pair.bins) for pair in pairs if pair is not None}
    strides = tuple(stride for head in heads for stride in head.strides)
    if len(heads) != len(pairs) or len(kinds) != 1 or strides not in STRIDES:
        return None
    classes, bins = kinds.pop()
    return Layout(
        Kind.SPLIT,
        classes,
        cells(info.width, info.height, strides),
        info.width,
        info.height,
        heads=heads,
        logits=not all(_holds_probabilities(info.outputs[head.scores], head) for head in heads),
        bins=bins,
        roles=tuple(dict.fromkeys(place for head in heads for place in (head.boxes, head.scores))),
    )


@dataclass(frozen=True, slots=True)
class _Part:
    """One tensor as values at the cells of some strides."""

    place: int
    strides: tuple[int, ...]
    channels: int
    channels_first: bool


@dataclass(frozen=True, slots=True)
class _Pair:
    head: Head
    classes: int
    bins: bool


def _pair(parts: list[_Part]) -> _Pair | None:
    """Boxes and scores among the tensors of the same cells; further ones of a single channel are sums of scores."""
    if len(parts) == 1:
        part = parts[0]
        head = Head(part.place, part.place, part.strides, part.channels_first, part.channels_first)
        return _Pair(head, part.channels - _BOX_BINS, bins=True) if part.channels > _BOX_BINS else None
    for size, bins in ((_BOX_BINS, True), (4, False)):
        boxes = [part for part in parts if part.channels == size]
        others = [part for part in parts if part.channels != size]
        scores = [part for part in others if part.channels > 1] or others
        if len(boxes) == 1 and len(scores) == 1:
            box, score = boxes[0], scores[0]
            head = Head(score.place, box.place, box.strides, score.channels_first, box.channels_first)
            return _Pair(head, score.channels, bins)
    return None


def _part(info: ModelInfo, place: int, tensor: TensorInfo) -> _Part | None:
    if _is_map(tensor):
        _, a, b, c = tensor.shape
        # Maps usually lie as the input does; where both fit, that decides.
        orders = ((True, a, b, c), (False, c, a, b)) if info.nchw else ((False, c, a, b), (True, a, b, c))
        for channels_first, channels, height, width in orders:
            for stride in (4, 8, 16, 32, 64):
                if (width, height) == (-(-info.width // stride), -(-info.height // stride)):
                    return _Part(place, (stride,), channels, channels_first)
        return None
    first, second = _matrix(tensor) or (0, 0)
    for channels_first, channels, count in ((False, second, first), (True, first, second)):
        for strides in _coverings():
            if channels and count == cells(info.width, info.height, strides):
                return _Part(place, strides, channels, channels_first)
    return None


def _coverings() -> Iterator[tuple[int, ...]]:
    yield from STRIDES
    yield from ((stride,) for stride in (4, 8, 16, 32, 64))


def _holds_probabilities(tensor: TensorInfo, head: Head) -> bool:
    """Whether scores went through their sigmoid already: by the operation that made them, or by their range."""
    if head.scores == head.boxes:
        return False
    if tensor.producer in _PROBABILITIES:
        return True
    return tensor.quantised and tensor.lowest > -0.05


def _anchors_a_cell(info: ModelInfo, count: int) -> int:
    """1 or 3 where `count` anchors can be those of YOLO heads on this input; 0 where they cannot."""
    for a_cell in (1, 3):
        if any(count == a_cell * cells(info.width, info.height, strides) for strides in STRIDES):
            return a_cell
    return 0


def _is_map(tensor: TensorInfo) -> bool:
    return len(tensor.shape) == 4 and tensor.shape[0] == 1


def _matrix(tensor: TensorInfo) -> tuple[int, int] | None:
    """The two sizes of `(1, a, b)`; the first may be -1."""
    shape = tensor.shape
    return (shape[1], shape[2]) if len(shape) == 3 and shape[0] in (1, -1) else None
