"""How long the stages of a pipeline took: enough to give medians and tails, in bounded memory."""

from __future__ import annotations

from array import array
from dataclasses import dataclass

_KEPT = 65536
"""Samples of one stage; beyond it the oldest are overwritten."""


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Of one stage, in milliseconds."""

    p50: float
    p99: float


class Samples:
    """Milliseconds of one stage, the newest `_KEPT` of them."""

    def __init__(self) -> None:
        self._values = array("f")
        self._next = 0

    def add(self, milliseconds: float) -> None:
        """Note one sample."""
        if len(self._values) < _KEPT:
            self._values.append(milliseconds)
        else:
            self._values[self._next] = milliseconds
            self._next = (self._next + 1) % _KEPT

    def percentiles(self) -> Percentiles | None:
        """Nearest-rank percentiles; None without samples."""
        if not self._values:
            return None
        ordered = sorted(self._values)
        last = len(ordered) - 1
        return Percentiles(ordered[round(0.5 * last)], ordered[round(0.99 * last)])
