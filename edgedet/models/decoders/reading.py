"""From the numbers in an output tensor to real values, and thresholds back into those numbers.

Integer tensors are read through a table of every value that the type can hold. So a threshold is found in the table
itself, and the comparison of raw integers is exactly the comparison of the scores, whatever the rounding.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgedet.models.graph import TensorInfo

Threshold = np.floating[Any] | np.integer[Any]
"""A raw value: what is at least this passes."""


def least_float32(value: float) -> np.float32:
    """The smallest float32 that is not below `value`, so that `>=` means the same in both precisions."""
    rounded = np.float32(value)
    return rounded if float(rounded) >= value else np.nextafter(rounded, np.float32(np.inf))


def sigmoid(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """The logistic function; large negative values give 0 without a warning."""
    with np.errstate(over="ignore"):
        result: NDArray[np.float32] = np.float32(1) / (np.float32(1) + np.exp(-values))
    return result


class Reading:
    """How one output tensor is read. `logits`: its scores still need a sigmoid."""

    def __init__(self, tensor: TensorInfo, *, logits: bool = False) -> None:
        self._dtype = np.dtype(tensor.dtype)
        self._logits = logits
        self._table: NDArray[np.float32] | None = None
        self._scores: NDArray[np.float32] | None = None
        self._index = self._dtype
        if self._dtype.kind in "iu":
            self._index = np.dtype(f"u{self._dtype.itemsize}")
            raw = np.arange(2 ** (8 * self._dtype.itemsize)).astype(self._index).view(self._dtype)
            scale = np.float32(tensor.scale if tensor.quantised else 1.0)
            # The order of TFLite's own DEQUANTIZE: the difference as an integer, then one product.
            self._table = scale * (raw.astype(np.int64) - tensor.zero_point).astype(np.float32)
            self._scores = self._as_scores(self._table)
        self._known: tuple[float, Threshold | None] = (math.nan, None)

    def _as_scores(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        scores = sigmoid(values) if self._logits else values
        limited: NDArray[np.float32] = np.minimum(scores, np.float32(1))
        return limited

    def values(self, raw: NDArray[np.generic]) -> NDArray[np.float32]:
        """Real values, a new array of the same shape."""
        if self._table is None:
            return raw.astype(np.float32)
        values: NDArray[np.float32] = self._table[raw.view(self._index)]
        return values

    def scores(self, raw: NDArray[np.generic]) -> NDArray[np.float32]:
        """Scores of at most 1, a new array of the same shape. NaN stays NaN, infinity becomes 1: see `finite`."""
        if self._scores is None:
            return self._as_scores(raw.astype(np.float32))
        scores: NDArray[np.float32] = self._scores[raw.view(self._index)]
        return scores

    def threshold(self, min_score: float) -> Threshold | None:
        """The raw value from which on `scores(raw) >= min_score`; None where no value reaches it.

        For floating-point logits it is a little low, so that `scores` has the last word.
        """
        if self._known[0] != min_score:
            self._known = (min_score, self._find(min_score))
        return self._known[1]

    def _find(self, min_score: float) -> Threshold | None:
        least = least_float32(min_score)
        if self._scores is None:
            if self._logits:
                return self._below_logit(min_score)
            return self._exact(least)
        half = len(self._scores) // 2 if self._dtype.kind == "i" else 0
        ascending = np.concatenate((self._scores[half:], self._scores[:half]))
        first = int(np.searchsorted(ascending, least, side="left"))
        if first == len(ascending):
            return None
        lowest: Threshold = self._dtype.type(first - half)
        return lowest

    def _below_logit(self, min_score: float) -> Threshold:
        if min_score <= 0.0:
            lowest: Threshold = self._dtype.type(-np.inf)
            return lowest
        # Close to 1 the sigmoid's steps in float32 are wider than the margin.
        capped = min(min_score, 0.999)
        low: Threshold = self._dtype.type(math.log(capped / (1.0 - capped)) - 0.01)
        return low

    def _exact(self, least: np.float32) -> Threshold:
        """`least` in the tensor's own floating-point type, rounded up."""
        narrow = self._dtype.type(least)
        above: Threshold = narrow if narrow >= least else np.nextafter(narrow, self._dtype.type(np.inf))
        return above
