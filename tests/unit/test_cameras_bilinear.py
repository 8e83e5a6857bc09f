from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgedet.cameras._bilinear import scale

SIDES = st.integers(1, 90)


def slowly(picture: NDArray[np.uint8], height: int, width: int) -> NDArray[np.float64]:
    """The rule in words: the centre of each pixel, brought into the source, weighs its four neighbours."""
    source_height, source_width, _ = picture.shape
    result = np.empty((height, width, 3))
    for row in range(height):
        y = min(max((row + 0.5) * source_height / height - 0.5, 0), source_height - 1)
        top, bottom = int(y), min(int(y) + 1, source_height - 1)
        for column in range(width):
            x = min(max((column + 0.5) * source_width / width - 0.5, 0), source_width - 1)
            left, right = int(x), min(int(x) + 1, source_width - 1)
            upper = picture[top, left] * (1 - (x - left)) + picture[top, right] * (x - left)
            lower = picture[bottom, left] * (1 - (x - left)) + picture[bottom, right] * (x - left)
            result[row, column] = upper * (1 - (y - top)) + lower * (y - top)
    return result


@given(SIDES, SIDES, SIDES, SIDES, st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_scaling_follows_the_rule_to_within_a_level(
    source_height: int, source_width: int, height: int, width: int, seed: int
) -> None:
    picture = np.random.default_rng(seed).integers(0, 256, (source_height, source_width, 3), np.uint8)
    window = np.empty((height, width, 3), np.uint8)
    scale(picture, window)
    assert np.abs(window - slowly(picture, height, width)).max() <= 1.01


@given(SIDES, SIDES, st.integers(0, 255))
@settings(max_examples=40, deadline=None)
def test_one_colour_stays_that_colour(height: int, width: int, level: int) -> None:
    window = np.empty((height, width, 3), np.uint8)
    scale(np.full((37, 53, 3), level, np.uint8), window)
    assert (window == level).all()


def test_only_the_window_is_written() -> None:
    canvas = np.full((50, 60, 3), 114, np.uint8)
    scale(np.zeros((33, 21, 3), np.uint8), canvas[5:45, 10:50])
    assert (canvas[5:45, 10:50] == 0).all()
    canvas[5:45, 10:50] = 114
    assert (canvas == 114).all()


def test_the_same_size_is_a_copy() -> None:
    picture = np.random.default_rng(1).integers(0, 256, (40, 30, 3), np.uint8)
    window = np.empty_like(picture)
    scale(picture, window)
    assert np.array_equal(window, picture)
