"""The filters: right after a while, in any rhythm of frames, and honest about what they do not know."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgedet.association.kalman import BoxFilters, Motion, centred, completed, in_picture

ROW = np.array([0])
SURE = np.array([1.0])
PLACE = np.array([[0.3, 0.5, 0.1, 0.2]])


def filters_of(boxes: np.ndarray) -> BoxFilters:
    filters = BoxFilters(Motion())
    filters.add(boxes)
    return filters


def variances(filters: BoxFilters) -> np.ndarray:
    return filters._state[2]


@pytest.mark.parametrize("rhythm", [[0.033], [0.33], [0.1, 0.7, 0.05]])
def test_an_even_motion_is_foretold_in_any_rhythm_of_frames(rhythm: list[float]) -> None:
    filters = filters_of(PLACE)
    at_s = 0.0
    for number in range(40):
        step = rhythm[number % len(rhythm)]
        at_s += step
        filters.predict(step)
        filters.correct(ROW, PLACE + np.array([0.02 * at_s, -0.01 * at_s, 0.0, 0.0]), SURE)
    filters.predict(0.5)
    at_s += 0.5
    assert filters.boxes[0] == pytest.approx([0.3 + 0.02 * at_s, 0.5 - 0.01 * at_s, 0.1, 0.2], abs=0.006)


@given(st.lists(st.floats(0.01, 1.0), min_size=1, max_size=6))
def test_time_may_pass_in_one_step_or_in_many(steps: list[float]) -> None:
    in_many, in_one = filters_of(PLACE), filters_of(PLACE)
    for filters in (in_many, in_one):
        filters.predict(0.1)
        filters.correct(ROW, PLACE + 0.01, SURE)
    # The size of a box sets the scale of its noise, so that only an unchanging size gives the very same.
    for filters in (in_many, in_one):
        filters._state[1, :, 2:] = 0.0
    for step in steps:
        in_many.predict(step)
    in_one.predict(sum(steps))
    assert in_many._state == pytest.approx(in_one._state, rel=1e-6, abs=1e-12)


def test_doubt_grows_while_nothing_is_seen_and_shrinks_when_something_is() -> None:
    filters = filters_of(PLACE)
    before = variances(filters).copy()
    filters.predict(0.5)
    unseen = variances(filters).copy()
    filters.correct(ROW, PLACE, SURE)
    assert (unseen > before).all()
    assert (variances(filters) < unseen).all()


def test_a_weak_detection_moves_a_box_less() -> None:
    moved = []
    for trust in (1.0, 0.25):
        filters = filters_of(PLACE)
        filters.predict(0.1)
        filters.correct(ROW, PLACE + 0.05, np.array([trust]))
        moved.append(filters.boxes[0, 0] - 0.3)
    assert 0.0 < moved[1] < moved[0]


def test_what_nobody_sees_for_long_comes_to_rest() -> None:
    filters = filters_of(PLACE)
    for _ in range(20):
        filters.predict(0.1)
        filters.correct(ROW, filters.boxes + np.array([0.02, 0.0, 0.0, 0.0]), SURE)
    filters.predict(60.0)
    there = filters.boxes[0, 0]
    filters.predict(60.0)
    assert filters.boxes[0, 0] == pytest.approx(there, abs=1e-3)


@given(st.floats(0.0, 1e9))
def test_no_step_is_too_long(seconds: float) -> None:
    filters = filters_of(np.array([[0.3, 0.5, 0.1, 0.2], [0.5, 0.5, 1e-4, 1e-4]]))
    filters.predict(0.1)
    filters.correct(np.array([0, 1]), filters.boxes * [[1.2, 0.9, 0.5, 0.5]], np.array([1.0, 1.0]))
    filters.predict(seconds)
    assert np.isfinite(filters._state).all()
    assert (variances(filters) > 0.0).all()
    assert (filters.boxes[:, 2:] > 0.0).all()


def test_boxes_are_corrected_each_on_its_own() -> None:
    filters = filters_of(np.repeat(PLACE, 3, axis=0))
    filters.predict(0.1)
    filters.correct(np.array([2, 0]), np.array([[0.4, 0.5, 0.1, 0.2], [0.2, 0.5, 0.1, 0.2]]), np.array([1.0, 1.0]))
    first, second, third = filters.boxes[:, 0]
    assert first < second == 0.3 < third


def test_only_the_boxes_that_are_kept_stay() -> None:
    filters = filters_of(np.array([[0.1, 0.1, 0.1, 0.1], [0.2, 0.2, 0.1, 0.1], [0.3, 0.3, 0.1, 0.1]]))
    filters.keep(np.array([0, 2]))
    assert len(filters) == 2
    assert filters.boxes[:, 0] == pytest.approx([0.1, 0.3])


def test_the_more_is_unknown_the_less_far_is_the_same_distance() -> None:
    filters = filters_of(PLACE)
    elsewhere = PLACE + np.array([0.05, 0.0, 0.0, 0.0])
    at_once = filters.distances(filters.boxes, elsewhere)[0, 0]
    filters.predict(1.0)
    assert filters.distances(filters.boxes, elsewhere)[0, 0] < at_once


def test_a_box_in_the_picture_keeps_its_corners() -> None:
    corners = np.array([[0.1, 0.2, 0.4, 0.9]])
    assert in_picture(centred(corners)) == pytest.approx(corners)


def test_a_box_is_cut_at_the_edge_of_the_picture() -> None:
    assert in_picture(np.array([[0.0, 1.0, 0.2, 0.4]])) == pytest.approx(np.array([[0.0, 0.8, 0.1, 1.0]]))


@pytest.mark.parametrize(
    ("corners", "whole"),
    [
        ([0.0, 0.4, 0.04, 0.6], [-0.01, 0.5, 0.1, 0.2]),
        ([0.95, 0.4, 1.0, 0.6], [1.0, 0.5, 0.1, 0.2]),
        ([0.5, 0.9, 0.6, 1.0], [0.55, 1.0, 0.1, 0.2]),
        # Nothing is cut off here, whatever its size.
        ([0.5, 0.4, 0.55, 0.6], [0.525, 0.5, 0.05, 0.2]),
        # Larger than was expected: there is nothing to add.
        ([0.0, 0.4, 0.15, 0.6], [0.075, 0.5, 0.15, 0.2]),
        # From edge to edge: nobody knows on which side the rest is.
        ([0.4, 0.0, 0.5, 1.0], [0.45, 0.5, 0.1, 1.0]),
    ],
)
def test_what_the_edge_cuts_off_is_added_beyond_it(corners: list[float], whole: list[float]) -> None:
    expected = np.array([[0.5, 0.5, 0.1, 0.2]])
    assert completed(np.array([corners]), expected)[0] == pytest.approx(whole)


def test_what_begins_anew_is_where_it_was_seen_and_may_go_anywhere() -> None:
    filters = filters_of(PLACE)
    for number in range(20):
        filters.predict(0.1)
        filters.correct(np.array([0]), PLACE + np.array([0.01 * number, 0.0, 0.0, 0.0]), np.ones(1))
    elsewhere = PLACE - np.array([0.1, 0.0, 0.0, 0.0])
    filters.restart(np.array([0]), elsewhere)
    assert filters.boxes == pytest.approx(elsewhere)
    filters.predict(0.5)
    assert filters.boxes == pytest.approx(elsewhere)
