"""How often each line was crossed since local midnight, kept over a restart."""

from __future__ import annotations

import contextlib
import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

_log = logging.getLogger(__name__)

_FILE = "lines.json"
_WRITE_EVERY_S = 60.0
"""A door with a queue before it shall not wear out an SD card; a power cut costs the crossings of a minute."""


@dataclass(slots=True)
class Crossings:
    """Of one line, since midnight."""

    into: int = 0
    out: int = 0


def local_date() -> date:
    """Today, where this machine is."""
    return datetime.now().astimezone().date()


class LineTotals:
    """The totals of every camera's lines. `load` before use, `roll` now and then, `save` at the end."""

    def __init__(
        self, state_dir: Path, today: Callable[[], date] = local_date, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._path = state_dir / _FILE
        self._today = today
        self._now_s = now_s
        self._day = today()
        self._totals: dict[tuple[str, str], Crossings] = {}
        self._next_write_s = now_s()
        self._unsaved = False

    def load(self) -> None:
        """Go on from what was saved today. A damaged file is told about and counts as none."""
        try:
            body = json.loads(self._path.read_text(encoding="utf-8"))
            if body["date"] == self._day.isoformat():
                self._totals = {
                    (str(camera), str(line)): Crossings(int(into), int(out))
                    for camera, line, into, out in body["crossings"]
                }
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError) as error:
            _log.warning("%s cannot be read (%s): crossings are counted from zero", self._path, error)

    def of(self, camera: str, line: str) -> Crossings:
        """Today's crossings of a line."""
        return self._totals.get((camera, line), Crossings())

    def crossed(self, camera: str, line: str, direction: str) -> None:
        """Count one crossing, `in` or `out`."""
        total = self._totals.setdefault((camera, line), Crossings())
        if direction == "in":
            total.into += 1
        else:
            total.out += 1
        self._unsaved = True
        if self._now_s() >= self._next_write_s:
            self.save()

    def roll(self) -> bool:
        """Start again from zero when the day has changed; says whether it has. The clock of a Pi may be set late."""
        today = self._today()
        if today == self._day:
            return False
        self._day = today
        self._totals = {}
        self._unsaved = True
        return True

    def save(self) -> None:
        """Write what has changed. A disk that is full or read-only is told about once a minute at most."""
        if not self._unsaved:
            return
        self._next_write_s = self._now_s() + _WRITE_EVERY_S
        crossings = [[camera, line, total.into, total.out] for (camera, line), total in self._totals.items()]
        partial = self._path.with_suffix(".new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            partial.write_text(json.dumps({"date": self._day.isoformat(), "crossings": crossings}), encoding="utf-8")
            partial.replace(self._path)
            self._unsaved = False
        except OSError as error:
            _log.warning("%s cannot be written (%s): a restart loses today's crossings", self._path, error)
            with contextlib.suppress(OSError):
                partial.unlink()
