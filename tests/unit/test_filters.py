from dataclasses import replace

import pytest

from edgedet.events.filters import Filters, LabelFilter
from edgedet.types import Box, Detection, FrameResult, FrameStamp, Inference

WHOLE = Box(0.0, 0.0, 1.0, 1.0)


def result(*found: Detection) -> FrameResult:
    return FrameResult(FrameStamp(0, 0, 0.0, 1600, 900), Inference("cpu", 0, 1, 0), found)


def seen(label: str, score: float, box: Box = WHOLE) -> Detection:
    return Detection(label, 0, score, box)


def test_a_label_s_own_threshold_stands_in_place_of_the_general_one() -> None:
    filters = Filters(0.5, {"cat": LabelFilter(min_score=0.3), "dog": LabelFilter(min_score=0.8)})
    found = (seen("cat", 0.4), seen("dog", 0.7), seen("car", 0.5), seen("car", 0.49))
    assert filters.accepted(result(*found)) == (found[0], found[2])
    assert filters.weakest == 0.3


def test_a_label_without_a_threshold_of_its_own_has_the_general_one() -> None:
    filters = Filters(0.5, {"person": LabelFilter()})
    assert filters.accepted(result(seen("person", 0.49))) == ()
    assert filters.weakest == 0.5


@pytest.mark.parametrize(("side", "accepted"), [(0.05, False), (0.1, True), (0.5, True), (0.6, False)])
def test_areas_are_shares_of_the_frame_and_limits_count_as_inside(side: float, accepted: bool) -> None:
    filters = Filters(0.0, {"car": LabelFilter(min_area=0.01, max_area=0.25)})
    assert bool(filters.accepted(result(seen("car", 0.9, Box(0.0, 0.0, side, side))))) is accepted


def test_the_ratio_is_that_of_pixels_not_of_fractions() -> None:
    square = Box(0.0, 0.0, 0.5, 0.5 * 1600 / 900)
    filters = Filters(0.0, {"car": LabelFilter(min_ratio=0.99, max_ratio=1.01)})
    assert filters.accepted(result(seen("car", 0.9, square)))
    assert not filters.accepted(result(seen("car", 0.9, Box(0.0, 0.0, 0.5, 0.5))))


def test_a_box_without_height_is_no_division_by_zero() -> None:
    filters = Filters(0.0, {"car": LabelFilter()})
    assert filters.accepted(result(seen("car", 0.9, Box(0.1, 0.5, 0.2, 0.5)))) == ()


def by_night(*found: Detection) -> FrameResult:
    by_day = result(*found)
    return replace(by_day, stamp=replace(by_day.stamp, night=True))


def test_by_night_the_night_s_threshold_holds() -> None:
    filters = Filters(0.5, night_min_score=0.3)
    assert not filters.accepted(result(seen("cat", 0.4)))
    assert filters.accepted(by_night(seen("cat", 0.4)))
    assert filters.weakest == 0.3


@pytest.mark.parametrize(
    ("limits", "general", "threshold"),
    [
        (LabelFilter(), None, 0.5),
        (LabelFilter(), 0.3, 0.3),
        (LabelFilter(min_score=0.8), 0.3, 0.8),
        (LabelFilter(min_score=0.8, night_min_score=0.4), 0.3, 0.4),
        (LabelFilter(night_min_score=0.4), None, 0.4),
    ],
)
def test_what_is_said_of_a_label_goes_before_what_is_general(
    limits: LabelFilter, general: float | None, threshold: float
) -> None:
    assert Filters(0.5, {"cat": limits}, general).threshold("cat", night=True) == threshold


def test_a_night_s_threshold_of_one_label_is_what_the_detector_must_let_through() -> None:
    assert Filters(0.5, {"cat": LabelFilter(min_score=0.8, night_min_score=0.2)}).weakest == 0.2


def test_one_score_for_all_stands_in_place_of_every_other_and_leaves_sizes_as_they_are() -> None:
    limits = {"cat": LabelFilter(min_score=0.8, night_min_score=0.9), "car": LabelFilter(min_score=0.8, max_area=0.25)}
    filters = Filters(0.5, limits, night_min_score=0.7).from_score(0.1)
    assert filters.weakest == 0.1
    found = result(seen("cat", 0.15), seen("dog", 0.15), seen("cat", 0.05))
    assert [each.label for each in filters.accepted(found)] == ["cat", "dog"]
    assert filters.accepted(by_night(seen("cat", 0.15)))
    assert not filters.accepted(result(seen("car", 0.9, Box(0.0, 0.0, 0.6, 0.6))))
