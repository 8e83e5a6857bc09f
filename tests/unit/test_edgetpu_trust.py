"""When an Edge TPU's answers count as those of its CPU twin."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from edgedet.workers.trust_child import farthest, probes

Values = NDArray[np.float32]
RANDOM = np.random.default_rng(0)
FIRST, SECOND = (RANDOM.normal(size=(1, 8, 400)).astype(np.float32) for _ in range(2))


def distance(first: Values, second: Values) -> float:
    return farthest(([first], [second]), ([FIRST], [SECOND]))


def test_the_same_answers_are_no_distance_apart() -> None:
    assert distance(FIRST, SECOND) == 0.0


def test_a_little_rounding_is_allowed() -> None:
    assert distance(FIRST + 0.05, SECOND - 0.05) < 0.1


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (np.zeros_like(FIRST), np.zeros_like(SECOND)),
        (np.full_like(FIRST, 7), np.full_like(SECOND, 7)),
        (FIRST[..., ::-1], SECOND[..., ::-1]),
        (np.zeros_like(FIRST), FIRST),
        (FIRST, FIRST),
        (SECOND, FIRST),
    ],
    ids=["zero", "constant", "permuted", "previous", "frozen", "swapped"],
)
def test_what_does_not_come_from_the_picture_is_far_off(first: Values, second: Values) -> None:
    assert distance(first, second) > 0.4


def test_no_number_is_never_near() -> None:
    assert distance(np.full_like(FIRST, np.nan), SECOND) == float("inf")


def test_one_wrong_tensor_among_right_ones_is_enough() -> None:
    far = farthest(([FIRST, np.zeros_like(FIRST)], [SECOND, np.zeros_like(FIRST)]), ([FIRST, FIRST], [SECOND, SECOND]))
    assert far > 0.4


def test_a_twin_that_always_answers_the_same_proves_nothing() -> None:
    assert farthest(([FIRST], [SECOND]), ([FIRST], [FIRST])) == 0.0


def test_the_two_pictures_differ_and_are_the_same_in_every_run() -> None:
    first, second = probes(48, 80)
    assert first.shape == (48, 80, 3)
    assert np.abs(first.astype(int) - second).mean() > 30
    assert np.array_equal(first, probes(48, 80)[0])
