"""A progress bar for long work, on standard error, only where a person is looking."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from types import TracebackType

    from edgedet.app.sources import NamedSource
    from edgedet.pipeline import Seen
    from edgedet.workers.camera import Opened

_UPDATE_EVERY_S = 0.1


class ProgressSink:
    """Frames done of those that the source says it has; a stream without an end shows its count."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=self.console,
            transient=True,
            refresh_per_second=1 / _UPDATE_EVERY_S,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._progress.stop()

    def opened(self, source: NamedSource, opened: Opened) -> None:
        """Begin a new bar."""
        if self._task is not None:
            self._progress.remove_task(self._task)
        name = source.given if len(source.given) <= _NAME_WIDTH else "…" + source.given[1 - _NAME_WIDTH :]
        self._task = self._progress.add_task(name, total=opened.expected_frames, rate="")

    async def write(self, _source: NamedSource, _seen: Seen) -> None:
        """Count a frame."""
        if self._task is None:
            return
        self._progress.advance(self._task)
        task = self._progress.tasks[0]
        if task.elapsed:
            self._progress.update(self._task, rate=f"{task.completed / task.elapsed:.1f} fps")


_NAME_WIDTH = 40
