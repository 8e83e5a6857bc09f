"""The ways in which detectors write their boxes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """The ways of writing boxes; each value names its module in `decoders`."""

    DENSE = "dense"
    """One tensor, one row or column an anchor: cx cy w h and a score a class."""
    OBJECTNESS = "objectness"
    """The same with an objectness before the class scores, by which they are multiplied."""
    SELECTED = "selected"
    """One tensor, one row a detection, overlaps already removed: x1 y1 x2 y2 score class."""
    SPLIT = "split"
    """Class scores and boxes in tensors of their own."""
    SSD = "ssd"
    """The four outputs of TFLite_Detection_PostProcess."""


@dataclass(frozen=True, slots=True)
class Head:
    """A pair of tensors of a split layout that covers a run of the anchors."""

    scores: int
    """Place of the class scores among the outputs."""
    boxes: int
    """Place of the boxes; may be the same tensor, with the boxes first."""
    strides: tuple[int, ...]
    """Pixels a cell, in the order in which the anchors come."""
    scores_first: bool
    """The channels of the score tensor come before its anchors: `(1, nc, N)`."""
    boxes_first: bool


@dataclass(frozen=True, slots=True)
class Layout:
    """How to read the outputs of one model."""

    kind: Kind
    classes: int
    """How many; 0 where the file does not say."""
    anchors: int
    """Candidates a frame, at most; 0 where the file does not say."""
    width: int
    """Of the detect view, pixels."""
    height: int
    channels_first: bool = False
    """`(1, channels, N)`; for DENSE and OBJECTNESS."""
    heads: tuple[Head, ...] = ()
    """For SPLIT."""
    logits: bool = False
    """The scores still need a sigmoid; for SPLIT."""
    bins: bool = False
    """Boxes are distributions over distances, 64 channels; otherwise cx cy w h. For SPLIT."""
    roles: tuple[int, ...] = (0,)
    """Places among the outputs: the one tensor, or an SSD's boxes, class ids, scores and count."""

    @property
    def signed_input(self) -> bool:
        """Whether pictures go in as -1 to 1 instead of 0 to 1: the SSDs of TensorFlow's detection API."""
        return self.kind is Kind.SSD
