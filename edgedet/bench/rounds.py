"""The pipeline beside its limit, in rounds that alternate, so that what disturbs the machine disturbs both.

The pipeline is the command itself, `edgedet detect` over a clip, decoding included, in fresh processes.
"""

from __future__ import annotations

import re
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgedet.bench import bare, clips, processes
from edgedet.errors import WorkerError

_LOST_AT_THE_SEAM = 8
"""A clip that was cut to length may end with frames that wait for others which are not there."""
_SUMMARY = re.compile(r"^(\d+) frames in ([\d.]+) s", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Work:
    """What is run, and where its files may lie."""

    model: Path
    clip: Path
    """Any video file; it is repeated to the length needed, and not encoded anew."""
    scratch: Path
    """A folder for clips and results."""


@dataclass(frozen=True, slots=True)
class Rate:
    """Frames a second, and what a frame costs all processes together."""

    frames: int
    fps: float
    cpu_ms: float
    """Processor time of one frame, milliseconds, without what starting costs."""


@dataclass(frozen=True, slots=True)
class Round:
    """The limit and the pipeline, right after each other."""

    bare: Rate
    detect: Rate

    @property
    def speed(self) -> float:
        """The pipeline's rate as a share of the limit's."""
        return self.detect.fps / self.bare.fps

    @property
    def cost(self) -> float:
        """The pipeline's processor time for a frame, in those of the limit."""
        return self.detect.cpu_ms / self.bare.cpu_ms


@dataclass(frozen=True, slots=True)
class Comparison:
    """All rounds with so many interpreters of one thread side by side."""

    instances: int
    rounds: tuple[Round, ...]

    @property
    def speed(self) -> float:
        """Median of the rounds' shares of the limit."""
        return statistics.median(each.speed for each in self.rounds)

    @property
    def cost(self) -> float:
        """Median of the rounds' processor time in those of the limit."""
        return statistics.median(each.cost for each in self.rounds)

    def median(self, figure: Callable[[Round], float]) -> float:
        """Median of any figure of a round."""
        return statistics.median(figure(each) for each in self.rounds)


def compare(
    work: Work,
    instances: Sequence[int],
    *,
    rounds: int,
    seconds: float,
    on_done: Callable[[str], None] = lambda _what: None,
) -> tuple[Comparison, ...]:
    """So many rounds for each number of instances, all interleaved; each run takes about `seconds`.

    Raises:
        WorkerError: something that was run failed.
        SourceError: the clip is no video.
    """
    lengths = {count: _length(work, count, seconds) for count in instances}
    long = {
        count: clips.repeat(work.clip, work.scratch / f"clip-{count}.mkv", length) for count, length in lengths.items()
    }
    first = clips.repeat(work.clip, work.scratch / "first.mkv", 1)
    found: dict[int, list[Round]] = {count: [] for count in instances}
    for number in range(rounds):
        for count in instances:
            limit = bare.measure(work.model, seconds=seconds, processes=count)
            on_done(f"round {number + 1}: bare inference, {count} at once")
            rate = detect(work, long[count], first, count)
            on_done(f"round {number + 1}: the pipeline, {count} instances")
            found[count].append(Round(Rate(limit.frames, limit.fps, limit.cpu_ms), rate))
    return tuple(Comparison(count, tuple(each)) for count, each in found.items())


def command(work: Work, clip: Path, instances: int, output: Path | None) -> list[str]:
    """`edgedet detect` as it is measured; to standard output where `output` is None."""
    argv = [sys.executable, "-m", "edgedet", "detect", str(clip), "-m", str(work.model)]
    argv += ["--threads", "1", "--instances", str(instances), "--format", "jsonl"]
    return argv if output is None else [*argv, "-o", str(output)]


def _length(work: Work, instances: int, seconds: float) -> int:
    """Frames that take about so long, judged by the limit."""
    return max(20, round(seconds * bare.measure(work.model, seconds=min(0.5, seconds), processes=instances).fps))


def detect(work: Work, clip: clips.Clip, first: clips.Clip, instances: int) -> Rate:
    """One run of `edgedet detect` over `clip`; `first` is a clip of one frame. What it found is in `output_of`.

    Raises:
        WorkerError: it failed, or did not look at every frame.
    """
    output = output_of(work, instances)
    # Starting costs as much as hundreds of small frames: a run over the first frame alone says how much.
    start = processes.run(command(work, first.path, instances, output))
    ran = processes.run(command(work, clip.path, instances, output))
    summary = _SUMMARY.search(ran.stderr)
    frames = int(summary[1]) if summary else 0
    if summary is None or frames < clip.frames - _LOST_AT_THE_SEAM:
        raise WorkerError(f"`edgedet detect` looked at {frames} of {clip.frames} frames: {ran.stderr.strip()}")
    return Rate(frames, frames / float(summary[2]), 1000.0 * (ran.cpu_s - start.cpu_s) / (frames - 1))


def output_of(work: Work, instances: int) -> Path:
    """The JSON lines of the last run with so many instances."""
    return work.scratch / f"found-{instances}.jsonl"
