"""Where the tests' real Home Assistant core is installed; made on first use."""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
REQUIREMENTS = HERE / "requirements.txt"
VARIABLE = "EDGEDET_HOMEASSISTANT"
"""An environment that is there already; else one is made in the user's cache."""
MAKING_S = 900.0


class NoHomeAssistant(Exception):
    """It cannot be had here; the message says why."""


@functools.cache
def program() -> Path:
    """The `hass` command.

    Raises:
        NoHomeAssistant: no Python 3.13, or it cannot be installed.
    """
    if given := os.environ.get(VARIABLE):
        return _existing(Path(given))
    python = _python()
    if python is None:
        raise NoHomeAssistant("no Python 3.13 on this machine, which Home Assistant needs")
    digest = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "edgedet" / f"homeassistant-{digest}"
    if not (folder / ".ready").exists():
        done = subprocess.run(
            [HERE / "make-environment", folder, python], capture_output=True, text=True, timeout=MAKING_S, check=False
        )
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise NoHomeAssistant(f"Home Assistant cannot be installed here: {last}")
    return _existing(folder)


def _existing(folder: Path) -> Path:
    found = folder / "bin" / "hass"
    if not found.exists():
        raise NoHomeAssistant(f"there is no Home Assistant in {folder}")
    return found


def _python() -> str | None:
    """A Python 3.13 of the system, else one of pyenv's."""
    if found := shutil.which("python3.13"):
        works = subprocess.run([found, "-c", "import ssl, sqlite3"], capture_output=True, check=False)
        if works.returncode == 0:
            return found
    candidates = sorted((Path.home() / ".pyenv" / "versions").glob("3.13*/bin/python"))
    return str(candidates[-1]) if candidates else None
