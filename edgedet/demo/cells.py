"""A screen as a grid of coloured cells: what is drawn, before a terminal is asked to show it."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

UPPER_HALF = "▀"
QUADRANTS = " ▘▝▀▖▌▞▛"
"""By which corners are in front: 1 upper left, 2 upper right, 4 lower left. The lower right is always behind: what
has it in front is the same with the colours exchanged."""
_GREYS = " .:-=+*#%@"


class Ink(NamedTuple):
    """How a cell is written. Colours are 0xRRGGBB, None the terminal's own."""

    front: int | None = None
    back: int | None = None
    bold: bool = False


class Cell(NamedTuple):
    """One place on the screen."""

    text: str
    ink: Ink


PLAIN = Ink()
_BLANK = Cell(" ", PLAIN)

Span = tuple[str, Ink]
"""A piece of text in one ink."""


class Grid:
    """Cells of a screen, row by row. What does not fit is cut off, never wrapped."""

    def __init__(self, columns: int, rows: int) -> None:
        self.columns = columns
        self.rows = rows
        self.cells: list[list[Cell]] = [[_BLANK] * columns for _ in range(rows)]

    def put(self, row: int, column: int, spans: Iterable[Span], limit: int | None = None) -> int:
        """Write text from this place on, up to column `limit`; returns the column after it."""
        if not 0 <= row < self.rows:
            return column
        end = self.columns if limit is None else min(limit, self.columns)
        line = self.cells[row]
        for text, ink in spans:
            for character in one_wide(text):
                if column >= end:
                    return column
                if column >= 0:
                    line[column] = Cell(character, ink)
                column += 1
        return column

    def put_picture(self, row: int, column: int, picture: NDArray[np.uint8]) -> None:
        """Paint RGB of shape (2 x rows, 2 x columns, 3), four pixels a cell, in the two colours that suit them best."""
        if not picture.size:
            return
        for offset, cells in enumerate(_cells_of(picture)):
            if 0 <= row + offset < self.rows:
                self.cells[row + offset][column : column + len(cells)] = cells[: max(0, self.columns - column)]

    def text(self) -> list[str]:
        """The rows without colour; a picture becomes letters of more or less ink."""
        return ["".join(_letter(cell) for cell in line).rstrip() for line in self.cells]


def one_wide(text: str) -> str:
    """The text with one character a cell: what a terminal would draw wider, or not at all, becomes `?`."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(character if _is_one_wide(character) else "?" for character in text)


def shorten(text: str, width: int) -> str:
    """At most `width` characters, with a mark where something is missing."""
    return text if len(text) <= width else text[: max(0, width - 1)] + "…"


def _is_one_wide(character: str) -> bool:
    return (
        character.isprintable()
        and unicodedata.east_asian_width(character) not in {"W", "F"}
        and not unicodedata.combining(character)
    )


def _cells_of(picture: NDArray[np.uint8]) -> list[list[Cell]]:
    """Each 2 x 2 pixels as one cell: of the seven ways to part them in two, the one that loses least."""
    import numpy as np

    rows, columns = picture.shape[0] // 2, picture.shape[1] // 2
    corners = picture[: 2 * rows, : 2 * columns].reshape(rows, 2, columns, 2, 3).transpose(1, 3, 0, 2, 4)
    corners = corners.reshape(4, rows, columns, 3).astype(np.float32)
    best = np.full((rows, columns), np.inf, np.float32)
    shape = np.zeros((rows, columns), np.uint8)
    colours = np.zeros((2, rows, columns, 3), np.float32)
    # The halves last: where several lose nothing, as in a plain sky, the plainest is taken.
    for mask in (1, 2, 4, 6, 7, 5, 3):
        front = [number for number in range(4) if mask >> number & 1]
        back = [number for number in range(4) if not mask >> number & 1]
        means = corners[front].mean(axis=0), corners[back].mean(axis=0)
        loss = sum(
            ((corners[which] - mean) ** 2).sum(axis=(0, 3)) for which, mean in zip((front, back), means, strict=True)
        )
        better = loss <= best
        best = np.where(better, loss, best)
        shape[better] = mask
        for side in (0, 1):
            colours[side][better] = means[side][better]
    packed = colours.astype(np.uint32) @ np.array((65536, 256, 1), np.uint32)
    shapes, fronts, backs = shape.tolist(), packed[0].tolist(), packed[1].tolist()
    return [
        [Cell(QUADRANTS[mask], Ink(front, back)) for mask, front, back in zip(*line, strict=True)]
        for line in zip(shapes, fronts, backs, strict=True)
    ]


def _letter(cell: Cell) -> str:
    if cell.text not in QUADRANTS[1:] or cell.ink.front is None or cell.ink.back is None:
        return cell.text
    return _GREYS[(_luma(cell.ink.front) + _luma(cell.ink.back)) * len(_GREYS) // 512]


def _luma(colour: int) -> int:
    """BT.601, in [0, 255]."""
    return (299 * (colour >> 16) + 587 * (colour >> 8 & 255) + 114 * (colour & 255)) // 1000
