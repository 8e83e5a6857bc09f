"""`edgedet run`: the daemon."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgedet.errors import ConfigError, EdgedetError, ExitCode
from edgedet.service.journal import Kind, fields, goes_to_journal
from edgedet.service.notify import Notifier
from edgedet.settings.default_file import DEFAULT_PATH

if TYPE_CHECKING:
    from edgedet.app.daemon import Daemon
    from edgedet.service.repeats import Repeats
    from edgedet.settings import Loaded

_log = logging.getLogger(__name__)

_STOPPING = (signal.SIGTERM, signal.SIGINT)
_SUM_UP_S = 5.0


@click.command(epilog="\b\nExamples:\n  edgedet run -c edgedet.yaml\n  edgedet run -c edgedet.yaml --verbose")
@click.option(
    "-c",
    "--config",
    # An unreadable file is for the loader to refuse, as a wrong configuration: click would take it for wrong usage.
    type=click.Path(path_type=Path, readable=False),
    default=DEFAULT_PATH,
    show_default=True,
    help="The configuration.",
)
@click.option("-v", "--verbose", is_flag=True, help="Say more, and what the workers say.")
def command(config: Path, verbose: bool) -> int:  # noqa: FBT001 - click passes flags so
    """Watch the configured cameras and publish over MQTT, until SIGTERM or Ctrl-C.

    SIGHUP reads the configuration again: cameras that have changed are taken over, the others go on undisturbed.
    Ends with 0 on a signal and when every source was finite and has ended, with 78 for a wrong configuration.
    """
    from edgedet.cli._logging import last_words_into, log_to_stderr

    runtime_dir = os.environ.get("RUNTIME_DIRECTORY")
    folder = Path(runtime_dir) if runtime_dir else None
    with log_to_stderr(logging.DEBUG if verbose else logging.INFO) as repeats, last_words_into(folder):
        try:
            _watch(config, folder, repeats)
        except EdgedetError as error:
            if not goes_to_journal(sys.stderr):
                raise
            # Printed, it would be an entry without a field that could be asked for.
            _log.error("%s", error, extra=_refused() if isinstance(error, ConfigError) else fields(Kind.FAILED))
            return error.exit_code
        except Exception:  # noqa: BLE001 - whatever it is, it is told where people look, and systemd starts again
            # Into the journal as one entry, and among the last words.
            _log.critical("This should not have happened", exc_info=True, extra=fields(Kind.FAILED))
            return ExitCode.FAILED
    return ExitCode.DONE


def _watch(config: Path, runtime_dir: Path | None, repeats: Repeats) -> None:
    """Run the daemon to its end.

    Raises:
        EdgedetError: what the user can mend.
    """
    from edgedet.app.daemon import Daemon
    from edgedet.settings import load_settings

    notifier = Notifier.from_environment()
    try:
        loaded = load_settings(config)
    except EdgedetError as error:
        notifier.status(error.message.splitlines()[0])
        raise
    _warn(loaded)

    async def main() -> None:
        if not await _pause(runtime_dir, notifier):
            return
        daemon = Daemon(loaded, notifier=notifier)
        _stop_on_signals(daemon)
        with _reloading_on_hangup(daemon, config), _summing_up(repeats):
            _log.info("edgedet %s begins with %s", version("edgedet"), config, extra=fields(Kind.STARTED))
            await daemon.run()
            _log.info("edgedet has ended", extra=fields(Kind.STOPPED))

    try:
        asyncio.run(main())
    except* EdgedetError as group:
        # A task group wraps what its tasks raise; the first error of ours is what the user can mend.
        raise _first(group) from None


def _warn(loaded: Loaded) -> None:
    """Say what is taken all the same: what is hardly meant, and passwords that everybody can read."""
    from edgedet.settings.secrecy import open_secrets

    exposed = (secret.problem.line(loaded.document.file) for secret in open_secrets(loaded))
    for warning in (*loaded.warnings, *exposed):
        _log.warning("%s", warning)


async def _pause(runtime_dir: Path | None, notifier: Notifier) -> bool:
    """Wait after ends that follow each other, so that restarts do not take the machine; false: stopped meanwhile."""
    from edgedet.service.crash import delay_s

    wait_s = 0.0 if runtime_dir is None else delay_s(runtime_dir)
    if wait_s <= 0:
        return True
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    for number in _STOPPING:
        loop.add_signal_handler(number, stopped.set)
    message = f"ended several times within minutes; starting in {wait_s:.0f} s"
    notifier.status(message)
    _log.warning("edgedet %s", message)
    try:
        async with asyncio.timeout(wait_s):
            await stopped.wait()
    except TimeoutError:
        return True
    return False


@contextmanager
def _summing_up(repeats: Repeats) -> Iterator[None]:
    """Tell of repeated messages in time also while nothing else is said."""

    async def serve() -> None:
        while True:
            await asyncio.sleep(_SUM_UP_S)
            repeats.sum_up()

    task = asyncio.get_running_loop().create_task(serve(), name="log")
    try:
        yield
    finally:
        task.cancel()


def _stop_on_signals(daemon: Daemon) -> None:
    loop = asyncio.get_running_loop()
    for number in _STOPPING:
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
    from edgedet.settings import load_settings

    try:
        # In a thread: YAML, polygons and their checks take some tenths of a second on a Pi.
        loaded = await asyncio.to_thread(load_settings, config)
        _warn(loaded)
        await daemon.reload(loaded)
    except EdgedetError as error:
        for line in str(error).splitlines():
            _log.error("%s", line, extra=_refused())
        _tell_refusal(
            daemon, f"The configuration was refused, the one before it stays: {error.message.splitlines()[0]}"
        )
    except Exception as error:  # noqa: BLE001 - told as every refusal is
        # Whatever it is, the cameras go on, and the next SIGHUP is to be heard.
        _log.exception("The configuration could not be taken; this should not have happened", extra=_refused())
        _tell_refusal(daemon, f"The configuration could not be taken: {type(error).__name__}, see the journal")
    else:
        daemon.board.about("configuration")


def _tell_refusal(daemon: Daemon, message: str) -> None:
    from edgedet.health import Code, Reason

    daemon.board.about("configuration", Reason("configuration", Code.CONFIG_REJECTED, message))


def _refused() -> dict[str, object]:
    """What a journal entry on a wrong configuration carries, at a start and at a reload."""
    from edgedet.health import Code

    return fields(Kind.REFUSED, component="configuration", code=Code.CONFIG_REJECTED)


def _first(group: BaseExceptionGroup[EdgedetError]) -> EdgedetError:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if not isinstance(error, EdgedetError):
        raise error
    return error
