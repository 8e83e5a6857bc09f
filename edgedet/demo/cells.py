"""A screen as a grid of coloured cells: what is drawn, before a terminal is asked to show it."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

UPPER_HALF = "▀"
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
        """Paint RGB of shape (2 x rows, columns, 3), two pixels a cell, one above the other."""
        if not picture.size:
            return
        wide = picture.astype("uint32")
        packed = (wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2]).tolist()
        for number in range(len(packed) // 2):
            above, below = packed[2 * number], packed[2 * number + 1]
            cells = [Cell(UPPER_HALF, Ink(top, bottom)) for top, bottom in zip(above, below, strict=True)]
            if 0 <= row + number < self.rows:
                line = self.cells[row + number]
                line[column : column + len(cells)] = cells[: max(0, self.columns - column)]

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


def _letter(cell: Cell) -> str:
    if cell.text != UPPER_HALF or cell.ink.front is None or cell.ink.back is None:
        return cell.text
    return _GREYS[(_luma(cell.ink.front) + _luma(cell.ink.back)) * len(_GREYS) // 512]


def _luma(colour: int) -> int:
    """BT.601, in [0, 255]."""
    return (299 * (colour >> 16) + 587 * (colour >> 8 & 255) + 114 * (colour & 255)) // 1000
