"""Detections drawn into the picture: what `--save`, `--show` and the demo look at.

Needs Pillow and PyAV and is imported only when somebody looks: nothing of it is in the daemon's path.
"""

from __future__ import annotations

import colorsys
from functools import lru_cache
from typing import TYPE_CHECKING, cast

import numpy as np
from av.video.frame import VideoFrame
from PIL import Image, ImageDraw, ImageFont

from edgedet.types import PixelFormat

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed import ReadableBuffer
    from numpy.typing import NDArray

    from edgedet.types import Box, Detection

Colour = tuple[int, int, int]

_GOLDEN = 0.618_033_988_75
"""Hues that are this far apart stay far apart, however many classes there are."""
_SMALLEST_TEXT = 10
_LARGEST_TEXT = 48


def picture_of(full: memoryview, pixel_format: PixelFormat, width: int, height: int) -> Image.Image:
    """The full view of a frame as an RGB picture of its own, valid after the frame was released.

    I420 is limited range in BT.601, as the camera workers write it.

    Raises:
        ValueError: there is no full view, or it is shorter than its size says.
    """
    if pixel_format is PixelFormat.RGB24:
        pixels = _samples(full, 0, (height, width * 3)).reshape(height, width, 3)
        return Image.fromarray(pixels.copy())
    if pixel_format is PixelFormat.I420:
        return _from_i420(full, width, height)
    raise ValueError("this frame came without its full view")


def annotate(
    full: memoryview, pixel_format: PixelFormat, width: int, height: int, detections: Iterable[Detection]
) -> Image.Image:
    """The full view of a frame with every detection drawn into it; see `picture_of`."""
    picture = picture_of(full, pixel_format, width, height)
    draw_detections(picture, detections)
    return picture


def draw_detections(picture: Image.Image, detections: Iterable[Detection]) -> None:
    """Draw boxes with label and score into an RGB picture. Its size decides how thick and how large.

    Stronger ones lie on top; no text leaves the picture.
    """
    draw = ImageDraw.Draw(picture)
    line = max(1, round(min(picture.size) / 240))
    font = _font(_text_size(picture.size))
    for found in reversed(tuple(detections)):
        colour = colour_of(found.class_id)
        corners = _pixels(found.box, picture.size)
        draw.rectangle(corners, outline=colour, width=line)
        _draw_text(draw, f"{found.label} {found.score:.2f}", corners, colour, font, picture.size)


def colour_of(class_id: int) -> Colour:
    """A bright colour of this class, the same in every picture and every run."""
    red, green, blue = colorsys.hsv_to_rgb((0.02 + class_id * _GOLDEN) % 1.0, 0.75, 1.0)
    return round(red * 255), round(green * 255), round(blue * 255)


def _draw_text(
    draw: ImageDraw.ImageDraw,
    text: str,
    corners: tuple[int, int, int, int],
    colour: Colour,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    size: tuple[int, int],
) -> None:
    """A label on a ground of the box's colour: above the box where there is room, else inside it."""
    left, top, right, bottom = draw.textbbox((0, 0), text, font=font)
    margin = max(1, round((bottom - top) / 5))
    width, height = round(right - left) + 2 * margin, round(bottom - top) + 2 * margin
    x = max(0, min(corners[0], size[0] - width))
    y = corners[1] - height
    if y < 0:
        y = max(0, min(corners[1], size[1] - height))
    draw.rectangle((x, y, x + width - 1, y + height - 1), fill=colour)
    # Luma by BT.601: black on bright colours, white on dark ones.
    bright = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2] > 130
    draw.text((x + margin - left, y + margin - top), text, fill=(0, 0, 0) if bright else (255, 255, 255), font=font)


def _pixels(box: Box, size: tuple[int, int]) -> tuple[int, int, int, int]:
    width, height = size
    x1, y1 = min(width - 1, int(box.x1 * width)), min(height - 1, int(box.y1 * height))
    return x1, y1, max(x1, min(width - 1, round(box.x2 * width))), max(y1, min(height - 1, round(box.y2 * height)))


def _text_size(size: tuple[int, int]) -> int:
    return max(_SMALLEST_TEXT, min(_LARGEST_TEXT, round(min(size) / 28)))


@lru_cache(maxsize=8)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _from_i420(full: memoryview, width: int, height: int) -> Image.Image:
    frame = VideoFrame(width, height, "yuv420p")
    at = 0
    for index, plane in enumerate(frame.planes):
        rows, columns = (height, width) if index == 0 else ((height + 1) // 2, (width + 1) // 2)
        # FFmpeg pads its rows, and for odd sizes one column of chroma may be beyond what the plane calls its width.
        target = np.frombuffer(memoryview(cast("ReadableBuffer", plane)), np.uint8).reshape(-1, plane.line_size)
        target[:rows, :columns] = _samples(full, at, (rows, columns))
        at += rows * columns
    rgb = frame.reformat(format="rgb24", src_colorspace="ITU601", dst_colorspace="ITU601")
    return Image.fromarray(rgb.to_ndarray())


def _samples(full: memoryview, at: int, shape: tuple[int, int]) -> NDArray[np.uint8]:
    count = shape[0] * shape[1]
    if len(full) < at + count:
        raise ValueError(f"a full view of {len(full)} bytes ends before byte {at + count}")
    return np.frombuffer(full, np.uint8, count, at).reshape(shape)
