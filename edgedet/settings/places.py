"""Places in a file, and what is wrong at them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from edgedet.errors import ConfigError

KeyPath = tuple[str | int, ...]
"""Where a value is: the keys and list indices from the top."""

Plain = None | bool | int | float | str | list["Plain"] | dict[str, "Plain"]
"""What a configuration is made of."""

MAX_DEPTH = 32
MAX_VALUES = 20_000  # aliases of aliases grow without limit; the largest sensible file has some hundreds


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """A place in the file; line and column count from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where a key and its value are, and how the value was written."""

    key: Mark
    """The key itself, or for an item of a list the item."""
    value: Mark
    written: str = ""
    """A scalar's text in the file, before anything was put in from the environment."""
    quoted: bool = False
    from_environment: bool = False
    """The value holds something that stands in no file and must not be printed."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, or worth a warning, at one place."""

    mark: Mark
    key: KeyPath
    message: str

    def line(self, file: Path) -> str:
        """`file:line:column: key.path: message`, in one line."""
        message = " ".join(self.message.split())
        key = f"{dotted(self.key)}: " if self.key else ""
        return f"{file}:{self.mark.line}:{self.mark.column}: {key}{message}"


def dotted(path: KeyPath) -> str:
    """`cameras.porch.masks[0]`; a key that is long or holds odd characters is shown as Python would."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            shown = part if re.fullmatch(r"[\w -]{1,64}", part) else shorten(part)
            text += f".{shown}" if text else shown
    return text


def shorten(text: str) -> str:
    """A value from the file, in quotes, for a message: one line, at most some 40 characters."""
    return repr(text if len(text) <= 40 else text[:37] + "...")


def refuse(file: Path, problems: list[Problem], limit: int = 10) -> ConfigError:
    """The error that lists `problems` in the order of the file, one a line."""
    lines = list(dict.fromkeys(p.line(file) for p in sorted(problems, key=lambda p: (p.mark, dotted(p.key)))))
    rest = len(lines) - limit
    hint = f"and {rest} more" if rest > 0 else ""
    return ConfigError("\n".join(lines[:limit]), hint=hint)
