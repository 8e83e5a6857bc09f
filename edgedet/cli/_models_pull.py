"""`edgedet models pull`: fetch a ready model."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Self

import click

from edgedet.app.obtaining import Obtained, pull
from edgedet.cli._models_place import say_waiting, second_thoughts, state_dir_of
from edgedet.errors import DownloadError, UsageError
from edgedet.models.catalogue import CORAL_ADDRESS, READY, MadeByUser, find_ready

if TYPE_CHECKING:
    from types import TracebackType

    from rich.progress import Progress, TaskID


def _names(_context: click.Context, _argument: click.Parameter, begun: str) -> list[str]:
    return [model.name for model in READY if model.name.startswith(begun)]


@click.command(
    name="pull",
    epilog="\b\nExamples:\n"
    "  edgedet models pull mobiledet\n"
    "  sudo edgedet models pull efficientdet_lite0        # for the service\n"
    "  edgedet models pull mobiledet --from http://nas.local/coral\n"
    "\nExit status: 0 it is there, 1 it cannot be had, 2 there is no such model, 78 wrong configuration.",
)
@click.argument("name", shell_complete=_names)
@click.option(
    "--from", "address", default=CORAL_ADDRESS, help="A copy of the catalogue's files; the sums hold there too."
)
@click.option("--replace", is_flag=True, help="Take the place of another model of that name.")
@click.option(
    "-c",
    "--config",
    type=click.Path(path_type=Path, readable=False),
    help="The configuration whose state_dir is meant.",
)
def pull_command(name: str, address: str, config: Path | None, *, replace: bool) -> None:
    """Fetch the model NAME of the catalogue: for the CPU, for the Edge TPU, and the names of its classes.

    What comes is held against the catalogue before it gets its name. A download that was broken off goes on where it
    was. A daemon that waits for a model takes it without a restart. http_proxy, https_proxy and no_proxy are respected;
    with sudo: sudo --preserve-env=https_proxy edgedet models pull NAME.
    """
    model = find_ready(name)
    if isinstance(model, MadeByUser):
        raise DownloadError(
            f"{model.name} is not fetched: its weights are under {model.licence}",
            hint=f"Make it on a PC, as docs/models.md says, then: edgedet models add {model.name} --cpu FILE",
        )
    if not address.startswith(("http://", "https://")):
        raise UsageError(f"--from {address}: no address of a web server", hint="It begins with http:// or https://.")
    state = state_dir_of(config)
    print(f"{model.name}: {model.about}", file=sys.stderr)
    print(f"licence {model.licence}; {model.origin}", file=sys.stderr)
    teller = _Bar() if sys.stderr.isatty() else _Lines()
    with teller if isinstance(teller, _Bar) else nullcontext():
        obtained = pull(model, state / "models", address, teller, say_waiting, replace=replace)
    _conclude(obtained)
    for line in second_thoughts(model.name, state, f"models pull {model.name}"):
        print(f"note: {line}", file=sys.stderr)


def _conclude(obtained: Obtained) -> None:
    places, pair = obtained.places, obtained.pair
    if obtained.was_there:
        print(f"{places.name} is there already, unchanged: {places.folder}")
        return
    for name, facts in obtained.files.items():
        print(f"{places.folder / name}  {facts['bytes']} bytes  sha256 {facts['sha256']}")
    classes = len(pair.cpu.labels)
    print(f"{places.name} is ready: {pair.cpu.view.width}x{pair.cpu.view.height}, {classes} classes; {pair.mapping}")


class _Lines:
    """For a pipe or a journal: one line a file."""

    def begins(self, file: str) -> None:
        print(f"fetching {file}", file=sys.stderr, flush=True)

    def progress(self, done: int, total: int | None) -> None:
        pass

    def finished(self, file: str, size: int) -> None:
        print(f"{file}: {size} bytes, as the catalogue says", file=sys.stderr, flush=True)


class _Bar:
    """For a person: a bar for each file."""

    def __init__(self) -> None:
        self._progress: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=Console(stderr=True))
        self._progress.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def begins(self, file: str) -> None:
        if self._progress is not None:
            self._task = self._progress.add_task(file, total=None)

    def progress(self, done: int, total: int | None) -> None:
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, completed=done, total=total)

    def finished(self, file: str, size: int) -> None:
        self.progress(size, size)
