"""Programs under measurement: their time on the processors, the memory of all their processes, their first line."""

from __future__ import annotations

import resource
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from edgedet.errors import WorkerError

_KIB = 1024
_STDERR_LINES_SHOWN = 3
_PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class Ran:
    """A program that has ended."""

    cpu_s: float
    """User and system time of it and of all its children."""
    stdout: str
    stderr: str


def run(argv: Sequence[str]) -> Ran:
    """Run a program to its end. No other child of this process may end meanwhile: its time would be counted too.

    Raises:
        WorkerError: it ended with another status than 0; what it said last is in the message.
    """
    cpu_before_s = _children_cpu_s()
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise failed(argv, done.returncode, done.stderr)
    return Ran(_children_cpu_s() - cpu_before_s, done.stdout, done.stderr)


def seconds_to_first_line(argv: Sequence[str]) -> float:
    """From the start of the process to its first line on standard output; it is ended then.

    Raises:
        WorkerError: it ended without one.
    """
    begun = time.perf_counter()
    with running(argv) as child:
        assert child.stdout is not None  # noqa: S101 - what `running` asked for
        line = child.stdout.readline()
        seconds = time.perf_counter() - begun
        if not line:
            raise failed(argv, child.wait(), child.stderr.read().decode(errors="replace") if child.stderr else "")
    return seconds


@contextmanager
def running(argv: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    """A program that is ended with SIGINT, and killed if it does not listen."""
    child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        yield child
    finally:
        if child.poll() is None:
            child.send_signal(signal.SIGINT)
        try:
            child.communicate(timeout=_PATIENCE_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.communicate()


def pss_mb(pid: int) -> float:
    """Proportional memory of a process and of everything that it has started, in MB of 10^6 bytes."""
    return sum(_pss_bytes(each) for each in family(pid)) / 1e6


def family(pid: int) -> list[int]:
    """The process, its children, their children."""
    found = [pid]
    for parent in found:
        for task in Path(f"/proc/{parent}/task").glob("*/children"):
            with suppress(OSError):
                found += [int(child) for child in task.read_text().split()]
    return found


def _pss_bytes(pid: int) -> int:
    # Not /proc's Rss: pages that several processes share would be counted in each.
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * _KIB
    return 0


def _children_cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def failed(argv: Sequence[str], status: int, stderr: str) -> WorkerError:
    """The error of a program that was to be measured and did not work."""
    said = " / ".join(stderr.strip().splitlines()[-_STDERR_LINES_SHOWN:])
    return WorkerError(
        f"what was to be measured failed with status {status}: {said or 'it said nothing'}", hint=" ".join(argv)
    )
