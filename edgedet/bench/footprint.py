"""What `edgedet detect` needs beside time: memory of all its processes, and the time until it says something."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edgedet.bench import clips, processes
from edgedet.bench.rounds import Work, command

_SETTLED_S = 0.5
"""After the first detection, before memory is looked at."""
_EVERY_S = 0.25


@dataclass(frozen=True, slots=True)
class Memory:
    """Proportional memory (PSS) of all processes together, MB of 10^6 bytes."""

    median_mb: float
    highest_mb: float
    processes: int
    samples: int


def start_s(work: Work, runs: int, on_done: Callable[[str], None] = lambda _what: None) -> tuple[float, ...]:
    """Seconds from the start of the process to its first line, of each run.

    Raises:
        WorkerError: it said nothing.
    """
    found = []
    for _ in range(runs):
        found.append(processes.seconds_to_first_line(command(work, work.clip, 1, None)))
        on_done("start to first detection")
    return tuple(found)


def memory(work: Work, seconds: float, *, fps: float, start_s: float) -> Memory:
    """Memory while one instance looks at a clip for about `seconds`.

    Args:
        work: what is looked at.
        seconds: how long.
        fps: how fast it usually is: the clip must be long enough.
        start_s: how long it usually takes to start.

    Raises:
        WorkerError: it ended before it could be looked at.
    """
    settled_s = 2 * start_s + _SETTLED_S
    length = max(60, round(3 * (seconds + settled_s) * fps))
    clip = clips.repeat(work.clip, work.scratch / "memory.mkv", length)
    samples: list[float] = []
    count = 0
    with processes.running(command(work, clip.path, 1, Path("/dev/null"))) as child:
        end = time.monotonic() + settled_s + seconds
        time.sleep(settled_s)
        while child.poll() is None and (time.monotonic() < end or not samples):
            members = processes.family(child.pid)
            if len(members) >= count:
                count = len(members)
                samples.append(processes.pss_mb(child.pid))
            time.sleep(_EVERY_S)
        if child.returncode:
            raise processes.failed(["edgedet", "detect"], child.returncode, "")
    return Memory(statistics.median(samples), max(samples), count, len(samples))
