"""Where boxes are and where they are going: a Kalman filter for many boxes at once, in seconds and never in frames.

Centre and size of a box are four numbers that are measured and move independently of each other, so that the filter
falls into four small ones with two by two covariances, written out below: no matrix is ever inverted, and every step
is a handful of numpy calls for all boxes together.

The speed of each number is a Gauss-Markov process: constant but for random pushes, and forgotten with time. What
nobody sees for seconds slows down instead of shooting out of the picture. See Bar-Shalom, Li and Kirubarajan,
"Estimation with Applications to Tracking and Navigation", sections 6.2 and 8.2 (Singer), for the closed forms.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_EDGE = 0.015
"""A box that ends nearer to the picture's edge goes on beyond it: five pixels of a 320 pixel view. Detectors tend to
stop a few pixels short, and one frame in which a leaving car seems whole would turn it round."""
_LEAST_SIDE = 1e-3
_LEAST_SCALE = 0.01


@dataclass(frozen=True, slots=True)
class Motion:
    """How things move and how well a detector sees them. Lengths are in sizes of the box itself, √(width x height)."""

    place_noise: float = 0.06
    """Standard deviation of a detected centre."""
    size_noise: float = 0.1
    """Standard deviation of a detected width or height."""
    first_speed: float = 1.6
    """Standard deviation of the speed of something that was seen once, sizes a second."""
    first_growth: float = 0.8
    """The same for width and height."""
    pose: float = 0.25
    """Standard deviation of width and height from one frame to the next for other reasons: limbs, and what hides them.
    In widths and heights."""
    place_push: float = 1.2
    """How speeds change: sizes a second, after one second."""
    size_push: float = 0.5
    """The same for width and height."""
    speed_memory_s: float = 5.0
    """Time after which a speed has faded to 37 %, seconds."""
    rest_memory_s: float = 2.0
    """What has stayed where it was for some of these seconds is expected to stay, and pushed less."""
    rest_push: float = 0.15
    """How much less: a share of `place_push`."""
    growth_memory_s: float = 0.5
    """The same for width and height."""


class BoxFilters:
    """The filters of all boxes, one row each: centre x and y, width and height, in fractions of the frame."""

    def __init__(self, motion: Motion) -> None:
        self._motion = motion
        # Place, speed, variance of the place, covariance of both, variance of the speed.
        self._state: Floats = np.empty((5, 0, 4))
        # Where a box has been lately (x, y), how much it has moved about there in [0, 1], seconds since it was seen.
        self._stay: Floats = np.empty((0, 4))
        self._noise = np.array([motion.place_noise, motion.place_noise, motion.size_noise, motion.size_noise]) ** 2
        self._pushes = np.array([motion.place_push, motion.place_push, motion.size_push, motion.size_push]) ** 2
        self._first = np.array([motion.first_speed, motion.first_speed, motion.first_growth, motion.first_growth]) ** 2

    def __len__(self) -> int:
        return int(self._state.shape[1])

    @property
    def boxes(self) -> Floats:
        """Where they are: shape (n, 4), centre x, centre y, width, height."""
        boxes: Floats = self._state[0]
        return boxes

    def distances(self, expected: Floats, measured: Floats) -> Floats:
        """How unlikely it is that what was measured is what was expected: squared Mahalanobis distances.

        Args:
            expected: shape (n, 4), for each row of `boxes` what of it can be seen.
            measured: shape (m, 4).

        Returns:
            Shape (n, m), without a unit, at least 0.
        """
        boxes = self._state[0]
        variance = self._state[2] + self._noise * _squared_scale(boxes)
        variance[:, 2:] += (self._motion.pose * boxes[:, 2:]) ** 2
        apart = expected[:, None, :] - measured
        distances: Floats = np.einsum("ijk,ik->ij", apart * apart, 1.0 / variance)
        return distances

    def predict(self, seconds: float) -> None:
        """Move everything on by that time, at least 0."""
        if seconds <= 0.0 or not len(self):
            return
        place, speed, place_variance, covariance, speed_variance = self._state
        moved, kept, pushed_place, pushed_both, pushed_speed = (
            np.array([of_place, of_place, of_size, of_size])
            for of_place, of_size in zip(
                _passage(seconds, self._motion.speed_memory_s),
                _passage(seconds, self._motion.growth_memory_s),
                strict=True,
            )
        )
        pushes = self._pushes * _squared_scale(place)
        pushes[:, :2] *= np.maximum(self._motion.rest_push, self._stay[:, 2:3]) ** 2
        self._stay[:, 3] += seconds
        place += moved * speed
        np.maximum(place[:, 2:], _LEAST_SIDE, out=place[:, 2:])
        speed *= kept
        place_variance += moved * (2.0 * covariance + moved * speed_variance) + pushes * pushed_place
        covariance += moved * speed_variance
        covariance *= kept
        covariance += pushes * pushed_both
        speed_variance *= kept * kept
        speed_variance += pushes * pushed_speed

    def correct(self, rows: NDArray[np.intp], measured: Floats, trust: Floats) -> None:
        """Take in what was seen.

        Args:
            rows: which boxes, each once.
            measured: shape (rows, 4), as `boxes`.
            trust: shape (rows,); 1.0 for a detection that is as good as usual, less for a worse one.
        """
        place, speed, place_variance, covariance, speed_variance = self._state[:, rows]
        scale = _squared_scale(place)
        self._watch_rest(rows, measured, scale[:, 0])
        noise = self._noise * scale / trust[:, None]
        total = place_variance + noise
        gain, speed_gain = place_variance / total, covariance / total
        missed = measured - place
        unexplained = 1.0 - gain
        self._state[:, rows] = (
            place + gain * missed,
            speed + speed_gain * missed,
            place_variance * unexplained,
            covariance * unexplained,
            speed_variance - speed_gain * covariance,
        )

    def _watch_rest(self, rows: NDArray[np.intp], measured: Floats, scale: Floats) -> None:
        lately, restless, seconds = self._stay[rows, :2], self._stay[rows, 2], self._stay[rows, 3]
        away = measured[:, :2] - lately
        moved = np.sqrt((away * away).sum(axis=1) / scale)
        share = 1.0 - np.exp(-seconds / self._motion.rest_memory_s)
        # A tenth of its size is what a box trembles; it is up at once and takes its time to settle.
        now = np.clip((moved - 0.1) / 0.3, 0.0, 1.0)
        self._stay[rows, :2] = lately + share[:, None] * away
        self._stay[rows, 2] = np.maximum(now, restless + share * (now - restless))
        self._stay[rows, 3] = 0.0

    def add(self, measured: Floats) -> None:
        """New boxes at the end, shape (n, 4), of which nothing else is known."""
        state, stay = self._beginning(measured)
        self._state = np.concatenate((self._state, state), axis=1)
        self._stay = np.concatenate((self._stay, stay))

    def restart(self, rows: NDArray[np.intp], measured: Floats) -> None:
        """Take these boxes for where they were seen, and forget how they came there; shapes as for `correct`."""
        self._state[:, rows], self._stay[rows] = self._beginning(measured)

    def _beginning(self, measured: Floats) -> tuple[Floats, Floats]:
        scale = _squared_scale(measured)
        state = np.zeros((5, *measured.shape))
        state[0] = measured
        state[2] = self._noise * scale
        state[4] = self._first * scale
        stay = np.zeros((len(measured), 4))
        stay[:, :2] = measured[:, :2]
        stay[:, 2] = 1.0
        return state, stay

    def keep(self, rows: NDArray[np.intp]) -> None:
        """Forget all others."""
        self._state = self._state[:, rows]
        self._stay = self._stay[rows]


def _squared_scale(boxes: Floats) -> Floats:
    area = boxes[:, 2:3] * boxes[:, 3:4]
    return np.maximum(area, _LEAST_SCALE**2)


def _passage(seconds: float, memory_s: float) -> tuple[float, float, float, float, float]:
    """What passing time does: way per speed, share of the speed that is left, and the variances of one unit push."""
    kept = math.exp(-seconds / memory_s)
    faded = 1.0 - kept
    moved = memory_s * faded
    pushed_place = max(0.0, memory_s**2 * (seconds - moved - 0.5 * memory_s * faded**2))
    return moved, kept, pushed_place, 0.5 * moved**2, 0.5 * memory_s * (1.0 - kept**2)


def in_picture(boxes: Floats) -> Floats:
    """Corners of what is in the picture of boxes given by centre and size; both of shape (n, 4)."""
    half = 0.5 * boxes[:, 2:]
    corners: Floats = np.concatenate((boxes[:, :2] - half, boxes[:, :2] + half), axis=1)
    # Twice as fast as `np.clip` on thirty boxes.
    np.maximum(corners, 0.0, out=corners)
    np.minimum(corners, 1.0, out=corners)
    return corners


def centred(corners: Floats) -> Floats:
    """Centre and size of boxes given by their corners; both of shape (n, 4)."""
    low, high = corners[:, :2], corners[:, 2:]
    return np.concatenate((0.5 * (low + high), high - low), axis=1)


def completed(corners: Floats, expected: Floats) -> Floats:
    """Centre and size of what was seen, with what the picture's edge cuts off as far as the expected size tells.

    Otherwise who walks out would seem to shrink and to slow down, and would be expected back.

    Args:
        corners: what was seen, shape (n, 4).
        expected: `BoxFilters.boxes` of the same objects, shape (n, 4).
    """
    measured = centred(corners)
    low, high = corners[:, :2] <= _EDGE, corners[:, 2:] >= 1.0 - _EDGE
    hidden = np.where(low != high, np.maximum(0.0, expected[:, 2:] - measured[:, 2:]), 0.0)
    measured[:, 2:] += hidden
    measured[:, :2] += np.where(low, -0.5, 0.5) * hidden
    return measured


def overlaps(boxes: Floats, others: Floats) -> Floats:
    """Intersection over union of each with each, in [0, 1]: corners of shape (n, 4) and (m, 4) give (n, m)."""
    left, top, right, bottom = boxes.T[:, :, None]
    left_, top_, right_, bottom_ = others.T
    width = np.minimum(right, right_) - np.maximum(left, left_)
    height = np.minimum(bottom, bottom_) - np.maximum(top, top_)
    shared = np.maximum(width, 0.0) * np.maximum(height, 0.0)
    whole = (right - left) * (bottom - top) + (right_ - left_) * (bottom_ - top_) - shared
    shares: Floats = shared / np.maximum(whole, 1e-12)
    return shares
