"""Non-maximum suppression keeps what the obvious double loop keeps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import slow_decoding
from edgedet.models.decoders.nms import suppress


def boxes_of(seed: int, count: int) -> np.ndarray:
    """Corners (count, 4) of boxes that crowd around a few places."""
    rng = np.random.default_rng(seed)
    places = rng.random((max(1, count // 6), 2))
    centres = places[rng.integers(0, len(places), count)] + rng.normal(0, 0.03, (count, 2))
    half = rng.uniform(0.02, 0.15, (count, 2))
    return np.concatenate((centres - half, centres + half), axis=1).astype(np.float32)


@settings(max_examples=50)
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(0, 150),
    classes=st.integers(1, 4),
    iou=st.floats(0.0, 1.0),
    most=st.integers(0, 160),
)
def test_any_crowd(seed: int, count: int, classes: int, iou: float, most: int) -> None:
    check(seed, count, classes, iou, most)


@pytest.mark.parametrize("count", [127, 128, 129, 256, 257, 400])
@pytest.mark.parametrize("most", [5, 300])
@settings(max_examples=5)
@given(seed=st.integers(0, 2**32 - 1))
def test_crowds_of_more_than_one_block(count: int, most: int, seed: int) -> None:
    check(seed, count, 3, 0.5, most)


def check(seed: int, count: int, classes: int, iou: float, most: int) -> None:
    boxes = boxes_of(seed, count)
    class_ids = np.random.default_rng(seed + 1).integers(0, classes, count)
    doubles = boxes.astype(float).tolist()
    expected = slow_decoding.suppress(doubles, class_ids.tolist(), iou, most)
    # An overlap that is the limit to the last bit may fall either way in single precision.
    tilted = [slow_decoding.suppress(doubles, class_ids.tolist(), iou + tilt, most) for tilt in (-1e-5, 1e-5)]
    assume(all(kept == expected for kept in tilted))
    assert suppress(np.ascontiguousarray(boxes.T), class_ids, iou, most).tolist() == expected


def test_the_same_box_twice_is_one_and_of_two_classes_two() -> None:
    twice = np.array([[0.1, 0.1, 0.5, 0.5]] * 2, np.float32).T.copy()
    assert suppress(twice, np.array([3, 3]), 0.7, 300).tolist() == [0]
    assert suppress(twice, np.array([3, 4]), 0.7, 300).tolist() == [0, 1]


def test_a_limit_of_one_drops_nothing() -> None:
    same = np.array([[0.1, 0.1, 0.5, 0.5]] * 200, np.float32).T.copy()
    assert suppress(same, np.zeros(200, np.intp), 1.0, 300).tolist() == list(range(200))
