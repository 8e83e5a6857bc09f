"""Whether something moves in a camera's picture: judged in the camera worker, so that what nobody needs is not sent.

The detect view, after masks, is reduced to some 40 x 40 block means, and each block is held against its own slowly
adapting background and its own noise. A change of light that one gain and one offset explain is no motion, nor is one
that turns most of the picture over at once and is not repeated. Some 0.05 ms for a still frame of 320 x 320 pixels,
0.25 ms for one in which something changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SAMPLES = 160
"""Along the longer side, so many samples are taken at least: 8 pixels of a 256 x 256 view must not be missed."""
_SIDE = 4
"""Samples along a block's side."""
_LEAST_CHANGE = 4.0
"""Grey levels by which a block must differ from its background, however quiet it is: encoders pulse by two or three."""
_NOISE_FACTOR = 4.0
"""Times a block's mean deviation, beyond which a change is more than noise: about three standard deviations."""
_FIRST_NOISE = 1.0, 3.0
"""Least and greatest, grey levels, until each block's own is known."""
_MOST_NOISE = 10.0
"""Grey levels: a block that always changes (leaves, water) is judged more mildly, but never becomes blind."""
_CALM_S, _CHANGED_S, _NOISE_S = 4.0, 12.0, 30.0
"""Time constants: of the background where nothing happens, of the background under a change (what has come and stays
is background within half a minute), and of the noise."""
_LEAST_LIGHT = 1.0
"""Grey levels, the median over the picture: a smaller change of light is none."""
_EXPLAINED = 0.6
"""A change of light must leave fewer of the changed blocks than this share, otherwise it explains nothing."""
_LIGHT_TOLERANCE = 0.15
"""Of the change of light: a camera's tone curve is no straight line."""
_SATURATED = 235.0
"""Grey level from which on some samples of a block may be cut off."""
_JUMP_SHARE = 0.4
"""Of the blocks: where more have changed at once, it was a lamp or an infrared filter, unless it goes on."""
_JUMP_S = 2.0
_LONGEST_STEP_S = 1.0


class Motion:
    """What was learnt of one camera's picture. Give it every frame that may be looked at."""

    def __init__(self) -> None:
        self._background = np.empty((0, 0), np.float32)
        self._noise = np.empty((0, 0), np.float32)
        self._changed = np.empty((0, 0), np.bool_)
        self._last_ns = 0
        self._jumped_ns: int | None = None

    def look(self, window: NDArray[np.uint8], now_ns: int, *, watched: bool = False) -> bool:
        """Whether something moves.

        Args:
            window: the picture without its letterbox, after masks, RGB of shape (height, width, 3).
            now_ns: when it was taken.
            watched: whether an object is being followed: what changes then is no noise, and none is learnt.

        Returns:
            True for a first picture too, since nothing is known of it.
        """
        blocks = block_means(window)
        if self._background.shape != blocks.shape:
            self._background = blocks
            self._noise = np.zeros_like(blocks)
            self._changed = np.zeros(blocks.shape, np.bool_)
            self._last_ns = now_ns
            return True
        step_s = min(max(0.0, (now_ns - self._last_ns) / 1e9), _LONGEST_STEP_S)
        self._last_ns = now_ns
        if not self._noise.any():
            self._noise += self._first_noise(blocks)
        before, self._changed = self._changed, self._changed_of(self._background, blocks)
        moves = False
        if self._changed.any():
            moves = self._judge(blocks, before, now_ns)
        self._learn(blocks, step_s, watched=watched)
        return moves

    def _first_noise(self, blocks: NDArray[np.float32]) -> np.float32:
        """What a second picture says of all blocks together; most of them show nothing but noise."""
        least, greatest = _FIRST_NOISE
        return np.float32(min(greatest, max(least, float(np.median(np.abs(blocks - self._background))))))

    def _changed_of(
        self, background: NDArray[np.float32], blocks: NDArray[np.float32], tolerance: NDArray[np.float32] | float = 0.0
    ) -> NDArray[np.bool_]:
        changed: NDArray[np.bool_] = np.abs(blocks - background) > (
            _LEAST_CHANGE + _NOISE_FACTOR * self._noise + tolerance
        )
        return changed

    def _judge(self, blocks: NDArray[np.float32], before: NDArray[np.bool_], now_ns: int) -> bool:
        """Whether the changed blocks are motion; forgets those that are light."""
        count = int(np.count_nonzero(self._changed))
        explained = False
        lit = under_other_light(self._background, blocks)
        lighter = np.abs(lit - self._background)
        # What is masked is as black as before, however much of the picture it is.
        few = lighter[::2, ::2]
        if few.any() and np.median(few[few > 0.0]) > _LEAST_LIGHT:
            left = self._changed_of(lit, blocks, _LIGHT_TOLERANCE * lighter)
            # How bright the brightest really are cannot be told.
            left &= np.maximum(self._background, blocks) < _SATURATED
            explained = int(np.count_nonzero(left)) < _EXPLAINED * count
            if explained:
                self._background, self._changed = np.where(left, lit, blocks), left
        if not explained and count <= _JUMP_SHARE * self._changed.size:
            return holds_together(self._changed, before)
        goes_on = self._jumped_ns is not None and 0 <= now_ns - self._jumped_ns < _JUMP_S * 1e9
        self._jumped_ns = now_ns
        if goes_on and explained:
            return holds_together(self._changed, before)
        # Whatever moves will have moved on in the next picture.
        self._background = blocks
        self._changed = np.zeros_like(self._changed)
        return goes_on

    def _learn(self, blocks: NDArray[np.float32], step_s: float, *, watched: bool) -> None:
        difference = blocks - self._background
        if not watched:
            deviation = np.minimum(np.abs(difference), _MOST_NOISE)
            self._noise += (deviation - self._noise) * np.float32(step_s / _NOISE_S)
        rate = np.where(self._changed, np.float32(step_s / _CHANGED_S), np.float32(step_s / _CALM_S))
        self._background = self._background + difference * rate


def block_means(window: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The picture as blocks: means of the green channel, which is most of the brightness, 4 x 4 samples each.

    Returns:
        Grey levels of shape (rows, columns); at least one block of a picture of 4 x 4 pixels or more.
    """
    step = max(1, round(max(window.shape[:2]) / _SAMPLES))
    samples = window[::step, ::step, 1]
    height, width = (length // _SIDE * _SIDE for length in samples.shape)
    samples = samples[:height, :width]
    # Sums of slices: a fifth of the time of a mean over two axes.
    rows = samples[0::_SIDE].astype(np.uint16)
    for row in range(1, _SIDE):
        rows += samples[row::_SIDE]
    sums = rows[:, 0::_SIDE].astype(np.float32)
    for column in range(1, _SIDE):
        sums += rows[:, column::_SIDE]
    return sums * np.float32(1.0 / _SIDE**2)


def under_other_light(background: NDArray[np.float32], blocks: NDArray[np.float32]) -> NDArray[np.float32]:
    """The background as it would look in the light of `blocks`: times one gain and plus one offset for all.

    Both come from the medians of the darker and of the brighter half, so that what moves does not count.
    """
    # What is masked is black in any light.
    seen = (background > 1.0) | (blocks > 1.0)
    # Every other block in each direction says as much: the medians are most of the cost.
    few = seen[::2, ::2]
    was, now = background[::2, ::2][few], blocks[::2, ::2][few]
    if not was.size:
        return background
    bright = was > np.median(was)
    gain, offset = 1.0, float(np.median(now) - np.median(was))
    if bright.any() and not bright.all():
        dark_was, dark_now = float(np.median(was[~bright])), float(np.median(now[~bright]))
        bright_was, bright_now = float(np.median(was[bright])), float(np.median(now[bright]))
        if bright_was - dark_was > 2 * _LEAST_CHANGE:
            gain = min(5.0, max(0.2, (bright_now - dark_now) / (bright_was - dark_was)))
            offset = dark_now - gain * dark_was
    lit = (background * np.float32(gain) + np.float32(offset)).clip(0.0, 255.0)
    return np.where(seen, lit, background)


def holds_together(changed: NDArray[np.bool_], before: NDArray[np.bool_]) -> bool:
    """Whether three changed blocks touch, or two that also touch one of the picture before: snowflakes rarely do."""
    beside = np.zeros(changed.shape, np.uint8)
    beside[1:] += changed[:-1]
    beside[:-1] += changed[1:]
    beside[:, 1:] += changed[:, :-1]
    beside[:, :-1] += changed[:, 1:]
    if (changed & (beside > 1)).any():
        return True
    pairs = changed & (beside > 0)
    if not pairs.any() or not before.any():
        return False
    around = before.copy()
    around[1:] |= before[:-1]
    around[:-1] |= before[1:]
    sideways = around.copy()
    sideways[:, 1:] |= around[:, :-1]
    sideways[:, :-1] |= around[:, 1:]
    return bool((pairs & sideways).any())
