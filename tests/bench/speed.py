"""`edgedet detect` over a clip, bare inference, and the program it grew from, in rounds that alternate."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from figures import Figure

from edgedet.app.model import usable_cores
from edgedet.bench import bare, clips
from edgedet.bench.rounds import Rate, Round, Work, detect, output_of

HERE = Path(__file__).parent
_BESIDE = {"YOLO_OFFLINE": "true", "YOLO_AUTOINSTALL": "false"}


@dataclass(frozen=True)
class Case:
    """A model and what is asked of it: shares of bare inference, multiples of the program's rate."""

    name: str
    file: str
    size: int
    one: float
    all: float
    one_to_program: float
    all_to_program: float
    cpu: float


CASES = (
    Case("640 float32", "yolov8n_640_float32.tflite", 640, 0.98, 0.95, 1.2, 2.2, 1.06),
    Case("640 int8", "yolov8n_640_full_integer_quant.tflite", 640, 0.98, 0.88, 1.7, 2.9, 1.10),
    Case("320 int8", "yolov8n_320_full_integer_quant.tflite", 320, 0.96, 0.68, 2.9, 4.0, 1.40),
)


@dataclass
class Measured:
    """The rounds of one case."""

    rounds: dict[int, list[Round]] = field(default_factory=dict)
    program: list[Rate] = field(default_factory=list)


def figures(
    models: Path, clip: Path, folder: Path, *, rounds: int, seconds: float, program: Path | None, only: str
) -> Iterator[Figure]:
    """All cases; `program` is the interpreter that has Ultralytics, or None to leave the program out."""
    for case in CASES:
        if only in case.name:
            yield from _case(case, models / case.file, clip, folder, rounds, seconds, program)


def _case(
    case: Case, model: Path, clip: Path, folder: Path, rounds: int, seconds: float, program: Path | None
) -> Iterator[Figure]:
    work = Work(model, clip, folder)
    cores = usable_cores()
    first = clips.repeat(clip, folder / "first.mkv", 1)
    long: dict[int, clips.Clip] = {}
    for count in dict.fromkeys((1, cores)):
        rate = bare.measure(model, seconds=0.5, processes=count).fps
        long[count] = clips.repeat(clip, folder / f"clip-{count}.mkv", max(30, round(seconds * rate)))
    found = Measured({count: [] for count in long})
    for number in range(rounds):
        for count, each in long.items():
            limit = bare.measure(model, seconds=seconds, processes=count)
            measured = detect(work, each, first, count)
            found.rounds[count].append(Round(Rate(limit.frames, limit.fps, limit.cpu_ms), measured))
        if program is not None:
            found.program.append(_program(program, model, case.size, long[1], seconds))
        _tell(case, number, found)
    yield from _against_bare(case, found, cores)
    yield from _against_program(case, found, cores)
    yield _same(case, work, long, folder)


def _against_bare(case: Case, found: Measured, cores: int) -> Iterator[Figure]:
    targets = {1: case.one, cores: case.all}
    for count, each in found.rounds.items():
        share = statistics.median(one.speed for one in each)
        rates = f"{_median(one.detect.fps for one in each):.1f} of {_median(one.bare.fps for one in each):.1f} fps"
        yield Figure(f"{case.name}: detect to bare, {_side(count)}", share, "", ">=", targets[count], rates)
    for count, each in found.rounds.items():
        cost = statistics.median(one.cost for one in each)
        times = f"{_median(one.detect.cpu_ms for one in each):.2f} to {_median(one.bare.cpu_ms for one in each):.2f} ms"
        yield Figure(f"{case.name}: CPU of a frame to bare, {_side(count)}", cost, "", "<=", case.cpu, times)


def _against_program(case: Case, found: Measured, cores: int) -> Iterator[Figure]:
    if not found.program:
        return
    targets = {1: case.one_to_program, cores: case.all_to_program}
    for count, each in found.rounds.items():
        ratios = [one.detect.fps / other.fps for one, other in zip(each, found.program, strict=True)]
        most = statistics.median(one.bare.fps / other.fps for one, other in zip(each, found.program, strict=True))
        note = f"the program: {_median(one.fps for one in found.program):.1f} fps; bare inference itself: {most:.2f}"
        name = f"{case.name}: detect to the program it grew from, {_side(count)}"
        yield Figure(name, statistics.median(ratios), "", ">=", targets[count], note)
    cost = _median(one.cpu_ms for one in found.program)
    yield Figure(f"{case.name}: CPU of a frame in the program it grew from", cost, "ms")


def _same(case: Case, work: Work, long: dict[int, clips.Clip], folder: Path) -> Figure:
    """The measured runs' own lines against those of a run without any overlap; the number of lines that differ."""
    different = total = 0
    for count, clip in long.items():
        expected = folder / "frame-by-frame.jsonl"
        argv = [sys.executable, str(HERE / "frame_by_frame.py"), str(clip.path), str(work.model), str(expected)]
        subprocess.run(argv, check=True, stderr=subprocess.DEVNULL)
        lines = output_of(work, count).read_text().splitlines(), expected.read_text().splitlines()
        total += len(lines[1])
        different += abs(len(lines[0]) - len(lines[1])) + sum(a != b for a, b in zip(*lines, strict=False))
    note = f"of {total}, against a run frame by frame"
    return Figure(f"{case.name}: frames with other detections", different, "", "==", 0, note)


def _program(python: Path, model: Path, size: int, clip: clips.Clip, seconds: float) -> Rate:
    # It is slower by the factor that is measured here: fewer frames take as long.
    frames = max(30, clip.frames // 3)
    argv = [str(python), str(HERE / "grown_from.py"), str(model), str(clip.path), str(size), str(frames)]
    done = subprocess.run(argv, check=True, capture_output=True, text=True, env={**_environment(), **_BESIDE})
    said = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{")))
    return Rate(said["frames"], said["frames"] / said["seconds"], 1000.0 * said["cpu_s"] / said["frames"])


def _environment() -> dict[str, str]:
    import os

    return dict(os.environ)


def _tell(case: Case, number: int, found: Measured) -> None:
    said = [f"{_side(count)} {each[-1].speed:.3f} (CPU {each[-1].cost:.2f})" for count, each in found.rounds.items()]
    if found.program:
        said.append(f"the program {found.program[-1].fps:.1f} fps")
    print(f"  {case.name}, round {number + 1}: {', '.join(said)}", file=sys.stderr, flush=True)


def _side(count: int) -> str:
    return "one thread" if count == 1 else f"{count} side by side"


def _median(values: Iterator[float]) -> float:
    return statistics.median(list(values))
