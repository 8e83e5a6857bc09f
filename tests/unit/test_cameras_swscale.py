from __future__ import annotations

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray
from PIL import Image

from clips import colourful, rgb_of_i420
from edgedet.cameras._swscale import Painter
from edgedet.types import PixelFormat

LAYOUTS = ["yuv420p", "yuvj420p", "nv12", "yuv422p", "yuvj422p", "yuyv422", "yuv444p", "yuv420p10le", "rgb24", "bgr24"]


def frame_of(
    picture: NDArray[np.uint8],
    layout: str,
    matrix: Colorspace = Colorspace.ITU601,
    colour_range: ColorRange = ColorRange.MPEG,
) -> av.VideoFrame:
    """A frame as a decoder gives it: in `layout`, and tagged with its matrix and range."""
    if "yuvj" in layout:
        colour_range = ColorRange.JPEG
    frame = VideoReformatter().reformat(
        av.VideoFrame.from_ndarray(picture, "rgb24"),
        format=layout,
        dst_colorspace=matrix,
        dst_color_range=colour_range,
        interpolation=Interpolation.BICUBIC,
        # With threads swscale does not always write ten-bit chroma the same.
        threads=1,
    )
    # FFmpeg numbers BT.601 differently in frames (SMPTE 170M, 6) and in its scaler (5).
    frame.colorspace = 6 if matrix == Colorspace.ITU601 else int(matrix)
    frame.color_range = int(colour_range)
    return frame


def shrunk(width: int, height: int, source_width: int = 200, source_height: int = 120) -> NDArray[np.int64]:
    picture = Image.fromarray(colourful(source_width, source_height))
    return np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR)).astype(int)


def detect_view(frame: av.VideoFrame, width: int, height: int, turns: int = 0) -> NDArray[np.uint8]:
    canvas = np.full((height + 8, width + 6, 3), 7, np.uint8)
    window = canvas[4:-4, 3:-3]
    Painter().draw_detect(frame, window, turns)
    outside = canvas.copy()
    outside[4:-4, 3:-3] = 7
    assert (outside == 7).all()
    return window


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("width", "height"), [(200, 120), (64, 38), (101, 61), (400, 240)])
def test_the_detect_view_has_the_colours_of_the_picture_in_every_layout(layout: str, width: int, height: int) -> None:
    difference = detect_view(frame_of(colourful(200, 120), layout), width, height) - shrunk(width, height)
    assert np.abs(difference).max() < 16
    assert np.abs(difference).mean() < 3.5


@pytest.mark.parametrize("layout", ["yuv420p", "nv12", "yuyv422", "yuv444p"])
@pytest.mark.parametrize("matrix", [Colorspace.ITU601, Colorspace.ITU709])
@pytest.mark.parametrize("colour_range", [ColorRange.MPEG, ColorRange.JPEG])
def test_matrix_and_range_of_the_frame_are_heeded(layout: str, matrix: Colorspace, colour_range: ColorRange) -> None:
    frame = frame_of(colourful(200, 120), layout, matrix, colour_range)
    assert np.abs(detect_view(frame, 100, 60) - shrunk(100, 60)).mean() < 3.5
    frame.colorspace = 1 if matrix == Colorspace.ITU601 else 6
    assert np.abs(detect_view(frame, 100, 60) - shrunk(100, 60)).mean() > 5
    frame = frame_of(colourful(200, 120), layout, matrix, colour_range)
    frame.color_range = int(ColorRange.MPEG if colour_range == ColorRange.JPEG else ColorRange.JPEG)
    assert np.abs(detect_view(frame, 100, 60) - shrunk(100, 60)).mean() > 5


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("width", "height"), [(200, 120), (101, 61), (98, 33)])
def test_the_full_view_is_tightly_packed_i420_in_limited_range(layout: str, width: int, height: int) -> None:
    # FFmpeg leaves the last row of packed 4:2:2 without colour where the height is odd; no device has such a height.
    height += height % 2 if layout == "yuyv422" else 0
    memory = np.full(width * height * 3, 3, np.uint8)
    assert Painter().draw_full(frame_of(colourful(width, height), layout), memory, 0) is PixelFormat.I420
    used = width * height + 2 * ((width + 1) // 2) * ((height + 1) // 2)
    assert (memory[used:] == 3).all()
    assert np.abs(rgb_of_i420(memory, width, height) - colourful(width, height)).mean() < 4


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_both_views_of_a_turned_frame_are_upright(turns: int) -> None:
    frame = frame_of(colourful(101, 61), "yuv420p")
    upright = np.rot90(colourful(101, 61), turns)
    height, width = upright.shape[:2]
    assert np.abs(detect_view(frame, width, height, turns) - upright.astype(int)).mean() < 3
    memory = np.zeros(width * height * 3, np.uint8)
    Painter().draw_full(frame, memory, turns)
    assert np.abs(rgb_of_i420(memory, width, height) - upright).mean() < 4


def test_one_painter_follows_a_source_that_changes_its_size_and_layout() -> None:
    painter = Painter()
    for width, height, layout in ((200, 120, "yuv420p"), (64, 48, "yuv444p"), (200, 120, "yuv420p")):
        window = np.zeros((30, 40, 3), np.uint8)
        painter.draw_detect(frame_of(colourful(width, height), layout), window, 0)
        assert np.abs(window - shrunk(40, 30, width, height)).mean() < 4


def test_drawing_leaves_the_frame_as_it_was() -> None:
    frame = frame_of(colourful(200, 120), "yuvj420p", Colorspace.ITU709)
    before = (frame.colorspace, frame.color_range, bytes(frame.planes[0]))
    painter = Painter()
    painter.draw_detect(frame, np.zeros((60, 100, 3), np.uint8), 0)
    painter.draw_full(frame, np.zeros(200 * 120 * 3, np.uint8), 0)
    assert (frame.colorspace, frame.color_range, bytes(frame.planes[0])) == before
