"""The limit: a process that calls `invoke()` in a loop and does nothing else.

    python -m edgedet.bench.bare MODEL THREADS

It says `ready` once the model is loaded and warm, then answers each line with a number of seconds by one JSON line.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from edgedet.bench.processes import failed

_WARM_UP_S = 0.2
_WARM_UP_RUNS = 3
_INPUT = 114
"""What the input tensor holds. The kernels take the same time for any picture."""


@dataclass(frozen=True, slots=True)
class Bare:
    """What the loop came to; of several processes side by side, together."""

    frames: int
    fps: float
    cpu_ms: float
    """Processor time of one `invoke()`, milliseconds."""


def measure(model: Path, *, seconds: float, threads: int = 1, processes: int = 1) -> Bare:
    """Run so many fresh processes side by side for `seconds`.

    Raises:
        WorkerError: the model does not run.
    """
    argv = [sys.executable, "-m", "edgedet.bench.bare", str(model), str(threads)]
    children = [
        subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(processes)
    ]
    try:
        for child in children:
            if _line_of(child) != "ready":
                raise failed(argv, child.wait(), child.stderr.read() if child.stderr else "")
        for child in children:
            _stream(child.stdin).write(f"{seconds}\n")
            _stream(child.stdin).flush()
        answers = [json.loads(_line_of(child)) for child in children]
    finally:
        for child in children:
            child.communicate()
    frames = sum(answer["frames"] for answer in answers)
    cpu_s = sum(answer["cpu_s"] for answer in answers)
    return Bare(frames, sum(answer["frames"] / answer["seconds"] for answer in answers), 1000.0 * cpu_s / frames)


def _line_of(child: subprocess.Popen[str]) -> str:
    return _stream(child.stdout).readline().strip()


def _stream(stream: IO[str] | None) -> IO[str]:
    if stream is None:
        raise RuntimeError("started without pipes")
    return stream


def main() -> None:
    """The process itself."""
    from edgedet.accelerators import Options
    from edgedet.accelerators.cpu import open_accelerator

    accelerator = open_accelerator(Options(sys.argv[1], int(sys.argv[2])))
    accelerator.load(lambda tensor: tensor.fill(_INPUT))
    invoke = accelerator.invoke
    begun, runs = time.perf_counter(), 0
    while runs < _WARM_UP_RUNS or time.perf_counter() - begun < _WARM_UP_S:
        invoke()
        runs += 1
    _say("ready")
    for line in sys.stdin:
        end = time.perf_counter() + float(line)
        frames = 0
        begun, cpu_begun = time.perf_counter(), time.process_time()
        while (now := time.perf_counter()) < end:
            invoke()
            frames += 1
        now, cpu = time.perf_counter(), time.process_time()
        _say(json.dumps({"frames": frames, "seconds": now - begun, "cpu_s": cpu - cpu_begun}))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
