"""What is meant where a command is given no configuration: the installed service's. Needs no pydantic."""

from __future__ import annotations

from pathlib import Path

DEFAULT_PATH = Path("/etc/edgedet/edgedet.yaml")
INSTALLED_STATE = Path("/var/lib/edgedet")
"""The state directory of an installed service."""


def may_be_read(file: Path) -> bool | None:
    """Whether this user may read `file`; None: it is not there."""
    try:
        file.open("rb").close()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        return False
    return True
