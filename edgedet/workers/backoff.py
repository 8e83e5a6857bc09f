"""When to try again: soon the first time, then more and more rarely, so that what is dead costs nothing."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds to wait after the n-th failure in a row."""

    first_s: float = 0.2
    factor: float = 2.0
    longest_s: float = 60.0
    jitter: float = 0.1
    """Share of the delay that is random, so that many devices do not try in step."""

    def delay_s(self, failures: int) -> float:
        """The pause after `failures` (1 or more) failures in a row."""
        exponent = min(max(0, failures - 1), 32)
        delay = min(self.longest_s, self.first_s * self.factor**exponent)
        return delay * (1.0 + self.jitter * (2.0 * random.random() - 1.0))
