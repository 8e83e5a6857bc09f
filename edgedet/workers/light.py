"""Whether it is night, as far as a picture shows: it is dark, or colourless because a camera has put infrared light on.

Judged in the camera worker on the detect view, before masks, once a second on a few hundred samples.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_STEP = 8
"""Every so many pixels in each direction a sample."""
_EVERY_S = 1.0
HOLDS_S = 5.0
"""So long the picture must say the same before it is believed: headlights are no day."""
_DARK, _BRIGHT = 60.0, 75.0
"""Median grey level below which a day ends, and above which a night ends: between them nothing changes."""
_COLOURED = 3
"""Grey levels between the channels of a sample that has a colour. An infrared picture has two, from rounding; of a grey
road by day one sample in ten has more than three."""
_COLOURLESS_SHARE = 0.01
"""Of the samples: fewer coloured ones than this are none."""


class Light:
    """Day or night of one camera. Give it every frame; most cost nothing."""

    def __init__(self, holds_s: float = HOLDS_S) -> None:
        self._holds_ns = holds_s * 1e9
        self._night: bool | None = None
        self._judged_ns = 0
        self._otherwise_ns: int | None = None

    def is_night(self, window: NDArray[np.uint8], now_ns: int) -> bool:
        """Whether it is night.

        Args:
            window: the picture without its letterbox, RGB of shape (height, width, 3).
            now_ns: when it was taken.
        """
        if self._night is None:
            self._night = looks_like_night(window, otherwise=False)
            self._judged_ns = now_ns
            return self._night
        if 0 <= now_ns - self._judged_ns < _EVERY_S * 1e9:
            return self._night
        self._judged_ns = now_ns
        if looks_like_night(window, otherwise=self._night) is self._night:
            self._otherwise_ns = None
        elif self._otherwise_ns is None or now_ns < self._otherwise_ns:
            self._otherwise_ns = now_ns
        elif now_ns - self._otherwise_ns >= self._holds_ns:
            self._night = not self._night
            self._otherwise_ns = None
        return self._night


def looks_like_night(window: NDArray[np.uint8], *, otherwise: bool) -> bool:
    """What one picture says by itself; `otherwise` where it is neither dark nor bright.

    Args:
        window: RGB of shape (height, width, 3).
        otherwise: what dusk is taken for.
    """
    samples = window[::_STEP, ::_STEP].astype(np.int16)
    red, green, blue = samples[..., 0], samples[..., 1], samples[..., 2]
    # Of a colour, at least one of these differs.
    coloured = np.maximum(np.abs(red - green), np.abs(blue - green)) > _COLOURED
    if np.count_nonzero(coloured) < _COLOURLESS_SHARE * coloured.size:
        return True
    level = float(np.median(green))
    if level < _DARK:
        return True
    return otherwise and level < _BRIGHT
