"""Passwords that stand in the configuration: allowed, as long as nobody else can read the file."""

from __future__ import annotations

import re
import stat

from edgedet.settings.broker import holds_password
from edgedet.settings.document import Document
from edgedet.settings.places import KeyPath, Problem

_VARIABLE = re.compile(r"\$\{[^}]*\}")


def exposed_passwords(document: Document) -> list[Problem]:
    """Every password in a file that all users of the machine can read; none where the file is kept to some.

    What `${NAME}` brings in from the environment does not stand in the file. The mode of the file alone decides, as
    with other programs: whether a folder above keeps others out can change with the next `chmod`.
    """
    try:
        mode = document.file.stat().st_mode
    except OSError:
        return []
    if not (stat.S_ISREG(mode) and mode & stat.S_IROTH):
        return []
    return [
        Problem(place.value, path, _message(path, stat.S_IMODE(mode)))
        for path, place in document.places.items()
        if holds_password(_VARIABLE.sub("", place.written))
    ]


def _message(path: KeyPath, mode: int) -> str:
    better = "mqtt.password_file" if path[:1] == ("mqtt",) else "username and password_file"
    return (
        f"a password, and every user of this machine can read it (the file's mode is {mode:04o}); chmod 640 the file "
        f"with edgedet's group, or better use {better}"
    )
