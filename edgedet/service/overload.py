"""Whether a detector keeps up with a camera: told by frames that a newer one replaced before they were looked at."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

_OVER_S = 30.0
"""Shorter than that, a burst of work on the same machine is no overload."""
_TOO_MANY, _FEW_AGAIN = 0.5, 0.3
"""Shares of frames that are dropped: above the first it is overloaded, below the second no longer."""


@dataclass(frozen=True, slots=True)
class _Counted:
    at_s: float
    captured: int
    dropped: int


class Overload:
    """Of one camera. Give it the counts since the start, every few seconds."""

    def __init__(self, over_s: float = _OVER_S) -> None:
        self._over_s = over_s
        self._counts: deque[_Counted] = deque()
        self._is_overloaded = False

    def judge(self, at_s: float, looked_at: int, dropped: int) -> bool:
        """Whether the detector has not kept up lately; `at_s` is monotonic."""
        counts = self._counts
        counts.append(_Counted(at_s, looked_at + dropped, dropped))
        while len(counts) > 2 and at_s - counts[1].at_s >= self._over_s:
            counts.popleft()
        first = counts[0]
        wanted = looked_at + dropped - first.captured
        if at_s - first.at_s < self._over_s or wanted <= 0:
            return self._is_overloaded
        share = (dropped - first.dropped) / wanted
        self._is_overloaded = share > (_FEW_AGAIN if self._is_overloaded else _TOO_MANY)
        return self._is_overloaded
