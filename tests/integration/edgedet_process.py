"""`edgedet` as its users run it: a process of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

PATIENCE_S = 60.0


@dataclass(frozen=True)
class Finished:
    """A command that has ended."""

    code: int
    out: str
    err: str


def run_edgedet(*arguments: str | Path, cwd: Path | None = None, timeout_s: float = PATIENCE_S) -> Finished:
    """Run a command to its end."""
    done = subprocess.run(
        [sys.executable, "-m", "edgedet", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=timeout_s,
        check=False,
    )
    return Finished(done.returncode, done.stdout, done.stderr)


class RunningDaemon:
    """`edgedet run` with a configuration, until it is stopped. `command` stands in place of `python -m edgedet`."""

    def __init__(self, config: Path, log: Path, command: Sequence[str] = (sys.executable, "-m", "edgedet")) -> None:
        self._config = config
        self._log = log
        self._command = command
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with self._log.open("wb") as stream:
            self._child = subprocess.Popen([*self._command, "run", "-v", "-c", str(self._config)], stderr=stream)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait(PATIENCE_S)

    @property
    def child(self) -> subprocess.Popen[bytes]:
        assert self._child is not None, "enter it first"
        return self._child

    @property
    def log(self) -> str:
        return self._log.read_text()

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.child.send_signal(signal.SIGTERM)
        return self.child.wait(PATIENCE_S)

    def workers(self, module: str) -> list[int]:
        """Children that run a worker module, such as `detector_child`."""
        found = []
        for pid in _children(self.child.pid):
            line = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if any(part.endswith(module.encode()) for part in line):
                found.append(pid)
        return found

    def worker(self, module: str) -> int:
        """The only one of its kind; waits for it."""
        deadline = time.monotonic() + PATIENCE_S
        while not (found := self.workers(module)):
            assert time.monotonic() < deadline, f"no {module} came up; the log:\n{self.log}"
            time.sleep(0.02)
        assert len(found) == 1
        return found[0]


def _children(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            found += [int(child) for child in (task / "children").read_text().split()]
        except OSError:
            continue
    return found
