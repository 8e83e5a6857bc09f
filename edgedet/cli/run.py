"""`edgedet run`: the daemon."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgedet.errors import EdgedetError, ExitCode

if TYPE_CHECKING:
    from edgedet.app.daemon import Daemon


@click.command(epilog="\b\nExamples:\n  edgedet run -c edgedet.yaml\n  edgedet run -c edgedet.yaml --verbose")
@click.option(
    "-c",
    "--config",
    type=click.Path(path_type=Path),
    default=Path("/etc/edgedet/edgedet.yaml"),
    show_default=True,
    help="The configuration.",
)
@click.option("-v", "--verbose", is_flag=True, help="Say more, and what the workers say.")
def command(config: Path, verbose: bool) -> int:  # noqa: FBT001 - click passes flags so
    """Watch the configured cameras and publish over MQTT, until SIGTERM or Ctrl-C.

    SIGHUP reads the configuration again: cameras that have changed are taken over, the others go on undisturbed.
    Ends with 0 on a signal and when every source was finite and has ended, with 78 for a wrong configuration.
    """
    from edgedet.app.daemon import Daemon
    from edgedet.settings import load_settings

    _log_to_stderr(verbose=verbose)
    loaded = load_settings(config)
    for warning in loaded.warnings:
        logging.getLogger(__name__).warning("%s", warning)

    async def main() -> None:
        daemon = Daemon(loaded)
        _stop_on_signals(daemon)
        with _reloading_on_hangup(daemon, config):
            await daemon.run()

    try:
        asyncio.run(main())
    except* EdgedetError as group:
        # A task group wraps what its tasks raise; the first error of ours is what the user can mend.
        raise _first(group) from None
    return ExitCode.DONE


def _stop_on_signals(daemon: Daemon) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, daemon.stop)


@contextmanager
def _reloading_on_hangup(daemon: Daemon, config: Path) -> Iterator[None]:
    """Read the configuration again at SIGHUP; one reading at a time, and the last signal counts."""
    asked = asyncio.Event()

    async def serve() -> None:
        while True:
            await asked.wait()
            asked.clear()
            await _reload(daemon, config)

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, asked.set)
    task = loop.create_task(serve(), name="reload")
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)
        task.cancel()


async def _reload(daemon: Daemon, config: Path) -> None:
    """Take what has changed. A file that is wrong is told about, line by line, and the old one stays."""
    from edgedet.health import Code, Reason
    from edgedet.settings import load_settings

    log = logging.getLogger(__name__)
    try:
        # In a thread: YAML, polygons and their checks take some tenths of a second on a Pi.
        loaded = await asyncio.to_thread(load_settings, config)
        for warning in loaded.warnings:
            log.warning("%s", warning)
        await daemon.reload(loaded)
    except EdgedetError as error:
        for line in str(error).splitlines():
            log.error("%s", line)  # noqa: TRY400 - what the user can mend is told without a traceback
        message = f"The configuration was refused, the one before it stays: {error.message.splitlines()[0]}"
        daemon.board.about("configuration", Reason("configuration", Code.CONFIG_REJECTED, message))
    else:
        daemon.board.about("configuration")


def _first(group: BaseExceptionGroup[EdgedetError]) -> EdgedetError:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if not isinstance(error, EdgedetError):
        raise error
    return error


def _log_to_stderr(*, verbose: bool) -> None:
    stamp = "%(asctime)s " if sys.stderr.isatty() else ""
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.DEBUG if verbose else logging.INFO,
        format=f"{stamp}%(levelname)s %(message)s",
    )
