"""What was found, held against what the scene knows to be true."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgedet.cameras._scene.scene import Seen, is_countable
from edgedet.geometry import intersection_over_union
from edgedet.types import Box, Detection

_SAME_OBJECT = 0.5
"""Overlap (IoU) from which on a detection is the object: the usual one."""
_EXCUSED = 0.3
"""Overlap with an object too hidden to count from which on a detection of it is no false one."""


@dataclass(frozen=True, slots=True)
class Score:
    """Counts of objects, in one picture or in many."""

    truth: int = 0
    found: int = 0
    false: int = 0

    def __add__(self, other: Score) -> Score:
        return Score(self.truth + other.truth, self.found + other.found, self.false + other.false)

    def __str__(self) -> str:
        return f"truth {self.truth:,}, found {self.found:,}, false {self.false:,}"

    @property
    def recall(self) -> float:
        """Share of the truth that was found; 1.0 where there was nothing to find."""
        return self.found / self.truth if self.truth else 1.0

    @property
    def precision(self) -> float:
        """Share of what was reported that is true; 1.0 where nothing was reported."""
        return self.found / (self.found + self.false) if self.found + self.false else 1.0


@dataclass(frozen=True, slots=True)
class Comparison:
    """One picture's result."""

    score: Score
    counted: tuple[Seen, ...]
    """The objects that count: large enough, and enough of them to be seen."""
    found: tuple[str, ...]
    """Labels of those that were found."""
    missed: tuple[Box, ...]
    false: tuple[int, ...]
    """Indices of the detections that are nothing of the scene."""


def compare(truth: Sequence[Seen], detections: Sequence[Detection], frame: tuple[int, int], side: int) -> Comparison:
    """Match each detection, strongest first, with the object of its label that it overlaps most.

    What a detector cannot be held to (see `is_countable`) is neither missed nor false.

    Args:
        truth: everything in the scene, hidden objects too.
        detections: highest score first.
        frame: width and height of the full frame, pixels.
        side: of the detector's square input, pixels.
    """
    counted = [known for known in truth if is_countable(known, frame, side)]
    excused = [known for known in truth if not is_countable(known, frame, side)]
    open_truth = list(counted)
    labels = []
    false = []
    for number, found in enumerate(detections):
        best, overlap = None, _SAME_OBJECT
        for known in open_truth:
            shared = intersection_over_union(known.box, found.box) if known.label == found.label else 0.0
            if shared >= overlap:
                best, overlap = known, shared
        if best is not None:
            open_truth.remove(best)
            labels.append(best.label)
        elif all(intersection_over_union(known.box, found.box) < _EXCUSED for known in excused):
            false.append(number)
    score = Score(len(counted), len(counted) - len(open_truth), len(false))
    return Comparison(score, tuple(counted), tuple(labels), tuple(known.box for known in open_truth), tuple(false))
