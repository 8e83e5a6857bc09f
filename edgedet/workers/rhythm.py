"""How long a source may be silent before it has stalled: that depends on how often it gives a picture at all.

A camera of 15 frames a second that says nothing for three seconds has stalled; one that gives a picture every five
seconds has not. Without numpy: the camera worker measures, and the daemon decides.
"""

from __future__ import annotations

from collections import deque

SILENT_PAUSES = 3.0
"""A source may be silent for so many of its own pauses: one picture that is lost on the way is no stall."""
LONGEST_SILENCE_S = 60.0
"""But for no longer than this, however slow it is: by then somebody who relies on it has to be told. So a source must
give a picture every 20 s at least to be left the three pauses, and one a minute to be taken for alive at all."""
UNKNOWN_S = 20.0
"""Silence that is allowed while nobody knows the rate yet: as long as the first picture may take."""
_LATEST = 5
_ENOUGH, _ENOUGH_S = 4, 1.0
"""A rate is known after so many pauses that lasted so long together: some cameras begin with a burst."""


class Rhythm:
    """The pauses between a source's frames, as the camera worker measures them."""

    def __init__(self) -> None:
        self._latest: deque[int] = deque(maxlen=_LATEST)
        self._heard_ns = 0

    def note(self, pause_ns: int) -> None:
        """Take the time for which the source was silent, though it could have given a frame, nanoseconds."""
        self._latest.append(pause_ns)
        self._heard_ns += pause_ns

    @property
    def usual_ns(self) -> int:
        """The longest of the last pauses, at least 1 ns; 0 while too few were heard.

        The longest, since frames may come in bursts; of few, so that one hiccup is forgotten after five frames.
        """
        known = len(self._latest) >= _ENOUGH and self._heard_ns >= _ENOUGH_S * 1e9
        return max(1, *self._latest) if known else 0


def patience_s(least_s: float, stated_s: float | None, usual_s: float) -> float:
    """How long a source may be silent, seconds: three of its pauses, from `least_s` to a minute (or `least_s`).

    Args:
        least_s: what every source is allowed.
        stated_s: the pause between two frames that its settings say; None: they say nothing about it.
        usual_s: the pause as it was observed; 0 while that is not known.
    """
    pause_s = max(stated_s or 0.0, usual_s)
    allowed_s = min(SILENT_PAUSES * pause_s, LONGEST_SILENCE_S)
    if stated_s is None and not usual_s:
        allowed_s = UNKNOWN_S
    return max(least_s, allowed_s)
