"""Memory and start of `edgedet detect` with YOLOv8n 320 int8 and a 720p clip."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from pathlib import Path

from figures import Figure

from edgedet.bench import clips, footprint
from edgedet.bench.rounds import Work


def figures(model: Path, clip: Path, folder: Path, *, seconds: float, starts: int) -> Iterator[Figure]:
    hd = clips.render(folder / "hd.mp4", 120, size=(1280, 720))
    work = Work(model, hd.path, folder)
    found = footprint.memory(work, seconds, fps=300, start_s=1.0)
    note = f"{found.processes} processes, {found.samples} samples in {seconds:.0f} s"
    yield Figure("memory of `edgedet detect`, 320 int8, 720p: highest PSS", found.highest_mb, "MB", "<", 160, note)
    times = footprint.start_s(Work(model, clip, folder), starts)
    note = f"median of {starts}; slowest {max(times):.2f}"
    yield Figure("start to first detection", statistics.median(times), "s", "<", 0.5, note)
