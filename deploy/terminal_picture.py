"""Takes the picture of a running terminal program that README shows.

    .venv/bin/python deploy/terminal_picture.py docs/demo.png --after 12 -- .venv/bin/edgedet demo --seconds 60

tmux runs the command in a terminal of the given size and says, after so many seconds, what stands on the screen; it is
drawn cell by cell, since a font's own block characters leave seams between lines. Needs tmux and the DejaVu fonts.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import time
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from rich.ansi import AnsiDecoder
from rich.color import ColorType
from rich.style import Style
from rich.terminal_theme import MONOKAI as THEME
from rich.text import Text

CELL = (10, 20)
MARGIN = 12
BACKGROUND = (18, 20, 24)
FOREGROUND = (222, 224, 228)
FONTS = Path("/usr/share/fonts/truetype/dejavu")
BLOCKS = {
    "▀": ((0.0, 0.0, 1.0, 0.5),),
    "▄": ((0.0, 0.5, 1.0, 1.0),),
    "█": ((0.0, 0.0, 1.0, 1.0),),
    "▌": ((0.0, 0.0, 0.5, 1.0),),
    "▐": ((0.5, 0.0, 1.0, 1.0),),
    "▘": ((0.0, 0.0, 0.5, 0.5),),
    "▝": ((0.5, 0.0, 1.0, 0.5),),
    "▖": ((0.0, 0.5, 0.5, 1.0),),
    "▗": ((0.5, 0.5, 1.0, 1.0),),
    "▚": ((0.0, 0.0, 0.5, 0.5), (0.5, 0.5, 1.0, 1.0)),
    "▞": ((0.5, 0.0, 1.0, 0.5), (0.0, 0.5, 0.5, 1.0)),
    "▛": ((0.0, 0.0, 1.0, 0.5), (0.0, 0.5, 0.5, 1.0)),
    "▜": ((0.0, 0.0, 1.0, 0.5), (0.5, 0.5, 1.0, 1.0)),
    "▙": ((0.0, 0.5, 1.0, 1.0), (0.0, 0.0, 0.5, 0.5)),
    "▟": ((0.0, 0.5, 1.0, 1.0), (0.5, 0.0, 1.0, 0.5)),
}
"""Which parts of a cell a block character fills: left, top, right, bottom."""

Rgb = tuple[int, int, int]


def screen(command: list[str], columns: int, rows: int, after_s: float) -> str:
    """What the command shows, with its colours as escape sequences; the command is ended afterwards."""
    tmux = ["tmux", "-L", "terminal-picture", "-f", "/dev/null"]
    run = "export COLORTERM=truecolor TERM=tmux-256color; exec " + shlex.join(command)
    size = ["-x", str(columns), "-y", str(rows)]
    subprocess.run([*tmux, "new-session", "-d", "-s", "picture", *size, run], check=True)
    try:
        subprocess.run([*tmux, "set-option", "-g", "status", "off"], check=True)
        time.sleep(after_s)
        shown = subprocess.run([*tmux, "capture-pane", "-p", "-e", "-N"], check=True, capture_output=True, text=True)
    finally:
        subprocess.run([*tmux, "kill-server"], check=False)
    return shown.stdout


def colours(style: Style) -> tuple[Rgb, Rgb]:
    """Foreground and background of a cell."""

    def rgb(part: object, default: Rgb) -> Rgb:
        colour = getattr(style, str(part))
        if colour is None or colour.type is ColorType.DEFAULT:
            return default
        red, green, blue = colour.get_truecolor(THEME)
        return red, green, blue

    front, back = rgb("color", FOREGROUND), rgb("bgcolor", BACKGROUND)
    if style.reverse:
        front, back = back, front
    if style.dim:
        red, green, blue = ((f + b) // 2 for f, b in zip(front, back, strict=True))
        front = red, green, blue
    return front, back


def styles_at(line: Text, column: int) -> list[Style]:
    """What the escape sequences say of a cell."""
    return [s.style for s in line.spans if s.start <= column < s.end and isinstance(s.style, Style)]


def draw(lines: list[Text], columns: int) -> Image.Image:
    """The screen as a picture."""
    width, height = CELL
    picture = Image.new("RGB", (columns * width + 2 * MARGIN, len(lines) * height + 2 * MARGIN), BACKGROUND)
    pen = ImageDraw.Draw(picture)
    regular = ImageFont.truetype(str(FONTS / "DejaVuSansMono.ttf"), 16)
    bold = ImageFont.truetype(str(FONTS / "DejaVuSansMono-Bold.ttf"), 16)
    for row, line in enumerate(lines):
        for column, character in enumerate(line.plain[:columns]):
            style = Style.combine([Style(), *styles_at(line, column)])
            front, back = colours(style)
            x, y = MARGIN + column * width, MARGIN + row * height
            pen.rectangle((x, y, x + width - 1, y + height - 1), fill=back)
            for left, top, right, bottom in BLOCKS.get(character, ()):
                corner = (x + right * width - 1, y + bottom * height - 1)
                pen.rectangle((x + left * width, y + top * height, *corner), fill=front)
            if character not in BLOCKS and not character.isspace():
                pen.text((x, y), character, fill=front, font=bold if style.bold else regular)
    return picture


def main() -> None:
    """Run, wait, draw, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--columns", type=int, default=120)
    parser.add_argument("--rows", type=int, default=40)
    parser.add_argument("--after", type=float, default=10.0, help="seconds")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    shown = screen(options.command, options.columns, options.rows, options.after)
    picture = draw(list(AnsiDecoder().decode(shown)), options.columns)
    options.picture.parent.mkdir(exist_ok=True)
    picture.save(options.picture, optimize=True)
    print(f"{options.picture}: {picture.width}x{picture.height}, {options.picture.stat().st_size} bytes")


if __name__ == "__main__":
    main()
