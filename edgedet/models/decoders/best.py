"""The best class of each anchor, for those anchors that reach the threshold.

Most frames show nothing. So the maximum over the classes is taken over raw numbers, in a buffer made once, and only
what passes the raw threshold is looked at again.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from edgedet.models.decoders.reading import least_float32

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgedet.models.decoders.reading import Reading

_NO_ANCHORS = np.empty(0, np.intp)
_NO_SCORES = np.empty(0, np.float32)


class Best(NamedTuple):
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
    """Finds them in raw scores, (classes, anchors) or (anchors, classes). One object a thread.

    Args:
        reading: of the tensor that holds the scores.
        dtype: its type.
        channels_first: the array is (channels, anchors).
        skip: how many channels come before the scores.
    """

    def __init__(self, reading: Reading, dtype: np.dtype[np.generic], *, channels_first: bool, skip: int) -> None:
        self._reading = reading
        self._channels_first = channels_first
        self._skip = skip
        self._floating = dtype.kind == "f"
        self._maxima: NDArray[Any] = np.empty(0, dtype)
        self._mask = np.empty((0, 0), np.bool_)

    def find(self, raw: NDArray[Any], min_score: float) -> Best:
        """The anchors whose best class has a score of at least `min_score`."""
        threshold = self._reading.threshold(min_score)
        if threshold is None:
            return Best(_NO_ANCHORS, _NO_SCORES, _NO_ANCHORS, 0)
        search = self._by_rows if self._channels_first else self._by_hits
        if self._floating:
            with np.errstate(invalid="ignore"):
                found, invalid = search(raw, threshold)
        else:
            found, invalid = search(raw, threshold)
        if not len(found):
            return Best(found, _NO_SCORES, found, invalid)
        scored = raw.T[found, self._skip :] if self._channels_first else raw[found, self._skip :]
        class_ids = scored.argmax(axis=1)
        best = self._maxima[found] if self._channels_first else scored[np.arange(len(found)), class_ids]
        scores = self._reading.scores(best)
        if self._floating:
            # Plus infinity reaches any threshold, and the raw threshold of logits is a little low.
            finite = np.isfinite(best)
            invalid += int(finite.size - np.count_nonzero(finite))
            passed = finite & (scores >= least_float32(min_score))
            found, scores, class_ids = found[passed], scores[passed], class_ids[passed]
        return Best(found, scores, class_ids, invalid)

    def _by_rows(self, raw: NDArray[Any], threshold: np.generic) -> tuple[NDArray[np.intp], int]:
        """A running maximum over whole rows of anchors: 16 us for (80, 8400) of int8, 72 of float32."""
        if len(self._maxima) != raw.shape[1]:
            self._maxima = np.empty(raw.shape[1], raw.dtype)
        np.maximum.reduce(raw[self._skip :], axis=0, out=self._maxima)
        highest = np.maximum.reduce(self._maxima)
        if highest < threshold:
            return _NO_ANCHORS, 0
        invalid = int(np.count_nonzero(np.isnan(self._maxima))) if math.isnan(highest) else 0
        return np.flatnonzero(self._maxima >= threshold), invalid

    def _by_hits(self, raw: NDArray[Any], threshold: np.generic) -> tuple[NDArray[np.intp], int]:
        """Every number compared in one pass, since a maximum along short rows is 15 times slower."""
        highest = raw.max()
        if math.isnan(highest):
            maxima = raw[:, self._skip :].max(axis=1)
            return np.flatnonzero(maxima >= threshold), int(np.count_nonzero(np.isnan(maxima)))
        if not highest >= threshold:
            return _NO_ANCHORS, 0
        if self._mask.shape != raw.shape:
            self._mask = np.empty(raw.shape, np.bool_)
        np.greater_equal(raw, threshold, out=self._mask)
        self._mask[:, : self._skip] = False
        hit = np.zeros(len(raw), np.bool_)
        hit[np.flatnonzero(self._mask) // raw.shape[1]] = True
        return np.flatnonzero(hit), 0
