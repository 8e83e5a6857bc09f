"""Passwords that every user of the machine can read: in the configuration refused, in a file of their own told.

A `password_file` that is open to all was always taken, so it goes on working.
"""

from __future__ import annotations

import grp
import os
import re
import shlex
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgedet.settings.broker import holds_password
from edgedet.settings.document import Document
from edgedet.settings.places import KeyPath, Problem

if TYPE_CHECKING:
    from edgedet.settings.loader import Loaded

SERVICE_GROUP = "edgedet"
"""Of the service's user, where it is installed."""
_VARIABLE = re.compile(r"\$\{[^}]*\}")


def exposed_passwords(document: Document) -> list[Problem]:
    """Every password in a file that all users of the machine can read; none where the file is kept to some.

    What `${NAME}` brings in from the environment does not stand in the file. The mode of the file alone decides, as
    with other programs: whether a folder above keeps others out can change with the next `chmod`.
    """
    mode = open_mode(document.file)
    if mode is None:
        return []
    return [
        Problem(place.value, path, _message(path, mode))
        for path, place in document.places.items()
        if holds_password(_VARIABLE.sub("", place.written))
    ]


@dataclass(frozen=True, slots=True)
class OpenSecret:
    """A file with a password that every user of the machine can read."""

    file: Path
    problem: Problem
    """Where the configuration names it, and what closes it."""


def open_secrets(loaded: Loaded) -> tuple[OpenSecret, ...]:
    """Every `password_file` of broker and cameras that is open to all; a file that is not there is not."""
    files: dict[KeyPath, Path | str | None] = {("mqtt", "password_file"): loaded.settings.mqtt.password_file}
    for name, camera in loaded.settings.cameras.items():
        files["cameras", name, "source", "password_file"] = getattr(camera.source, "password_file", None)
    found = []
    for key, named in files.items():
        mode = None if named is None else open_mode(Path(named))
        if named is not None and mode is not None:
            file = Path(named)
            message = (
                f"every user of this machine can read {file}, a password (its mode is {mode:04o}); "
                f"`{closing_command(file)}` keeps it to edgedet"
            )
            found.append(OpenSecret(file, Problem(loaded.document.value_mark(key), key, message)))
    return tuple(found)


def open_mode(file: Path) -> int | None:
    """The permissions of a regular file that every user can read; None: it is not there, or kept to some."""
    try:
        mode = file.stat().st_mode
    except OSError:
        return None
    return stat.S_IMODE(mode) if stat.S_ISREG(mode) and mode & stat.S_IROTH else None


def closing_command(file: Path) -> str:
    """For a shell: keeps the file to its owner, and to the service's group where there is one and it is not our own."""
    path, user = shlex.quote(str(file)), os.geteuid()
    own = user != 0 and file.stat().st_uid == user
    if own or not _is_group(SERVICE_GROUP):
        return f"chmod 600 {path}"
    steps = (f"chgrp {SERVICE_GROUP} {path}", f"chmod 640 {path}")
    return " && ".join(step if user == 0 else f"sudo {step}" for step in steps)


def _is_group(name: str) -> bool:
    try:
        grp.getgrnam(name)
    except KeyError:
        return False
    return True


def _message(path: KeyPath, mode: int) -> str:
    better = "mqtt.password_file" if path[:1] == ("mqtt",) else "username and password_file"
    return (
        f"a password, and every user of this machine can read it (the file's mode is {mode:04o}); chmod 640 the file "
        f"with edgedet's group, or better use {better}"
    )
