"""How patient the MQTT output is."""

from __future__ import annotations

from dataclasses import dataclass
from random import SystemRandom

_RANDOM = SystemRandom()
_MOST_DOUBLINGS = 30
"""2.0 ** 1024 is an error, after a night without a broker."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds. Tests shrink them."""

    first_delay_s: float = 1.0
    longest_delay_s: float = 60.0
    answer_s: float = 10.0
    """How long a broker may take to accept a connection."""
    flush_s: float = 5.0
    """How long a clean stop may take."""

    def delay_s(self, failures: int) -> float:
        """Return how long to wait after so many failures in a row, 1 or more.

        Between the first delay and one that doubles each time, at random: a house full of devices must not come
        back to its broker all in the same second.
        """
        longest = self.first_delay_s * 2.0 ** min(failures - 1, _MOST_DOUBLINGS)
        return _RANDOM.uniform(self.first_delay_s, min(self.longest_delay_s, longest))
