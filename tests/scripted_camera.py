"""Fixtures around tests/scripted_picamera2: the script, and an interpreter that has it installed."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest

STAND_IN = Path(__file__).with_name("scripted_picamera2")

_START = """
import runpy, sys
sys.path.insert(0, {stand_in!r})
sys.argv.pop(0)
runpy.run_path(sys.argv[0], run_name="__main__")
"""


class Script:
    """What the scripted camera does; changed while it runs."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._said: dict[str, object] = {}
        self.say()

    def say(self, **what: object) -> None:
        self._said |= what
        # In one step: the camera reads it while it is written.
        fresh = self._file.with_suffix(".new")
        fresh.write_text(json.dumps(self._said))
        fresh.replace(self._file)


def interpreter(folder: Path) -> str:
    """An interpreter that finds the scripted picamera2, isolated or not, as the system's Python finds the real one."""
    start = folder / "start.py"
    start.write_text(_START.format(stand_in=str(STAND_IN)))
    python = folder / "python-with-picamera2"
    python.write_text(f'#!/bin/sh\n[ "$1" = -I ] || exit 9\nshift\nexec {sys.executable} -I {start} "$@"\n')
    python.chmod(0o755)
    return os.fspath(python)


@contextmanager
def installed(folder: Path) -> Iterator[Script]:
    """The scripted picamera2 in this process, as `import picamera2` finds it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(STAND_IN))
        patch.setenv("EDGEDET_SCRIPTED_CAMERA", str(folder / "script.json"))
        for name in ("picamera2", "libcamera"):
            patch.setitem(sys.modules, name, ModuleType("to be put back"))
            del sys.modules[name]
        yield Script(folder / "script.json")
        if "picamera2" in sys.modules:
            sys.modules["picamera2"].unplug()
