"""Where everything stands on the screen, for any size of it."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from edgedet.demo.cells import PLAIN, Grid, Ink, shorten
from edgedet.demo.picture import View, paint
from edgedet.demo.record import Line
from edgedet.types import ViewSize

_GREEN, _YELLOW, _RED, _BLUE, _GREY = 0x5FD787, 0xFFD75F, 0xFF6F6F, 0x7FB7FF, 0x8A8A8A
_BAR = Ink(0xFFFFFF, 0x1F4E79, bold=True)
_BOLD = Ink(bold=True)
_FAINT = Ink(_GREY)
_STATE_INKS = {
    "ok": Ink(_GREEN, bold=True),
    "watching": Ink(_GREEN, bold=True),
    "degraded": Ink(_YELLOW, bold=True),
    "starting": Ink(_YELLOW, bold=True),
    "blind": Ink(_RED, bold=True),
}
_LINE_INKS = {
    "act": Ink(_BLUE, bold=True),
    "good": Ink(_GREEN),
    "bad": Ink(_RED, bold=True),
    "event": PLAIN,
    "log": _FAINT,
}
LINE_MARKS = {"act": "▶", "good": "✓", "bad": "✗", "event": "•", "log": "·"}

_LEAST_COLUMNS, _LEAST_ROWS = 56, 14
"""Below this there is no room for a picture."""
_NAME_COLUMNS = 9
_FEWEST_FACTS = 6
"""Rows that the panel has even beside a very flat picture."""
_WIDE = 130
"""From here on, what happened and what goes out stand side by side."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that is on the screen at one moment."""

    title: str
    clock: str
    health: str
    """`ok`, or `degraded (component: code, …)`."""
    camera: str
    state: str
    """Of the camera."""
    view: View | None
    facts: tuple[tuple[str, str], ...]
    """Name and value, for the panel beside the picture."""
    lines: tuple[Line, ...]
    messages: tuple[tuple[str, str], ...]
    """Topic and payload, newest first."""
    hint: str


def compose(snapshot: Snapshot, columns: int, rows: int) -> Grid:
    """The screen as a grid of that size; what has no room is left out, the least important first."""
    grid = Grid(columns, rows)
    if columns < 1 or rows < 1:
        return grid
    _bar(grid, 0, snapshot.title, snapshot.clock)
    if columns < _LEAST_COLUMNS or rows < _LEAST_ROWS:
        _small(grid, snapshot)
        return grid
    height = _picture_rows(snapshot, columns, rows)
    panel = _panel_columns(columns)
    current = snapshot.state in {"watching", "degraded"}
    width = columns - panel - 1
    if snapshot.view is not None:
        paint(grid, snapshot.view, 1, 0, width, height, current=current)
        if not current:
            _banner(grid, 1 + height // 2, width, f" {snapshot.state.upper()}: this is not current ")
    _panel(grid, snapshot, 1, width + 1, height)
    below = 1 + height
    if rows - below < 3:
        return grid
    if columns >= _WIDE:
        half = columns // 2
        _told(grid, snapshot, below, 0, half - 1, rows - below - 1)
        _sent(grid, snapshot, below, half, columns, rows - below - 1)
    else:
        told = (rows - below - 1 + 1) // 2
        _told(grid, snapshot, below, 0, columns, told)
        _sent(grid, snapshot, below + told, 0, columns, rows - below - told - 1)
    grid.put(rows - 1, 1, [(snapshot.hint, _FAINT)])
    return grid


def _picture_rows(snapshot: Snapshot, columns: int, rows: int) -> int:
    """As high as the picture is at that width, but a third of the screen is left for words."""
    frame = ViewSize(4, 3) if snapshot.view is None else snapshot.view.frame
    # A cell is twice as high as it is wide.
    wanted = round((columns - _panel_columns(columns) - 1) * frame.height / frame.width / 2)
    return max(_FEWEST_FACTS, min(wanted, rows - max(9, rows // 3)))


def _panel_columns(columns: int) -> int:
    return max(34, min(44, columns * 2 // 5))


def _bar(grid: Grid, row: int, left: str, right: str) -> None:
    grid.put(row, 0, [(" " * grid.columns, _BAR)])
    grid.put(row, 1, [(left, _BAR)])
    start = grid.columns - len(right) - 1
    if start > 12:
        grid.put(row, start - 1, [(f" {right}", _BAR)])


def _banner(grid: Grid, row: int, width: int, text: str) -> None:
    grid.put(row, max(0, (width - len(text)) // 2), [(text, Ink(0xFFFFFF, 0xB03030, bold=True))], limit=width)


def _panel(grid: Grid, snapshot: Snapshot, row: int, column: int, height: int) -> None:
    end = row + height
    state, _, reasons = snapshot.health.partition(" ")
    facts: list[tuple[str, str, Ink]] = [
        ("health", state, _STATE_INKS.get(state, _BOLD)),
        ("", reasons, PLAIN),
        (snapshot.camera, snapshot.state, _STATE_INKS.get(snapshot.state, _BOLD)),
        *((name, value, _BOLD if name == "now" else PLAIN) for name, value in snapshot.facts),
    ]
    for name, value, ink in facts:
        for number, part in enumerate(textwrap.wrap(value, max(8, grid.columns - column - _NAME_COLUMNS))):
            if row >= end:
                return
            grid.put(row, column, [(f"{'' if number else name:<{_NAME_COLUMNS}}", _FAINT), (part, ink)])
            row += 1


def _told(grid: Grid, snapshot: Snapshot, row: int, column: int, limit: int, height: int) -> None:
    """What happened, newest last."""
    if height < 1:
        return
    _heading(grid, row, column, limit, "what happens")
    shown = snapshot.lines[-(height - 1) :] if height > 1 else ()
    for offset, line in enumerate(shown, start=1):
        ink = _LINE_INKS.get(line.kind, PLAIN)
        mark = LINE_MARKS.get(line.kind, " ")
        grid.put(row + offset, column, [(f"{line.at_s:6.1f} s ", _FAINT), (f"{mark} {line.text}", ink)], limit)


def _sent(grid: Grid, snapshot: Snapshot, row: int, column: int, limit: int, height: int) -> None:
    """What goes out, newest first."""
    if height < 1:
        return
    _heading(grid, row, column, limit, "what goes out over MQTT")
    for offset, (topic, payload) in enumerate(snapshot.messages[: height - 1], start=1):
        at = grid.put(row + offset, column + 1, [(topic, Ink(_BLUE))], limit)
        grid.put(row + offset, at + 1, [(shorten(payload, max(0, limit - at - 1)), PLAIN)], limit)


def _heading(grid: Grid, row: int, column: int, limit: int, text: str) -> None:
    grid.put(row, column, [(f"── {text} ", _FAINT), ("─" * limit, _FAINT)], limit)


def _small(grid: Grid, snapshot: Snapshot) -> None:
    """A terminal that is too small for a picture still says what matters."""
    facts: list[tuple[str, str]] = [("health", snapshot.health), (snapshot.camera, snapshot.state), *snapshot.facts]
    for row, (name, value) in enumerate(facts, start=1):
        grid.put(row, 0, [(f"{name} {value}", PLAIN)])
    if snapshot.lines and grid.rows > 4:
        grid.put(grid.rows - 1, 0, [(" " * grid.columns, PLAIN)])
        grid.put(grid.rows - 1, 0, [(snapshot.lines[-1].text, _BOLD)])
