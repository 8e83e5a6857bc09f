"""The letterbox and its inverse, for single boxes and for arrays of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgedet.geometry import Letterbox
from edgedet.models.decoders import Candidates, in_frame, to_frame
from edgedet.types import Box

SIDES = st.integers(1, 4096)
FRACTIONS = st.floats(0, 1)


@given(SIDES, SIDES, SIDES, SIDES)
def test_the_frame_lies_inside_the_view_and_touches_two_sides_of_it(w: int, h: int, view_w: int, view_h: int) -> None:
    fit = Letterbox.fit(w, h, view_w, view_h)
    right, bottom = view_w - fit.left - fit.inner_width, view_h - fit.top - fit.inner_height
    assert min(fit.left, fit.top, right, bottom) >= 0
    assert fit.inner_width == view_w or fit.inner_height == view_h
    assert right - fit.left in (0, 1)
    assert bottom - fit.top in (0, 1)


@given(SIDES, SIDES, SIDES, SIDES)
def test_the_shape_is_kept_to_the_pixel(w: int, h: int, view_w: int, view_h: int) -> None:
    fit = Letterbox.fit(w, h, view_w, view_h)
    scale = min(view_w / w, view_h / h)
    assert abs(fit.inner_width - w * scale) <= 0.5 or fit.inner_width == 1
    assert abs(fit.inner_height - h * scale) <= 0.5 or fit.inner_height == 1


@given(SIDES, SIDES, SIDES, SIDES, st.tuples(FRACTIONS, FRACTIONS, FRACTIONS, FRACTIONS))
def test_there_and_back_is_where_it_was(
    w: int, h: int, view_w: int, view_h: int, corners: tuple[float, float, float, float]
) -> None:
    fit = Letterbox.fit(w, h, view_w, view_h)
    back = fit.to_frame(fit.to_view(Box(*corners)))
    assert (back.x1, back.y1, back.x2, back.y2) == pytest.approx(corners, abs=1e-9)


@given(SIDES, SIDES, SIDES, SIDES, st.lists(st.tuples(*[st.floats(-0.5, 1.5, width=32)] * 4), min_size=1, max_size=5))
def test_arrays_of_boxes_go_where_single_boxes_go(
    w: int, h: int, view_w: int, view_h: int, corners: list[tuple[float, float, float, float]]
) -> None:
    fit = Letterbox.fit(w, h, view_w, view_h)
    moved = to_frame(np.array(corners, np.float32), fit)
    single = [fit.to_frame(Box(*one)) for one in corners]
    # Single precision, magnified where the frame is a sliver of the view.
    step = 1e-6 * max(view_w / fit.inner_width, view_h / fit.inner_height)
    assert moved == pytest.approx(np.array([(b.x1, b.y1, b.x2, b.y2) for b in single]), abs=step)


@given(st.integers(2, 4096), st.integers(2, 4096))
def test_a_box_over_the_whole_frame_stays_the_whole_frame(w: int, h: int) -> None:
    fit = Letterbox.fit(w, h, 320, 320)
    view = fit.to_view(Box(0, 0, 1, 1))
    moved = to_frame(np.array([[view.x1, view.y1, view.x2, view.y2]], np.float32), fit)
    assert moved[0] == pytest.approx([0, 0, 1, 1], abs=1e-5 * 320 / min(fit.inner_width, fit.inner_height))


def test_what_lies_in_the_padding_alone_is_dropped_with_its_score_and_class() -> None:
    fit = Letterbox.fit(640, 320, 320, 320)
    boxes = np.array([[0.1, 0.0, 0.3, 0.2], [0.1, 0.3, 0.3, 0.6]], np.float32)
    found = in_frame(Candidates(boxes, np.array([0.9, 0.8], np.float32), np.array([1, 2]), 3), fit)
    assert found.class_ids.tolist() == [2]
    assert found.scores == pytest.approx([0.8])
    assert found.boxes[0] == pytest.approx([0.1, 0.1, 0.3, 0.7])
    assert found.invalid == 3


@pytest.mark.parametrize("size", [(0, 10, 10, 10), (10, 10, 10, 0)])
def test_nothing_fits_into_nothing(size: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="cannot fit"):
        Letterbox.fit(*size)
