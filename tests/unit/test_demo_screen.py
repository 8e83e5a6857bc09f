"""The demo's screen: cells, pictures in cells, the layout at any size, and what is written to a terminal."""

from __future__ import annotations

import io
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgedet.demo.cells import Cell, Grid, Ink, one_wide, shorten
from edgedet.demo.layout import Snapshot, compose
from edgedet.demo.picture import View, paint
from edgedet.demo.record import Line
from edgedet.demo.terminal import Colours, Terminal, colours_of, encode_row, is_screen
from edgedet.outputs.drawing import colour_of
from edgedet.types import Box, Detection, ViewSize

UTF8: Mapping[str, str] = {"TERM": "xterm-256color", "COLORTERM": "truecolor"}


VGA = ViewSize(640, 480)


def view(frame: ViewSize = VGA, boxes: tuple[Detection, ...] = ()) -> View:
    return View(bytes([90]) * (64 * 64 * 3), ViewSize(64, 64), frame, boxes)


def snapshot(state: str = "watching") -> Snapshot:
    lines = tuple(Line(float(number), "act", f"line {number}") for number in range(30))
    facts = (("now", "truth 5, found 5, false 0"), ("counts", "all 5, car 2, dog 1, person 2"))
    messages = (("yard/detections", '{"frame":1}' * 30), ("health", "ok"))
    return Snapshot("title", "8 of 60 s", "ok", "yard", state, view(), facts, lines, messages, "q ends it")


def ink_at(grid: Grid, row: int, column: int) -> Ink:
    return grid.cells[row][column].ink


def test_text_that_does_not_fit_is_cut_off() -> None:
    grid = Grid(5, 1)
    assert grid.put(0, 3, [("abcdef", Ink())]) == 5
    assert grid.text() == ["   ab"]
    assert grid.put(7, 0, [("nowhere", Ink())]) == 0


def test_what_a_terminal_would_draw_wider_or_not_at_all_keeps_its_one_place() -> None:
    assert one_wide("a\x1b[31mb\tc漢e\u0301é") == "a?[31mb?c?e?é"


@given(st.text(max_size=30), st.integers(0, 30))
def test_shortened_text_is_never_longer_than_asked(text: str, width: int) -> None:
    assert len(shorten(text, width)) <= max(width, 1)


def test_a_plain_picture_keeps_its_colour_in_every_cell() -> None:
    grid = Grid(4, 2)
    grid.put_picture(0, 0, np.full((4, 8, 3), (10, 20, 30), np.uint8))
    assert {cell.ink for row in grid.cells for cell in row} == {Ink(0x0A141E, 0x0A141E)}


@pytest.mark.parametrize(
    ("corners", "glyph"),
    [((1, 0, 0, 0), "▘"), ((0, 1, 0, 0), "▝"), ((0, 0, 1, 0), "▖"), ((1, 1, 0, 0), "▀"), ((1, 0, 1, 0), "▌")],
)
def test_a_cell_shows_the_corners_that_stand_out(corners: tuple[int, ...], glyph: str) -> None:
    grid = Grid(1, 1)
    pixels = np.array(corners, np.uint8).reshape(2, 2, 1).repeat(3, axis=2) * 255
    grid.put_picture(0, 0, pixels)
    cell = grid.cells[0][0]
    front_and_back = (cell.ink.front, cell.ink.back)
    assert (cell.text, front_and_back) == (glyph, (0xFFFFFF, 0)) or front_and_back == (0, 0xFFFFFF)


@given(st.integers(0, 255), st.integers(0, 2**32 - 1))
def test_four_pixels_in_two_colours_are_shown_without_loss(shade: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    two = random.integers(0, 256, (2, 3), dtype=np.uint8)
    pixels = two[random.integers(0, 2, (2, 2))]
    grid = Grid(1, 1)
    grid.put_picture(0, 0, pixels)
    ink = grid.cells[0][0].ink
    wanted = {int(r) << 16 | int(g) << 8 | int(b) for r, g, b in pixels.reshape(4, 3)}
    assert wanted <= {ink.front, ink.back}


def test_a_picture_without_colours_is_letters_of_more_and_less_ink() -> None:
    grid = Grid(2, 1)
    grid.put_picture(0, 0, np.array([[[0] * 3, [0] * 3, [255] * 3, [255] * 3]] * 2, np.uint8))
    assert grid.text() == [" @"]


def test_a_picture_keeps_its_shape_and_lies_in_the_middle() -> None:
    grid = Grid(40, 20)
    paint(grid, view(frame=ViewSize(640, 320)), 0, 0, 40, 20, current=True)
    painted = [number for number, row in enumerate(grid.cells) if row[20].ink.back is not None]
    # 40 columns are as wide as 20 rows are high: a picture of 2:1 takes 10 of them.
    assert painted == list(range(5, 15))
    assert all(cell.ink.back is not None for cell in grid.cells[10])


def test_a_found_object_has_a_box_in_its_colour_and_its_name_above() -> None:
    grid = Grid(40, 20)
    found = Detection("person", 2, 0.87, Box(0.25, 0.5, 0.75, 0.9))
    paint(grid, view(frame=ViewSize(640, 640), boxes=(found,)), 0, 0, 40, 20, current=True)
    assert "person 87%" in grid.text()[9]
    red, green, blue = colour_of(2)
    assert red << 16 | green << 8 | blue in {ink_at(grid, 10, 20).front, ink_at(grid, 10, 20).back}


def test_a_picture_that_is_not_current_is_dim_and_says_so() -> None:
    bright, dim = compose(snapshot(), 100, 30), compose(snapshot("blind"), 100, 30)
    # Above the banner, in the middle of the picture.
    assert (ink_at(bright, 4, 20).back or 0) > (ink_at(dim, 4, 20).back or 0)
    assert any("BLIND: this is not current" in line for line in dim.text())
    assert not any("not current" in line for line in bright.text())


@given(st.integers(0, 220), st.integers(0, 70))
def test_every_size_of_terminal_gets_a_screen_of_just_that_size(columns: int, rows: int) -> None:
    grid = compose(snapshot(), columns, rows)
    assert len(grid.cells) == rows
    assert all(len(row) == columns for row in grid.cells)


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (100, 30), (200, 60)])
def test_on_usual_terminals_everything_is_to_be_seen(columns: int, rows: int) -> None:
    text = "\n".join(compose(snapshot(), columns, rows).text())
    for words in ("health", "watching", "truth 5, found 5, false 0", "line 29", "yard/detections", "q ends it", "8 of"):
        assert words in text, words


def test_on_a_tiny_terminal_what_matters_is_said_without_a_picture() -> None:
    text = "\n".join(compose(snapshot(), 40, 8).text())
    assert "truth 5, found 5, false 0" in text
    assert "line 29" in text


class Screen(io.TextIOWrapper):
    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8")

    def taken(self) -> str:
        self.flush()
        text = self.buffer.getvalue().decode()  # type: ignore[attr-defined]
        self.buffer.seek(0)
        self.buffer.truncate()
        return text


def test_only_rows_that_changed_are_written() -> None:
    screen = Screen()
    terminal = Terminal(screen, UTF8)
    first, second = Grid(10, 3), Grid(10, 3)
    first.put(1, 0, [("before", Ink())])
    second.put(1, 0, [("after", Ink())])
    terminal.show(first)
    screen.taken()
    terminal.show(second)
    written = screen.taken()
    assert "after" in written
    assert "\x1b[1;1H" not in written
    terminal.show(second)
    assert screen.taken() == ""


def test_another_size_clears_the_screen_first() -> None:
    screen = Screen()
    terminal = Terminal(screen, UTF8)
    terminal.show(Grid(10, 3))
    screen.taken()
    terminal.show(Grid(8, 2))
    assert "\x1b[2J" in screen.taken()


def test_the_screen_is_given_back_even_after_an_error() -> None:
    screen = Screen()
    with pytest.raises(ZeroDivisionError), Terminal(screen, UTF8).shown():
        raise ZeroDivisionError
    assert screen.taken().endswith("\x1b[?25h\x1b[?1049l")


def test_the_linux_console_gets_only_glyphs_that_its_font_has() -> None:
    screen = Screen()
    grid = Grid(1, 1)
    grid.cells[0][0] = Cell("▞", Ink(0xFF0000, 0))
    Terminal(screen, {"TERM": "linux"}).show(grid)
    written = screen.taken()
    assert "▀" in written
    assert "▞" not in written


@pytest.mark.parametrize(
    ("environment", "encoding", "colours"),
    [
        ({"TERM": "xterm", "COLORTERM": "truecolor"}, "utf-8", Colours.TRUE),
        ({"TERM": "xterm-256color"}, "UTF-8", Colours.PALETTE),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, "utf-8", Colours.NONE),
        ({"TERM": "xterm-256color"}, "ANSI_X3.4-1968", Colours.NONE),
        ({"TERM": "vt100"}, "utf-8", Colours.NONE),
    ],
)
def test_the_terminal_says_what_colours_it_has(environment: dict[str, str], encoding: str, colours: Colours) -> None:
    assert colours_of(environment, encoding) is colours


@pytest.mark.parametrize(
    ("colour", "number"), [(0x000000, 16), (0xFFFFFF, 231), (0xFF0000, 196), (0x808080, 244), (0x5F87AF, 67)]
)
def test_without_true_colour_the_nearest_of_the_palette_is_taken(colour: int, number: int) -> None:
    assert f"38;5;{number}m" in encode_row([Cell("x", Ink(colour))], Colours.PALETTE)


def test_a_pipe_is_no_screen() -> None:
    assert not is_screen(io.StringIO(), UTF8)
