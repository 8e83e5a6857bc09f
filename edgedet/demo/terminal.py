"""The terminal itself: its size, its colours, the keys, and only those rows written that have changed."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import termios
import tty
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from functools import lru_cache
from typing import TextIO

from edgedet.demo.cells import QUADRANTS, UPPER_HALF, Cell, Grid, Ink

_ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J"
"""The other screen (what was on the terminal comes back afterwards), no cursor, no wrapping at the edge."""
_LEAVE = "\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l"
_FALLBACK_SIZE = (80, 24)


class Colours(Enum):
    """What a terminal can show."""

    NONE = "none"
    PALETTE = "palette"
    """The 256 of xterm."""
    TRUE = "true"


def colours_of(environment: Mapping[str, str], encoding: str | None) -> Colours:
    """What the terminal says of itself; https://no-color.org is heeded, and half-blocks need UTF-8."""
    if environment.get("NO_COLOR") or "utf" not in (encoding or "").lower():
        return Colours.NONE
    if environment.get("COLORTERM", "").lower() in {"truecolor", "24bit"}:
        return Colours.TRUE
    term = environment.get("TERM", "")
    if term.endswith("-direct"):
        return Colours.TRUE
    return Colours.NONE if term in {"vt100", "vt220", "ansi"} else Colours.PALETTE


def is_screen(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Whether a picture can be kept in place there; a pipe, a file and a `dumb` terminal get plain lines."""
    return stream.isatty() and environment.get("TERM", "dumb") not in {"dumb", ""}


def has_quadrants(environment: Mapping[str, str]) -> bool:
    """Whether its font has quarters of a cell; that of the Linux console has halves."""
    return environment.get("TERM") != "linux"


_TO_HALVES = {ord(character): UPPER_HALF for character in QUADRANTS.strip()}


class Terminal:
    """Shows grids in place, as long as `shown` is entered."""

    def __init__(self, stream: TextIO, environment: Mapping[str, str]) -> None:
        self._stream = stream
        self._colours = colours_of(environment, stream.encoding)
        self._glyphs = {} if has_quadrants(environment) else _TO_HALVES
        self._rows: list[list[Cell]] = []

    def size(self) -> tuple[int, int]:
        """Columns and rows, as they are now."""
        with contextlib.suppress(OSError, ValueError):
            size = os.get_terminal_size(self._stream.fileno())
            if size.columns and size.lines:
                return size.columns, size.lines
        found = shutil.get_terminal_size(_FALLBACK_SIZE)
        return found.columns, found.lines

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        """Take the screen, and give it back as it was."""
        self._write(_ENTER)
        try:
            yield
        finally:
            self._write(_LEAVE)

    def show(self, grid: Grid) -> None:
        """Bring the screen to what the grid says. Blocks while the terminal takes it: call it in a thread."""
        same_shape = len(self._rows) == grid.rows and all(len(row) == grid.columns for row in self._rows)
        output = [] if same_shape else ["\x1b[0m\x1b[2J"]
        plain = grid.text() if self._colours is Colours.NONE else []
        for number, row in enumerate(grid.cells):
            if same_shape and row == self._rows[number]:
                continue
            output.append(f"\x1b[{number + 1};1H")
            output.append(f"{plain[number]}\x1b[K" if plain else encode_row(row, self._colours).translate(self._glyphs))
        self._rows = grid.cells
        if output:
            self._write("".join(output))

    def _write(self, text: str) -> None:
        encoding = self._stream.encoding or "utf-8"
        self._stream.write(text.encode(encoding, "replace").decode(encoding))
        self._stream.flush()


@contextlib.contextmanager
def keys(on_key: Callable[[str], None]) -> Iterator[None]:
    """Call `on_key`, in the event loop, with each key; without a keyboard nothing happens. Ctrl-C stays a signal."""
    import asyncio

    try:
        descriptor = sys.stdin.fileno()
        before = termios.tcgetattr(descriptor)
        # In the background a terminal stops who changes its settings.
        if os.tcgetpgrp(descriptor) != os.getpgrp():
            raise OSError("not in the foreground")
    except (OSError, ValueError, termios.error):
        yield
        return
    loop = asyncio.get_running_loop()

    def read() -> None:
        data = os.read(descriptor, 64)
        if not data:
            loop.remove_reader(descriptor)
        for key in data.decode(errors="ignore"):
            on_key(key)

    tty.setcbreak(descriptor)
    loop.add_reader(descriptor, read)
    try:
        yield
    finally:
        loop.remove_reader(descriptor)
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def encode_row(row: Sequence[Cell], colours: Colours) -> str:
    """A row with the escape sequences that its colours need, and no more."""
    output = []
    ink: Ink | None = None
    for cell in row:
        if cell.ink != ink:
            ink = cell.ink
            output.append(_sequence(ink, colours))
        output.append(cell.text)
    return "".join(output)


@lru_cache(maxsize=65_536)
def _sequence(ink: Ink, colours: Colours) -> str:
    codes = ["0"]
    if ink.bold:
        codes.append("1")
    for code, colour in (("38", ink.front), ("48", ink.back)):
        if colour is None:
            continue
        if colours is Colours.TRUE:
            codes.append(f"{code};2;{colour >> 16};{colour >> 8 & 255};{colour & 255}")
        else:
            codes.append(f"{code};5;{_nearest(colour)}")
    return f"\x1b[{';'.join(codes)}m"


@lru_cache(maxsize=65_536)
def _nearest(colour: int) -> int:
    """The nearest of xterm's 256: a 6x6x6 cube of 0, 95, 135, 175, 215, 255, and 24 greys from 8 in steps of 10."""
    parts = (colour >> 16, colour >> 8 & 255, colour & 255)
    steps = [0 if part < 48 else 1 if part < 115 else (part - 35) // 40 for part in parts]
    cube = [0 if step == 0 else 55 + 40 * step for step in steps]
    grey = max(0, min(23, (sum(parts) // 3 - 3) // 10))
    from_cube = sum((a - b) ** 2 for a, b in zip(parts, cube, strict=True))
    from_grey = sum((part - (8 + 10 * grey)) ** 2 for part in parts)
    return 232 + grey if from_grey < from_cube else 16 + 36 * steps[0] + 6 * steps[1] + steps[2]
