"""`edgedet bench`: this machine's figures, with bare inference as the limit."""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgedet.app.model import open_model
from edgedet.app.sources import source_of
from edgedet.errors import UsageError
from edgedet.settings.model_choice import BUNDLED_MODEL

if TYPE_CHECKING:
    from edgedet.bench.report import Section

_STAGES = 11
_STAGES_SHARE, _WORKER_SHARE, _ROUNDS_SHARE, _MEMORY_SHARE = 0.15, 0.1, 0.6, 0.1
_CLIP_FRAMES = 150
_STARTS = 3
_WIDTH = 34
"""Of the first column in a pipe."""

Step = Callable[[str], None]


@click.command(
    epilog="\b\nExamples:\n"
    "  edgedet bench\n"
    "  edgedet bench -m yolov8n_320_full_integer_quant.tflite --source clip.mp4 --seconds 120\n"
    "  edgedet bench --json > figures.json\n"
    "\nClose other programs first. On a busy machine the ratios are still of use, the times are not."
)
@click.option(
    "-m", "--model", type=click.Path(path_type=Path, readable=False),
    help="A .tflite detector. Default: the bundled one.",
)  # fmt: skip
@click.option("--source", metavar="VIDEO", help="A video file. Default: a clip of the drawn scene, made first.")
@click.option(
    "--seconds", type=click.FloatRange(1), default=40.0, show_default=True,
    help="About how long to measure; starting things comes on top.",
)  # fmt: skip
@click.option(
    "--rounds", type=click.IntRange(1, 99), default=3, show_default=True,
    help="How often the limit and the pipeline alternate.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="All figures and all rounds as one JSON object.")
def command(model: Path | None, source: str | None, seconds: float, rounds: int, *, as_json: bool) -> None:
    """Measure this machine: each stage, what a worker adds, the pipeline, memory, start, and the limit: bare inference.

    The pipeline is `edgedet detect` over the clip, decoding included, in processes of its own.
    """
    chosen = open_model(model or BUNDLED_MODEL)
    given = None if source is None else _video(source)
    # Only now: what is refused above shall not wait for numpy and PyAV.
    from edgedet.bench import clips, footprint, stages, worker_cost
    from edgedet.bench.report import Machine, Report
    from edgedet.bench.rounds import Work, compare

    machine = Machine.this()
    instances = (1,) if machine.cores == 1 else (1, machine.cores)
    drawn = 0 if given else _CLIP_FRAMES
    with ExitStack() as stack:
        step = _progress(stack, drawn + _STAGES + 1 + 2 * rounds * len(instances) + _STARTS + 1)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="edgedet-bench-")))
        if given is None:
            clip = clips.render(folder / "scene.mkv", drawn, on_frame=lambda: step("drawing a clip"))
        else:
            clip = clips.look_at(given)
        measured = []
        for stage in stages.measure(chosen.path, clip.path, _STAGES_SHARE * seconds / (_STAGES + 1)):
            measured.append(stage)
            step(f"stage: {stage.name}")
        worker = worker_cost.measure(chosen.path, _WORKER_SHARE * seconds)
        step("what the worker adds")
        work = Work(chosen.path, clip.path, folder)
        each_s = _ROUNDS_SHARE * seconds / (2 * rounds * len(instances))
        comparisons = compare(work, instances, rounds=rounds, seconds=each_s, on_done=step)
        starts_s = footprint.start_s(work, _STARTS, step)
        fps = comparisons[0].median(lambda one: one.detect.fps)
        memory = footprint.memory(work, _MEMORY_SHARE * seconds, fps=fps, start_s=statistics.median(starts_s))
        step("memory")
    name = "the drawn scene" if source is None else source
    report = Report(machine, chosen, name, clip, tuple(measured), worker, comparisons, starts_s, memory)
    if as_json:
        print(json.dumps(report.body(), indent=2))
    elif sys.stdout.isatty():
        _show(report.sections())
    else:
        for section in report.sections():
            _print(section)


def _video(given: str) -> Path:
    named = source_of(given)
    if named.source["type"] != "video":
        raise UsageError(
            f"--source {given}: bench measures over a video file",
            hint="Give one, or leave the option out for a clip of the drawn scene.",
        )
    return Path(given)


def _progress(stack: ExitStack, steps: int) -> Step:
    """A bar on standard error where somebody is looking; what it returns is called after each step."""
    if not sys.stderr.isatty():
        return lambda _what: None
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    bar = stack.enter_context(Progress(*columns, console=Console(stderr=True), transient=True))
    task = bar.add_task("measuring", total=steps)
    return lambda what: bar.update(task, advance=1, description=what)


def _print(section: Section) -> None:
    """Plain lines: the title before each, so that one line says all to grep."""
    if section.meaning:
        print(f"# {section.meaning}")
    for row in section.rows:
        name, *values = row
        columns = section.columns[1:]
        said = (
            f"{value} ({column})" if column not in ("", "what") else value
            for value, column in zip(values, columns, strict=True)
        )
        print(f"{f'{section.title}: {name}':<{_WIDTH}}  {'  '.join(said)}")


def _show(sections: Iterator[Section]) -> None:
    from rich import box
    from rich.console import Console
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    console = Console()
    for section in sections:
        table = Table(box=box.SIMPLE_HEAD, show_header=any(section.columns), pad_edge=False)
        for place, column in enumerate(section.columns):
            numbers = column not in ("", "stage", "what")
            table.add_column(column, justify="right" if numbers else "left", style="cyan" if place == 0 else "")
        for row in section.rows:
            table.add_row(*map(Text, row))
        console.print(Text(section.title, style="bold"))
        if section.meaning:
            console.print(Text(section.meaning, style="dim"))
        console.print(Padding(table, (0, 0, 0, 1)))
