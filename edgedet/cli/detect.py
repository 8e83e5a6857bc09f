"""`edgedet detect`: look at pictures, folders, videos or streams, once."""

from __future__ import annotations

import asyncio
import io
import signal
import sys
from contextlib import AsyncExitStack, ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from edgedet.app.job import Wishes, job_of
from edgedet.app.once import Job, Once, Sink, Tally
from edgedet.app.sources import source_of
from edgedet.cli import complain
from edgedet.errors import EdgedetError, ExitCode, UsageError
from edgedet.outputs.jsonlines import JsonLines, SourcedResult
from edgedet.outputs.save import is_one_picture
from edgedet.workers.protocol import MAX_DETECTIONS

if TYPE_CHECKING:
    from rich.console import Console

    from edgedet.app.replay import Replay
    from edgedet.app.sources import NamedSource
    from edgedet.cli._annotated import WindowSink
    from edgedet.events.rules import EventRules
    from edgedet.pipeline import Seen


class JsonSink:
    """One JSON line a frame."""

    def __init__(self, stream: TextIO) -> None:
        self._lines = JsonLines(stream)

    async def write(self, source: NamedSource, seen: Seen) -> None:
        """See `Sink.write`."""
        self._lines.send(SourcedResult(seen.result.stamp.name or source.given, seen.result))


@click.command(
    epilog="\b\nExamples:\n"
    "  edgedet detect bus.jpg\n"
    "  edgedet detect clip.mp4 -m yolov8n_320_full_integer_quant.tflite --labels person,car -o found.jsonl\n"
    "  edgedet detect folder/ -m model.tflite --save annotated/\n"
    "  edgedet detect rtsp://camera.local/stream -m model.tflite --show\n"
    "  edgedet detect --events clip.mp4 -c edgedet.yaml --camera porch"
)
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE…")
@click.option(
    "-m", "--model", type=click.Path(path_type=Path, readable=False),
    help="A .tflite detector. Default: the bundled one.",
)  # fmt: skip
@click.option(
    "-c", "--config", type=click.Path(path_type=Path, readable=False), help="Take model, thresholds and masks from it."
)
@click.option("--camera", help="Which camera of that configuration; needed where it has several.")
@click.option("--min-score", type=click.FloatRange(0, 1), help="Weaker ones go, of every label.  [default: 0.25]")
@click.option("--iou", type=click.FloatRange(0, 1), help="Overlap at which two are one object.  [default: 0.7]")
@click.option("--max-detections", type=click.IntRange(1, MAX_DETECTIONS), default=300, show_default=True)
@click.option("--labels", help="Only these, separated by commas: person,car")
@click.option("--label-file", type=click.Path(path_type=Path, readable=False), help="Names of the classes, one a line.")
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="Threads of one interpreter.")
@click.option("--instances", type=click.IntRange(1), help="Interpreters side by side. Default: all cores.")
@click.option("--accelerator", type=click.Choice(["auto", "cpu", "edgetpu"]), default="auto", show_default=True)
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["jsonl", "table", "none"]),
    help="Default: table on a terminal, jsonl in a pipe.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write the lines to this file.")
@click.option(
    "--save", type=click.Path(),
    help="Annotated picture, folder/ or video. A picture of a camera is its first frame, which ends the run.",
)  # fmt: skip
@click.option("--events", is_flag=True, help="What a camera would tell of it: events instead of boxes.")
@click.option("--show", is_flag=True, help="Show the annotated frames in a window; q closes it.")
def command(
    sources: tuple[str, ...],
    model: Path | None,
    config: Path | None,
    camera: str | None,
    min_score: float | None,
    iou: float | None,
    max_detections: int,
    labels: str | None,
    label_file: Path | None,
    threads: int,
    instances: int | None,
    accelerator: str,
    output_format: str | None,
    output: Path | None,
    save: str | None,
    events: bool,  # noqa: FBT001 - click passes flags so
    show: bool,  # noqa: FBT001 - click passes flags so
) -> int:
    """Detect objects in pictures, folders, videos or streams: every frame, in order, once.

    Without a terminal the results are JSON lines, one a frame (--events: one an event); the summary goes to standard
    error.
    """
    wishes = Wishes(
        model=model,
        label_file=label_file,
        labels=tuple(label.strip() for label in labels.split(",") if label.strip()) if labels else None,
        min_score=min_score,
        iou=iou,
        max_detections=max_detections,
        threads=threads,
        instances=instances,
        full_view=save is not None or show,
        accelerator=accelerator,
        events=events,
    )
    named = tuple(source_of(given) for given in sources)
    if config is None:
        if camera is not None:
            raise UsageError(f"--camera {camera}: of which configuration?", hint="Add -c FILE.")
        job = job_of(named, wishes)
    else:
        # pydantic and YAML cost a fifth of a second, which only who has a configuration pays.
        from edgedet.app.configured import configured_job

        job = configured_job(named, wishes, config, camera)
    if save is not None and len(named) == 1 and named[0].is_camera and is_one_picture(save):
        job = replace(job, most_frames=1)
    for note in job.model.notes:
        _warn(note)
    return asyncio.run(_detect(job, output_format, output, save, show=show))


async def _detect(job: Job, output_format: str | None, output: Path | None, save: str | None, *, show: bool) -> int:
    async with AsyncExitStack() as stack:
        sinks: list[Sink] = []
        chosen_format = output_format or ("table" if output is None and sys.stdout.isatty() else "jsonl")
        stream = _open_output(stack, output)
        bar = None
        window: WindowSink | None = None
        if sys.stderr.isatty():
            from edgedet.cli._progress import ProgressSink

            bar = ProgressSink()
        # Rows above the bar: both must go through one console, or the bar is left standing between them.
        shared = bar.console if bar and output is None else None
        replay = None if job.rules is None else _replay(job.rules, job.idle_fps, chosen_format, stream, shared)
        if replay is not None:
            pass
        elif chosen_format == "jsonl":
            sinks.append(JsonSink(stream))
        elif chosen_format == "table":
            from edgedet.cli._table import TableSink

            sinks.append(stack.enter_context(TableSink(stream, shared)))
        if save is not None:
            from edgedet.cli._annotated import SaveSink

            sinks.append(stack.enter_context(SaveSink(save, job.sources)))
        if show:
            from edgedet.cli import _annotated

            window = await stack.enter_async_context(_annotated.WindowSink())
            sinks.append(window)
        if bar is not None and not (chosen_format == "jsonl" and stream.isatty()):
            sinks.append(stack.enter_context(bar))
        else:
            bar = None
        once = Once(job, sinks, _warn, complain, bar.opened if bar else lambda _source, _opened: None, replay)
        code = await _until_done_or_interrupted(once, window)
    if once.tally.frames or not once.tally.failed:
        _summarise(once.tally, job)
    return code


def _replay(
    rules: EventRules, idle_fps: float | None, chosen_format: str, stream: TextIO, console: Console | None
) -> Replay:
    # Here: the tracker needs numpy, which a run without events does not wait for.
    from edgedet.app.replay import Replay
    from edgedet.cli._events import event_writer

    idle_s = 0.0 if idle_fps is None else 1.0 / idle_fps
    return Replay(rules, event_writer(chosen_format, stream, console), idle_s)


async def _until_done_or_interrupted(once: Once, window: WindowSink | None) -> int:
    """Run the job. Ctrl-C and the closed window end it where it is, with its summary."""
    loop = asyncio.get_running_loop()
    interrupted = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupted.set)
    work = loop.create_task(once.run(), name="once")
    ends = [loop.create_task(interrupted.wait(), name="interrupted")]
    if window is not None:
        ends.append(loop.create_task(window.closed.wait(), name="window"))
    try:
        await asyncio.wait((work, *ends), return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            await work
            if window is not None and once.job.sources[-1].is_still:
                # A picture that vanishes at once was not shown; a video has had its time.
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        else:
            work.cancel()
            await asyncio.wait((work,))
    except EdgedetError:
        if once.tally.frames:
            _summarise(once.tally, once.job)
        raise
    finally:
        for end in ends:
            end.cancel()
    if interrupted.is_set():
        return ExitCode.INTERRUPTED
    return ExitCode.FAILED if once.tally.failed else ExitCode.DONE


def _open_output(stack: ExitStack | AsyncExitStack, output: Path | None) -> TextIO:
    # A line a frame, at once: who reads a pipe of a live stream must not wait for a buffer to fill.
    if output is None:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(line_buffering=True)
        return sys.stdout
    try:
        return stack.enter_context(output.open("w", encoding="utf-8", buffering=1))
    except OSError as error:
        raise UsageError(f"{output}: cannot write: {error.strerror}", hint="Give -o a file in a folder.") from error


def _summarise(tally: Tally, job: Job) -> None:
    """The first line is fixed, `N frames in S s, F fps`; scripts read it."""
    seconds = tally.seconds
    rate = tally.frames / seconds if seconds > 0 else 0.0
    print(f"{tally.frames} frames in {seconds:.2f} s, {rate:.1f} fps", file=sys.stderr)
    for name, samples in tally.stages.items():
        spread = samples.percentiles()
        if spread is not None:
            print(f"  {name:<8} p50 {spread.p50:8.2f} ms   p99 {spread.p99:8.2f} ms", file=sys.stderr)
    if tally.invalid_frames:
        _warn(
            f"{job.model.path.name}: {tally.invalid_frames} of {tally.frames} frames had outputs that are no numbers "
            "(NaN); they were left out. Export the model again."
        )


def _warn(text: str) -> None:
    print(f"edgedet: warning: {text}", file=sys.stderr)
