"""What can be wrong with a path before anything is decoded, in plain words."""

from __future__ import annotations

from pathlib import Path

from edgedet.errors import SourceError

FORBIDDEN = "Let this user read it and enter its folder, or run the command again with sudo."
"""What to do about a file or folder that is there for others."""


def refuse_unreadable(path: str) -> None:
    """Look at the file or folder without reading it.

    Raises:
        SourceError: it is not there, may not be read, or is an empty file.
    """
    try:
        if Path(path).is_file():
            with Path(path).open("rb") as file:
                empty = not file.read(1)
        else:
            Path(path).stat()
            empty = False
    except FileNotFoundError:
        raise SourceError(f"{path}: there is no such file or folder", hint="Check the path.") from None
    except PermissionError:
        raise SourceError(f"{path}: no permission to read it", hint=FORBIDDEN) from None
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror}", hint="Check the path.") from None
    if empty:
        raise SourceError(f"{path} is an empty file", hint="Copy or record it again.")
