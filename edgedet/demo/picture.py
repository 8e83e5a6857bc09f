"""What the detector was shown, small enough for a terminal, with what was found and what was missed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgedet.demo.cells import Grid, Ink
from edgedet.geometry import Letterbox
from edgedet.outputs.drawing import colour_of
from edgedet.types import Box, Detection, ViewSize

_MISSED = (255, 255, 255)
_BLACK = 0
_DIMMED = 0.45
"""Brightness of a picture that is not current."""


@dataclass(frozen=True, slots=True)
class View:
    """One frame as the detector got it."""

    pixels: bytes
    """RGB of the detect view, height x width x 3."""
    size: ViewSize
    """Of the detect view."""
    frame: ViewSize
    """Of the full frame, which lies in the view as a letterbox."""
    detections: tuple[Detection, ...]
    missed: tuple[Box, ...] = ()
    """What the scene knows to be there and was not found."""
    false: tuple[int, ...] = ()
    """Which of `detections` the scene knows nothing of."""


def paint(grid: Grid, view: View, row: int, column: int, columns: int, rows: int, *, current: bool) -> None:
    """Draw the view as large as it fits into that part of the grid, centred; one that is not `current` is dim."""
    letterbox = Letterbox.fit(view.frame.width, view.frame.height, view.size.width, view.size.height)
    width, height = _fit(view.frame, columns, rows)
    if width < 1 or height < 1:
        return
    row, column = row + (rows - height // 2) // 2, column + (columns - width // 2) // 2
    pixels = _shrink(view, letterbox, width, height)
    if not current:
        pixels = (pixels * _DIMMED).astype(np.uint8)
    for box in view.missed:
        _outline(pixels, box, _MISSED, every=2)
    for found in reversed(view.detections):
        _outline(pixels, found.box, colour_of(found.class_id), every=1)
    grid.put_picture(row, column, pixels)
    for number, found in reversed(list(enumerate(view.detections))):
        _name(grid, found, number in view.false, (row, column, width // 2, height // 2))


def _fit(frame: ViewSize, columns: int, rows: int) -> tuple[int, int]:
    """Pixels that a picture of this shape takes of columns x rows cells, four a cell.

    A cell is twice as high as it is wide, and so is each of its four pixels.
    """
    scale = min(2 * columns / frame.width, 4 * rows / frame.height)
    return max(0, round(frame.width * scale)) // 2 * 2, max(0, round(frame.height * scale / 2)) // 2 * 2


def _shrink(view: View, letterbox: Letterbox, width: int, height: int) -> NDArray[np.uint8]:
    whole = Image.frombytes("RGB", (view.size.width, view.size.height), view.pixels)
    right, bottom = letterbox.left + letterbox.inner_width, letterbox.top + letterbox.inner_height
    inner = (letterbox.left, letterbox.top, right, bottom)
    # BOX takes every pixel into account: thin legs stay to be seen, which any sampling would drop.
    return np.array(whole.resize((width, height), Image.Resampling.BOX, box=inner))


def _outline(pixels: NDArray[np.uint8], box: Box, colour: Sequence[int], every: int) -> None:
    height, width = pixels.shape[:2]
    left, top = min(width - 1, int(box.x1 * width)), min(height - 1, int(box.y1 * height))
    right = max(left, min(width - 1, round(box.x2 * width) - 1))
    bottom = max(top, min(height - 1, round(box.y2 * height) - 1))
    pixels[top, left : right + 1 : every] = colour
    pixels[bottom, left : right + 1 : every] = colour
    pixels[top : bottom + 1 : every, left] = colour
    pixels[top : bottom + 1 : every, right] = colour


def _name(grid: Grid, found: Detection, is_false: bool, area: tuple[int, int, int, int]) -> None:  # noqa: FBT001 - drawn otherwise
    """The label on the row above the box, or in the box's first row where there is none above."""
    row, column, width, height = area
    text = f"{found.label} {found.score:.0%}{'?' if is_false else ''}"
    at = min(height - 1, int(found.box.y1 * height))
    start = max(0, min(width - len(text), int(found.box.x1 * width)))
    red, green, blue = colour_of(found.class_id)
    ink = Ink(_BLACK, red << 16 | green << 8 | blue)
    grid.put(row + max(0, at - 1), column + start, [(text, ink)], limit=column + width)
