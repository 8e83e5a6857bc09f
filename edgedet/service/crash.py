"""What is known of an abnormal end: the last lines, the stacks of all threads, and how often it happened lately.

While the daemon runs, its last lines are in its runtime directory, in memory, where they outlive a SIGKILL. When it has
ended, `keep` is run by systemd (`ExecStopPost=`) and writes them to the state directory, which outlives the power too.
"""

from __future__ import annotations

import asyncio
import faulthandler
import io
import logging
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

LINES_KEPT = 200
FILES_KEPT = 5
WRONG_CONFIGURATION = "78"
"""The exit status of a configuration that is wrong: told in the journal, and no reason to keep anything."""
_NO_DELAY_UP_TO = 2
_LONGEST_DELAY_S = 60.0
_LATELY_S = 600.0


class Ring(logging.Handler):
    """The last lines, in two files by turns: `log` is being written, `log.1` is the one before."""

    def __init__(self, folder: Path, lines: int = LINES_KEPT) -> None:
        super().__init__()
        self._folder = folder
        self._lines = lines
        self._written = 0
        self._stream: io.TextIOWrapper | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, at once: the next thing may be a SIGKILL."""
        try:
            if self._stream is None or self._written >= self._lines:
                self._turn()
            if self._stream is not None:
                text = self.format(record)
                self._stream.write(text + "\n")
                self._stream.flush()
                self._written += text.count("\n") + 1
        except (OSError, ValueError):
            # A full tmpfs, of which the record itself must not be the next complaint.
            self._written = self._lines

    def close(self) -> None:
        """Let go of the file; it stays."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None
        super().close()

    def _turn(self) -> None:
        if self._stream is not None:
            self._stream.close()
            (self._folder / "log").replace(self._folder / "log.1")
        self._stream = (self._folder / "log").open("w", encoding="utf-8", errors="replace")
        self._written = 0


def last_lines(folder: Path, lines: int = LINES_KEPT) -> list[str]:
    """What a `Ring` in the folder holds, oldest first; empty where there was none."""
    found: list[str] = []
    for name in ("log.1", "log"):
        with suppress(OSError):
            found += (folder / name).read_text(encoding="utf-8", errors="replace").splitlines()
    return found[-lines:]


@contextmanager
def stacks_into(folder: Path) -> Iterator[None]:
    """Have the stacks of all threads written to `stacks` when a signal ends the process: a fault, an abort.

    systemd's watchdog ends a daemon by SIGABRT.
    """
    with (folder / "stacks").open("wb") as stream:
        faulthandler.enable(stream, all_threads=True)
        try:
            yield
        finally:
            faulthandler.disable()


def stacks_of_tasks() -> Iterator[str]:
    """Where each task of the running loop waits, a few lines each: what the stacks of threads do not show."""
    for task in sorted(asyncio.all_tasks(), key=lambda task: task.get_name()):
        text = io.StringIO()
        task.print_stack(limit=4, file=text)
        yield f"{task.get_name()}: " + text.getvalue().strip()


@dataclass(frozen=True, slots=True)
class Ended:
    """How the service ended, as systemd tells `ExecStopPost=` (systemd.exec(5))."""

    result: str
    """`success`, `exit-code`, `signal`, `watchdog`, `oom-kill`, `timeout`, …"""
    code: str
    """`exited`, `killed` or `dumped`."""
    status: str
    """The exit status, or the name of the signal."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Ended:
        """Read it from the variables that systemd sets."""
        given = os.environ if environment is None else environment
        return cls(given.get("SERVICE_RESULT", ""), given.get("EXIT_CODE", ""), given.get("EXIT_STATUS", ""))

    @property
    def abnormal(self) -> bool:
        """Whether something is to be kept."""
        wrong_configuration = self.code == "exited" and self.status == WRONG_CONFIGURATION
        return self.result != "success" and not wrong_configuration


def keep(ended: Ended, runtime_dir: Path, state_dir: Path, *, version: str, boot_id: str) -> Path | None:
    """Write the last words to the state directory, and remember the end; the file, or None where nothing is kept.

    Raises:
        OSError: there is no room.
    """
    remember = runtime_dir / "ends"
    try:
        if not ended.abnormal:
            remember.unlink(missing_ok=True)
            return None
        with remember.open("a", encoding="ascii") as stream:
            stream.write(f"{time.monotonic()!r}\n")
        folder = state_dir / "last-words"
        folder.mkdir(parents=True, exist_ok=True)
        now = datetime.now(UTC)
        file = folder / f"{now:%Y%m%dT%H%M%S.%fZ}.txt"
        file.write_text(_report(ended, runtime_dir, now, version, boot_id), encoding="utf-8")
        for old in sorted(folder.glob("*.txt"))[:-FILES_KEPT]:
            old.unlink(missing_ok=True)
        return file
    finally:
        # Of this life; the next one must not be told by them.
        for name in ("log.1", "log", "stacks"):
            (runtime_dir / name).unlink(missing_ok=True)


def delay_s(runtime_dir: Path, now_s: float | None = None) -> float:
    """How long to wait before the next start: nothing at first, then longer with each end, up to a minute.

    Only ends within the last ten minutes count, and a stop forgets them all.
    """
    now_s = time.monotonic() if now_s is None else now_s
    try:
        ends = [float(line) for line in (runtime_dir / "ends").read_text("ascii").split()]
    except (OSError, ValueError):
        return 0.0
    lately = sum(0 <= now_s - end <= _LATELY_S for end in ends)
    return min(_LONGEST_DELAY_S, 2.0 ** (lately - _NO_DELAY_UP_TO)) if lately > _NO_DELAY_UP_TO else 0.0


def _report(ended: Ended, runtime_dir: Path, now: datetime, version: str, boot_id: str) -> str:
    lines = last_lines(runtime_dir)
    stacks = ""
    with suppress(OSError):
        stacks = (runtime_dir / "stacks").read_text(encoding="utf-8", errors="replace").strip()
    parts = (
        f"edgedet {version} ended: {ended.result} ({ended.code} {ended.status})",
        f"at {now:%Y-%m-%dT%H:%M:%SZ} by its clock, {time.monotonic():.0f} s after the machine's start, boot {boot_id}",
        "",
        "Stacks of all threads:" if stacks else "No stacks: only a signal that can be caught leaves some.",
        *([stacks] if stacks else []),
        "",
        f"The last {len(lines)} lines:",
        *lines,
    )
    return "\n".join(parts) + "\n"
