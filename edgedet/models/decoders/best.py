"""The best class of each anchor, for those anchors that reach the threshold.

Most frames show nothing. So the maximum over the classes is taken over raw numbers, in a buffer made once, and only
what passes the raw threshold is looked at again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edgedet.models.decoders.reading import least_float32

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgedet.models.decoders.reading import Reading

_NO_ANCHORS = np.empty(0, np.intp)
_NO_SCORES = np.empty(0, np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Best:
    """Anchors that reach the threshold."""

    anchors: NDArray[np.intp]
    """(k,) ascending."""
    scores: NDArray[np.float32]
    """(k,) in [0, 1]."""
    class_ids: NDArray[np.intp]
    """(k,)"""
    invalid: int
    """Anchors that were left out since their best score is NaN or infinite."""


class BestClass:
    """Finds them in a (classes, anchors) or (anchors, classes) array of raw scores. One object a thread."""

    def __init__(self, reading: Reading, dtype: np.dtype[np.generic], *, channels_first: bool) -> None:
        self._reading = reading
        self._axis = 0 if channels_first else 1
        self._floating = dtype.kind == "f"
        self._maxima: NDArray[np.generic] = np.empty(0, dtype)
        self._mask = np.empty(0, np.bool_)

    def find(self, raw: NDArray[np.generic], min_score: float) -> Best:
        """The anchors whose best class has a score of at least `min_score`."""
        count = raw.shape[1 - self._axis]
        if len(self._maxima) != count:
            self._maxima = np.empty(count, self._maxima.dtype)
            self._mask = np.empty(count, np.bool_)
        threshold = self._reading.threshold(min_score)
        if threshold is None:
            return Best(_NO_ANCHORS, _NO_SCORES, _NO_ANCHORS, 0)
        with np.errstate(invalid="ignore"):
            np.maximum.reduce(raw, axis=self._axis, out=self._maxima)
            np.greater_equal(self._maxima, threshold, out=self._mask)
        invalid = int(np.count_nonzero(np.isnan(self._maxima))) if self._floating else 0
        anchors = np.flatnonzero(self._mask)
        if not len(anchors):
            return Best(anchors, _NO_SCORES, anchors, invalid)
        best = self._maxima[anchors]
        scores = self._reading.scores(best)
        if self._floating:
            # The raw threshold of logits is a little low, and plus infinity reaches any.
            finite = np.isfinite(best)
            invalid += int(len(best) - np.count_nonzero(finite))
            passed = finite & (scores >= least_float32(min_score))
            anchors, scores = anchors[passed], scores[passed]
        columns = raw.T[anchors] if self._axis == 0 else raw[anchors]
        return Best(anchors, scores, columns.argmax(axis=1), invalid)

