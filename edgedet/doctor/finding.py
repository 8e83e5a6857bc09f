"""What the doctor says: a level, a sentence, and what mends it."""

from __future__ import annotations

import os
import shlex
from dataclasses import asdict, dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is. A thing that is not there and that nobody asked for is `ok`."""

    OK = "ok"
    WARNING = "warning"
    """edgedet works, with less than it could."""
    PROBLEM = "problem"
    """Something that the configuration asks for does not work."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence about one subject."""

    subject: str
    """`camera porch`, `edge tpu`, `broker`: what it is about."""
    level: Level
    message: str
    advice: str = ""
    """What to do, in words; empty where all is well or the command says all."""
    command: str = ""
    """For a shell: what mends it, or, where no command can (a cable), what shows it. Empty where all is well."""

    def body(self) -> dict[str, str]:
        """Return it as `--json` has it."""
        return {**asdict(self), "level": str(self.level)}


@dataclass(frozen=True, slots=True)
class Cure:
    """What to do about something, for several findings of one cause."""

    advice: str
    """In words; empty where the command says all."""
    command: str


def ok(subject: str, message: str) -> Finding:
    """All is well, or there is nothing to say."""
    return Finding(subject, Level.OK, message)


def warning(subject: str, message: str, advice: str = "", command: str = "") -> Finding:
    """It works, with less than it could."""
    return Finding(subject, Level.WARNING, message, advice, command)


def problem(subject: str, message: str, advice: str = "", command: str = "") -> Finding:
    """It does not work."""
    return Finding(subject, Level.PROBLEM, message, advice, command)


def as_root(*commands: str) -> str:
    """Several commands one after another, each by root: with sudo, unless they are typed into root's own shell."""
    if os.geteuid() == 0 and "SUDO_USER" not in os.environ:
        return " && ".join(commands)
    return " && ".join(f"sudo {_one_word(command)}" for command in commands)


def as_asked(command: str) -> str:
    """A command with the rights that the doctor was called with: by sudo after `sudo edgedet doctor`, else as it is."""
    return as_root(command) if os.geteuid() == 0 else command


def _one_word(command: str) -> str:
    """Pipes and redirections happen in the shell, which must be root's then."""
    return f"sh -c {shlex.quote(command)}" if any(mark in command for mark in "|<>;") else command
