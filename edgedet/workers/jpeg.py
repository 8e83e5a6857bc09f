"""A frame's full view as a JPEG: whole or the part around an object, with the object's outline where that is wanted.

What the camera gives in YUV is encoded from its planes: no colour is computed for a picture's sake. A camera's YUV is
BT.601 in limited range (see `_planes` and `_swscale`) and a JPEG's is BT.601 in full range, so each plane goes through
a table of 256 entries. Sources in BT.709, which most HD streams are, keep their own matrix in the full view: their
colours come out a little off, greens a touch yellower; the box detector never sees these planes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from edgedet.types import Box, PixelFormat
from edgedet.workers.pictures import PictureOrder, PictureRequest

if TYPE_CHECKING:
    from types import ModuleType

    from numpy.typing import NDArray

    Plane = NDArray[np.uint8]

SMALLEST_CROP = 160
"""Pixels, each side: less tells nobody what it shows."""
CROP_MARGIN = 0.15
"""Of the box's longer side, on each side of it."""


class NoEncoder(RuntimeError):
    """This interpreter has no simplejpeg."""


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a picture, in pixels: `right` and `bottom` are the first that do not belong to it."""

    left: int
    top: int
    right: int
    bottom: int


def encode(memory: Plane, request: PictureRequest) -> bytes:
    """The JPEG of the full view at the start of flat `memory`, which is only read.

    Raises:
        NoEncoder: see there.
        ValueError: there is no full view.
    """
    simplejpeg = _simplejpeg()
    order, width, height = request.order, request.width, request.height
    window, factor = _shrunk(_window(order, width, height), order.widest)
    outline = _outline(order, window, width, height, factor)
    if request.pixel_format is PixelFormat.RGB24:
        pixels = memory[: width * height * 3].reshape(height, width, 3)
        picture = _smaller(pixels[window.top : window.bottom, window.left : window.right], factor)
        if outline is not None:
            _frame(picture, outline, _BLACK_RGB, _BRIGHT_RGB)
        return cast("bytes", simplejpeg.encode_jpeg(picture, order.quality, "RGB", "420"))
    if request.pixel_format is not PixelFormat.I420:
        raise ValueError("this frame has no full view")
    planes = []
    start = 0
    for index in range(3):
        columns, rows = (width, height) if index == 0 else ((width + 1) // 2, (height + 1) // 2)
        plane = memory[start : start + rows * columns].reshape(rows, columns)
        start += rows * columns
        part = _part(plane, window, 1 if index == 0 else 2)
        planes.append((_FULL_LUMA if index == 0 else _FULL_CHROMA).take(_smaller(part, factor)))
    if outline is not None:
        _frame(planes[0], outline, _BLACK_YUV[0], _BRIGHT_YUV[0])
        halved = Window(outline.left // 2, outline.top // 2, (outline.right + 1) // 2, (outline.bottom + 1) // 2)
        for plane, dark, bright in zip(planes[1:], _BLACK_YUV[1:], _BRIGHT_YUV[1:], strict=True):
            _frame(plane, halved, dark, bright, share=2)
    if hasattr(simplejpeg, "encode_jpeg_yuv_planes"):
        return cast("bytes", simplejpeg.encode_jpeg_yuv_planes(*planes, order.quality))
    # Before 1.8 it takes no planes, and a distribution may have it so.
    return cast("bytes", simplejpeg.encode_jpeg(_rgb(*planes), order.quality, "RGB", "420"))


def _simplejpeg() -> ModuleType:
    try:
        import simplejpeg
    except ImportError as error:
        raise NoEncoder(f"this camera's Python has no simplejpeg ({error})") from error
    return cast("ModuleType", simplejpeg)


def _window(order: PictureOrder, width: int, height: int) -> Window:
    """The part of the frame that is kept; even corners, so that the chroma's samples are whole."""
    if order.box is None or not order.crop:
        return Window(0, 0, width, height)
    left, top, right, bottom = _pixels(order.box, width, height)
    margin = round(max(right - left, bottom - top) * CROP_MARGIN)
    left, right = _stretched(left - margin, right + margin, width)
    top, bottom = _stretched(top - margin, bottom + margin, height)
    return Window(left, top, right, bottom)


def _shrunk(window: Window, widest: int) -> tuple[Window, int]:
    """By which factor the window is made smaller, and the window without what that leaves over at its far sides."""
    width, height = window.right - window.left, window.bottom - window.top
    factor = max(1, min(-(-width // widest), height // 2))
    # A sample of chroma stands for two pixels each way; and of an odd row libjpeg-turbo encodes half a row of noise.
    block = 2 * factor
    right = window.left + max(width // block * block, 1)
    bottom = window.top + max(height // block * block, 1)
    return Window(window.left, window.top, right, bottom), factor


def _stretched(start: int, end: int, size: int) -> tuple[int, int]:
    """At least `SMALLEST_CROP` long, moved into [0, size), beginning even and ending even or at the picture's end."""
    lacking = max(0, SMALLEST_CROP - (end - start))
    start, end = start - lacking // 2, end + (lacking + 1) // 2
    if start < 0:
        start, end = 0, end - start
    if end > size:
        start, end = max(0, start - (end - size)), size
    return start // 2 * 2, min(size, (end + 1) // 2 * 2)


def _pixels(box: Box, width: int, height: int) -> tuple[int, int, int, int]:
    """A box in pixels, within the picture whatever it was: a filter may have moved it beyond the edge."""
    left, right = sorted(min(max(round(side * width), 0), width) for side in (box.x1, box.x2))
    top, bottom = sorted(min(max(round(side * height), 0), height) for side in (box.y1, box.y2))
    return left, top, right, bottom


def _outline(order: PictureOrder, window: Window, width: int, height: int, factor: int) -> Window | None:
    """Where the box lies in the picture that comes out; None where none is drawn."""
    if order.box is None or not order.draw:
        return None
    left, top, right, bottom = _pixels(order.box, width, height)
    return Window(
        (left - window.left) // factor,
        (top - window.top) // factor,
        -(-(right - window.left) // factor),
        -(-(bottom - window.top) // factor),
    )


def _part(plane: Plane, window: Window, share: int) -> Plane:
    return plane[
        window.top // share : -(-window.bottom // share),
        window.left // share : -(-window.right // share),
    ]


def _smaller(plane: Plane, factor: int) -> Plane:
    """A copy, `factor` times smaller each way: every pixel the mean of those it stands for."""
    if factor == 1:
        return plane.copy()
    rows, columns = plane.shape[0] // factor, plane.shape[1] // factor
    # One addition for each pixel of a block: numpy's own sum over two axes of blocks takes eight times as long.
    sums = np.full((rows, columns, *plane.shape[2:]), factor * factor // 2, np.uint32)
    for down in range(factor):
        for right in range(factor):
            sums += plane[down : rows * factor : factor, right : columns * factor : factor]
    sums //= factor * factor
    means: Plane = sums.astype(np.uint8)
    return means


def _frame(picture: Plane, outline: Window, dark: _Colour, bright: _Colour, share: int = 1) -> None:
    """Draw a bright outline with a dark one around it, so that it shows on any ground; `share` is 2 for chroma."""
    height, width = picture.shape[:2]
    thick = max(1, round(max(2, min(height, width) * share / 240) / share))
    for inset, colour in ((-1, dark), (0, bright)):
        left, top = max(0, outline.left + inset), max(0, outline.top + inset)
        right, bottom = min(width, outline.right - inset), min(height, outline.bottom - inset)
        line = thick - 2 * inset if colour is dark else thick
        picture[top : top + line, left:right] = colour
        picture[max(top, bottom - line) : bottom, left:right] = colour
        picture[top:bottom, left : left + line] = colour
        picture[top:bottom, max(left, right - line) : right] = colour


def _rgb(luma: Plane, u: Plane, v: Plane) -> Plane:
    """A JPEG's planes (BT.601, full range) as RGB of shape (height, width, 3)."""
    height, width = luma.shape
    red, blue = v.astype(np.int32) - 128, u.astype(np.int32) - 128
    offsets = (91881 * red, -22554 * blue - 46802 * red, 116130 * blue)
    picture = np.empty((height, width, 3), np.uint8)
    for channel, offset in enumerate(offsets):
        wide = ((offset + 32768) >> 16).repeat(2, axis=0)[:height].repeat(2, axis=1)[:, :width]
        picture[..., channel] = np.clip(luma + wide, 0, 255)
    return picture


_Colour = int | tuple[int, int, int]
_BLACK_RGB, _BRIGHT_RGB = (0, 0, 0), (0, 255, 0)
_BLACK_YUV, _BRIGHT_YUV = (0, 128, 128), (150, 44, 21)
"""The same two in a JPEG's Y, Cb and Cr."""


def _table(factor: float, middle: int, out: int) -> NDArray[np.uint8]:
    levels: NDArray[np.uint8] = np.clip(np.rint((np.arange(256) - middle) * factor + out), 0, 255).astype(np.uint8)
    return levels


_FULL_LUMA = _table(255 / 219, 16, 0)
_FULL_CHROMA = _table(255 / 224, 128, 128)
