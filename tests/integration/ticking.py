"""Measures from inside how long an event loop stands still, and, as a process of its own, how long this machine does.

    python ticking.py FILE run -c CONFIG     `edgedet run`, with a ticker in the daemon's own loop
    python ticking.py FILE                   nothing but the ticker: what the machine does to any process

FILE gets a line for each tick: CLOCK_MONOTONIC in nanoseconds, and by how many of them the tick was late.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import time
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_TICK_S = 0.005


@dataclass(frozen=True)
class Ticks:
    """What a ticker has written so far."""

    file: Path

    def worst_s(self, since_ns: int, until_ns: int) -> float:
        """The longest that a tick was late between the two times; fails where there was none."""
        ticks = [tuple(map(int, line.split())) for line in self.file.read_text().splitlines() if line.count(" ") == 1]
        return max(late_ns for at_ns, late_ns in ticks if since_ns <= at_ns <= until_ns) / 1e9


def daemon_with_ticker(file: Path) -> tuple[str, ...]:
    """In place of `python -m edgedet`."""
    return (sys.executable, __file__, str(file))


@contextlib.contextmanager
def ticking_beside(file: Path) -> Iterator[Ticks]:
    """A ticker in a process of its own, for as long as this is open."""
    child = subprocess.Popen([sys.executable, __file__, str(file)])
    try:
        yield Ticks(file)
    finally:
        child.kill()
        child.wait()


async def _tick(file: Path) -> None:
    with file.open("w") as out:
        while True:
            due_ns = time.monotonic_ns() + int(_TICK_S * 1e9)
            await asyncio.sleep(_TICK_S)
            now_ns = time.monotonic_ns()
            out.write(f"{now_ns} {max(0, now_ns - due_ns)}\n")
            out.flush()


def main() -> None:
    file, *arguments = sys.argv[1:]
    if not arguments:
        asyncio.run(_tick(Path(file)))
        return
    run = asyncio.run

    async def beside_ticker(work: Coroutine[Any, Any, Any]) -> Any:
        ticker = asyncio.get_running_loop().create_task(_tick(Path(file)))
        try:
            return await work
        finally:
            ticker.cancel()

    asyncio.run = lambda work: run(beside_ticker(work))
    sys.argv = ["edgedet", *arguments]
    from edgedet.cli import main as edgedet

    edgedet()


if __name__ == "__main__":
    main()
