"""Whether a live camera shows anything: a picture that never changes, or that is black, is not looking.

Judged in the camera worker on the detect view, before masks: of most frames a few thousand samples, some 20 us.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

FROZEN, DARK = "camera_frozen", "camera_dark"
"""The health codes."""
FROZEN_S = 60.0
"""No sensor gives the same picture twice: there is always noise. But a network camera's encoder may leave out what
hardly changes, at night until the next key frame, which is 10 s away at most with what is on the market."""
DARK_S = 10.0
"""Somebody passing close by the lens, or a shutter that opens, is not worth a word."""
_FROZEN_LOOKS, _DARK_LOOKS = 30, 3
"""And so many looks in a row: where one comes every ten seconds, the times alone prove little."""
_BLACK = 20
"""Level up to which a sample is black: a covered sensor's noise and the black of limited range lie below."""
_LIT_SHARE = 0.005
"""One lamp in the night is enough to be seen by."""
_STEP = 8
"""Every so many pixels in each direction a sample."""


class Sight:
    """What was seen of one source so far. Give it every frame that is looked at."""

    def __init__(self, frozen_s: float = FROZEN_S, dark_s: float = DARK_S) -> None:
        self._frozen_ns = frozen_s * 1e9
        self._dark_ns = dark_s * 1e9
        self._samples: NDArray[np.uint8] | None = None
        self._whole: int | None = None
        self._changed_ns = 0
        self._lit_ns = 0
        self._same = 0
        self._black = 0

    def look(self, window: NDArray[np.uint8], now_ns: int) -> str | None:
        """What is wrong with the picture, a health code, or None.

        Args:
            window: the picture without its letterbox, RGB of shape (height, width, 3).
            now_ns: CLOCK_MONOTONIC.
        """
        samples = window[::_STEP, ::_STEP]
        before, self._samples = self._samples, samples.copy()
        self._same += 1
        self._black += 1
        if before is None:
            self._lit_ns = self._changed_ns = now_ns
        elif self._differs(window, samples, before):
            self._changed_ns, self._same = now_ns, 0
        if np.count_nonzero(samples > _BLACK) > _LIT_SHARE * samples.size:
            self._lit_ns, self._black = now_ns, 0
        # What is frozen and dark is dark: that is what somebody who looks will find.
        if self._black >= _DARK_LOOKS and now_ns - self._lit_ns > self._dark_ns:
            return DARK
        return FROZEN if self._same >= _FROZEN_LOOKS and now_ns - self._changed_ns > self._frozen_ns else None

    def _differs(self, window: NDArray[np.uint8], samples: NDArray[np.uint8], before: NDArray[np.uint8]) -> bool:
        if not np.array_equal(samples, before):
            self._whole = None
            return True
        # Only a picture that may be the same is looked at as a whole.
        sum_before, self._whole = self._whole, zlib.crc32(window.tobytes())
        return sum_before is not None and sum_before != self._whole
