import numpy as np
import pytest

from edgedet.types import PixelFormat
from edgedet.workers.masks import Masks, rasterise

LEFT_HALF = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))


def test_a_mask_covers_the_pixels_whose_centres_are_inside() -> None:
    covered = rasterise([LEFT_HALF], 10, 4)
    assert covered[:, :5].all()
    assert not covered[:, 5:].any()


def test_two_masks_cover_what_either_covers_where_they_overlap_too() -> None:
    covered = rasterise([LEFT_HALF, ((0.25, 0.0), (0.75, 0.0), (0.75, 1.0), (0.25, 1.0))], 8, 8)
    assert covered[:, :6].all()
    assert not covered[:, 6:].any()


def test_a_triangle_covers_half_of_its_rectangle() -> None:
    assert rasterise([((0, 0), (1, 0), (0, 1))], 100, 100).mean() == pytest.approx(0.5, abs=0.01)


def test_the_detect_view_is_black_under_a_mask_and_untouched_beside_it() -> None:
    canvas = np.full((12, 10, 3), 200, np.uint8)
    window = canvas[2:10]
    Masks([LEFT_HALF]).black_out(window)
    assert (window[:, :5] == 0).all()
    assert (window[:, 5:] == 200).all()
    assert (canvas[:2] == 200).all()


@pytest.mark.parametrize(("width", "height"), [(8, 6), (7, 5)])
def test_no_colour_of_the_full_view_survives_under_a_mask(width: int, height: int) -> None:
    luma, chroma = width * height, ((width + 1) // 2) * ((height + 1) // 2)
    memory = np.full(width * height * 3, 77, np.uint8)
    Masks([((0, 0), (1, 0), (1, 1), (0, 1))]).black_out_full(memory, width, height, PixelFormat.I420)
    assert (memory[:luma] == 16).all()
    assert (memory[luma : luma + 2 * chroma] == 128).all()
    assert (memory[luma + 2 * chroma :] == 77).all()


def test_without_masks_nothing_is_touched() -> None:
    memory = np.full(300, 9, np.uint8)
    Masks([]).black_out_full(memory, 10, 10, PixelFormat.RGB24)
    assert (memory == 9).all()
