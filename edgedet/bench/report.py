"""All figures of one run, as sections for a reader and as JSON for a program."""

from __future__ import annotations

import os
import platform
import statistics
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgedet.app.model import usable_cores

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edgedet.app.model import Model
    from edgedet.bench.clips import Clip
    from edgedet.bench.footprint import Memory
    from edgedet.bench.rounds import Comparison
    from edgedet.bench.stages import Stage
    from edgedet.bench.worker_cost import WorkerCost

_RUNTIMES = ("ai-edge-litert", "tflite-runtime")


@dataclass(frozen=True, slots=True)
class Section:
    """A table, and what its figures are."""

    title: str
    meaning: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Machine:
    """What the figures are of."""

    processor: str
    cores: int
    """That this process may use."""
    load: float
    """Average of the last minute, when measuring began."""
    python: str
    runtime: str

    @classmethod
    def this(cls) -> Machine:
        """The machine and the interpreter that run this."""
        return cls(_processor(), usable_cores(), os.getloadavg()[0], platform.python_version(), _runtime())


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that `edgedet bench` measured."""

    machine: Machine
    model: Model
    source: str
    clip: Clip
    stages: tuple[Stage, ...]
    worker: WorkerCost
    comparisons: tuple[Comparison, ...]
    starts_s: tuple[float, ...]
    memory: Memory

    def sections(self) -> Iterator[Section]:
        """The tables, in the order in which they are read."""
        yield self._subject()
        rows = [(each.name, f"{each.p50_us:.0f}", f"{each.p99_us:.0f}", each.what) for each in self.stages]
        yield Section(
            "stages",
            "Each alone, one frame on one core, in microseconds. In the pipeline they overlap.",
            ("stage", "median", "p99", "what"),
            tuple(rows),
        )
        yield self._worker()
        yield self._pipeline()
        yield self._footprint()

    def body(self) -> dict[str, Any]:
        """The same for a program, with every round."""
        layout = self.model.layout
        return {
            "schema": 1,
            "machine": asdict(self.machine),
            "model": {
                "file": str(self.model.path),
                "width": layout.width,
                "height": layout.height,
                "dtype": self.model.info.input.dtype,
                "layout": layout.kind.value,
            },
            "source": {
                "name": self.source,
                "width": self.clip.width,
                "height": self.clip.height,
                "codec": self.clip.codec,
            },
            "stages": [asdict(stage) for stage in self.stages],
            "worker": self.worker.body(),
            "pipeline": [
                {
                    "instances": each.instances,
                    "bare_fps": each.median(lambda one: one.bare.fps),
                    "fps": each.median(lambda one: one.detect.fps),
                    "speed_to_bare": each.speed,
                    "bare_cpu_ms": each.median(lambda one: one.bare.cpu_ms),
                    "cpu_ms": each.median(lambda one: one.detect.cpu_ms),
                    "cpu_to_bare": each.cost,
                    "rounds": [asdict(one) for one in each.rounds],
                }
                for each in self.comparisons
            ],
            "start_to_first_detection_s": {"median": statistics.median(self.starts_s), "runs": self.starts_s},
            "memory": asdict(self.memory),
        }

    def _subject(self) -> Section:
        machine, layout = self.machine, self.model.layout
        cores = f"{machine.cores} core{'s' if machine.cores > 1 else ''}"
        size = f"{layout.width}x{layout.height}"
        rows = [
            ("machine", f"{machine.processor}, {cores}, Python {machine.python}, {machine.runtime}"),
            ("model", f"{self.model.path.name}, {size}, {self.model.info.input.dtype} input"),
            ("source", f"{self.source}, {self.clip.width}x{self.clip.height}, {self.clip.codec}"),
        ]
        if machine.load > machine.cores / 2:
            rows.append(("warning", f"the machine is busy (load {machine.load:.1f}): trust the ratios, not the times"))
        return Section("measured", "", ("", ""), tuple(rows))

    def _worker(self) -> Section:
        cost = self.worker
        ways = {
            "in one process": (cost.in_process, "the picture into the tensor, invoke and decode, with nothing between"),
            "through the worker": (cost.in_worker, "the same from the daemon: the answer is back in its event loop"),
            "the worker adds": (cost.added, "the price of a daemon that outlives a library which hangs or crashes"),
        }
        return Section(
            "worker",
            f"A frame's way to its boxes, in microseconds; {cost.frames} frames each way, in turn.",
            ("", "median", "p99", "what"),
            tuple((name, f"{each.p50_us:.0f}", f"{each.p99_us:.0f}", what) for name, (each, what) in ways.items()),
        )

    def _pipeline(self) -> Section:
        columns = [
            "",
            *("one instance" if each.instances == 1 else f"{each.instances} instances" for each in self.comparisons),
        ]
        each = self.comparisons
        rows = [
            ("bare inference, frames/s", *(f"{one.median(lambda r: r.bare.fps):.1f}" for one in each)),
            ("edgedet detect, frames/s", *(f"{one.median(lambda r: r.detect.fps):.1f}" for one in each)),
            ("share of the limit", *(f"{one.speed:.2f}" for one in each)),
            ("bare inference, CPU ms/frame", *(f"{one.median(lambda r: r.bare.cpu_ms):.2f}" for one in each)),
            ("edgedet detect, CPU ms/frame", *(f"{one.median(lambda r: r.detect.cpu_ms):.2f}" for one in each)),
            ("CPU to the limit's", *(f"{one.cost:.2f}" for one in each)),
        ]
        count = len(each[0].rounds)
        rounds = f"medians of {count} alternating rounds" if count > 1 else "one round"
        return Section(
            "pipeline",
            f"Over the clip, decoding included; one thread an instance; {rounds}. "
            "Bare inference calls invoke() and does nothing else: it is the limit. CPU is of all processes together.",
            tuple(columns),
            tuple(rows),
        )

    def _footprint(self) -> Section:
        memory = self.memory
        started = f"{statistics.median(self.starts_s):.2f} s"
        rows = [
            ("start to first detection", started, f"from starting the process, median of {len(self.starts_s)}"),
            ("memory", f"{memory.median_mb:.0f} MB", f"PSS of {memory.processes} processes together, one instance"),
            ("highest memory", f"{memory.highest_mb:.0f} MB", f"of {memory.samples} samples"),
        ]
        return Section("footprint", "", ("", "", ""), tuple(rows))


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() in ("model name", "Model"):
                return value.strip()
    except OSError:
        pass
    return platform.machine()


def _runtime() -> str:
    for name in _RUNTIMES:
        try:
            return f"{name} {metadata.version(name)}"
        except metadata.PackageNotFoundError:
            continue
    return "no runtime"
