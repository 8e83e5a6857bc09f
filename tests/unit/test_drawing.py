"""Boxes and labels in the picture."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from edgedet.outputs.drawing import annotate, colour_of, draw_detections, picture_of
from edgedet.types import Box, Detection, PixelFormat

RED_IN_BT601 = (81, 90, 240)


def i420(width: int, height: int, colour: tuple[int, int, int]) -> memoryview:
    chroma = ((width + 1) // 2) * ((height + 1) // 2)
    sizes = (width * height, chroma, chroma)
    return memoryview(b"".join(bytes([value]) * size for value, size in zip(colour, sizes, strict=True)))


@pytest.mark.parametrize(("width", "height"), [(64, 48), (33, 17), (641, 361), (2, 2), (1, 1)])
def test_a_full_view_in_i420_of_any_size_keeps_its_colour(width: int, height: int) -> None:
    picture = picture_of(i420(width, height, RED_IN_BT601), PixelFormat.I420, width, height)
    assert picture.size == (width, height)
    assert np.abs(np.asarray(picture).astype(int) - (254, 0, 0)).max() <= 3


def test_every_row_of_an_odd_i420_view_is_where_it_belongs() -> None:
    width, height = 101, 55
    luma = np.repeat(np.arange(16, 16 + height, dtype=np.uint8), width).reshape(height, width)
    full = memoryview(luma.tobytes() + bytes([128]) * (2 * 51 * 28))
    rows = np.asarray(picture_of(full, PixelFormat.I420, width, height)).astype(int)
    expected = (np.arange(height) * 255 / 219)[:, None, None]
    assert np.abs(rows - expected).max() <= 1.5


def test_rgb_is_taken_as_it_is_and_outlives_the_slot() -> None:
    slot = bytearray(np.arange(4 * 5 * 3, dtype=np.uint8).tobytes() + b"rest of the slot")
    picture = picture_of(memoryview(slot), PixelFormat.RGB24, 5, 4)
    slot[:] = bytes(len(slot))
    assert np.asarray(picture).tolist() == np.arange(60).reshape(4, 5, 3).tolist()


def test_a_view_that_is_too_short_is_refused() -> None:
    with pytest.raises(ValueError, match="ends before"):
        picture_of(memoryview(bytes(50)), PixelFormat.RGB24, 5, 4)
    with pytest.raises(ValueError, match="ends before"):
        picture_of(memoryview(bytes(50)), PixelFormat.I420, 8, 8)


def test_a_frame_without_a_full_view_says_so() -> None:
    with pytest.raises(ValueError, match="without its full view"):
        picture_of(memoryview(b""), PixelFormat.NONE, 5, 4)


def test_a_box_is_drawn_in_the_colour_of_its_class_where_it_is() -> None:
    found = Detection("person", 3, 0.9, Box(0.25, 0.5, 0.75, 0.9))
    picture = annotate(memoryview(bytes(320 * 240 * 3)), PixelFormat.RGB24, 320, 240, [found])
    assert picture.getpixel((80, 180)) == colour_of(3)
    assert picture.getpixel((160, 180)) == (0, 0, 0)


@pytest.mark.parametrize("size", [(40, 30), (320, 240), (1920, 1080)])
@pytest.mark.parametrize(
    "box", [(0.0, 0.0, 0.1, 0.1), (0.95, 0.0, 1.0, 1.0), (0.9, 0.97, 1.0, 1.0), (0.0, 0.0, 1.0, 1.0)]
)
def test_the_label_stays_inside_the_picture(size: tuple[int, int], box: tuple[float, ...]) -> None:
    picture = Image.new("RGB", size)
    draw_detections(picture, [Detection("cat", 1, 0.5, Box(*box))])
    colour = np.array(colour_of(1))
    ground = (np.asarray(picture) == colour).all(axis=2)
    # A ground of the class's colour, wider than the outline alone, lies somewhere in the picture.
    assert ground.sum() > 40


def test_the_strongest_detection_lies_on_top() -> None:
    same = Box(0.2, 0.2, 0.8, 0.8)
    picture = Image.new("RGB", (200, 200))
    draw_detections(picture, [Detection("a", 0, 0.9, same), Detection("a", 1, 0.3, same)])
    assert picture.getpixel((40, 100)) == colour_of(0)


def test_classes_next_to_each_other_do_not_look_alike() -> None:
    colours = [np.array(colour_of(number)) for number in range(12)]
    nearest = min(np.abs(a - b).sum() for i, a in enumerate(colours) for b in colours[:i])
    assert nearest > 40
