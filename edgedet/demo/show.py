"""The whole demo: broker, daemon, listener, what goes wrong, what is shown, and the end of it all."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
import tempfile
import time
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from edgedet.app import composition
from edgedet.app.daemon import Daemon
from edgedet.demo.broker import Broker, own_broker
from edgedet.demo.faults import Outcome, Stage
from edgedet.demo.judge import Judge
from edgedet.demo.lines import Lines
from edgedet.demo.record import Record
from edgedet.demo.screen import Screen
from edgedet.demo.script import Script
from edgedet.demo.setting import Options, Setting, decide
from edgedet.demo.subscriber import clear_retained, listening, probe
from edgedet.demo.summary import judge_goodbye, judge_looking, judge_truth, summary_lines
from edgedet.demo.terminal import Terminal, is_screen, keys
from edgedet.errors import EdgedetError, ExitCode
from edgedet.outputs.connection import Connection
from edgedet.settings import load_settings

_GOODBYE_S = 3.0
_ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


async def run_demo(options: Options, stream: TextIO = sys.stdout) -> ExitCode:
    """Everything, from the first line to the summary.

    Raises:
        EdgedetError: it cannot start; one of its parts is missing or does not answer.
    """
    setting = decide(options)
    show = _Show(options, setting, stream)
    with tempfile.TemporaryDirectory(prefix="edgedet-demo-") as folder:
        result = await show.perform(Path(folder))
    for line in result.lines:
        print(line, file=stream)
    stream.flush()
    return ExitCode.DONE if result.kept else ExitCode.FAILED


@dataclass(frozen=True, slots=True)
class _Result:
    kept: bool
    lines: list[str]


class _Show:
    def __init__(self, options: Options, setting: Setting, stream: TextIO) -> None:
        self._options = options
        self._setting = setting
        self._stream = stream
        self._record = Record(f"edgedet/{setting.device}", setting.camera, time.monotonic())
        self._end = asyncio.Event()

    async def perform(self, folder: Path) -> _Result:
        record, setting, url = self._record, self._setting, self._options.url
        async with AsyncExitStack() as stack:
            stack.enter_context(_ended_by_signals(self._end))
            stack.enter_context(_log_as_lines(record))
            told = url.rpartition("@")[2].removeprefix("mqtt://") if url else "its own broker"
            display = self._in_background(stack, self._display(told), "display")
            broker = None if url else await stack.enter_async_context(own_broker())
            loaded = load_settings(setting.write(folder, url or (broker.url if broker else "")))
            connection = composition.broker_connection(loaded.settings.mqtt, setting.device)
            if broker is None:
                await probe(connection)
            stack.enter_context(listening(connection, f"{record.base}/#", record.hear, record.link))
            min_score = loaded.settings.cameras[setting.camera].detect.min_score
            judge = Judge(record, setting.model.view, setting.truth, min_score)
            judging = self._in_background(stack, judge.run(), "judge")
            daemon = Daemon(loaded, on_seen=judge.take)
            script = Script(_stage(daemon, record, broker), self._ends_at())
            await record.wait_for(lambda: record.linked, _GOODBYE_S)
            work = self._in_background(stack, daemon.run(), "daemon")
            plot = self._in_background(stack, script.run(), "script")
            await self._until_over(work, display, judging)
            plot.cancel()
            daemon.stop()
            await asyncio.wait((work,))
            _raise_what_failed(work, display, judging, plot)
            cleared = await self._say_goodbye(connection_is_ours=broker is not None, connection=connection)
            outcomes = self._outcomes(script, cleared)
        return _Result(all(outcome.kept for outcome in outcomes), summary_lines(record, outcomes, script.not_shown))

    async def _until_over(self, *tasks: asyncio.Task[None]) -> None:
        ends_at = self._ends_at()
        end = asyncio.get_running_loop().create_task(self._end.wait(), name="end")
        timeout_s = None if ends_at is None else max(0.0, ends_at - time.monotonic())
        await asyncio.wait((*tasks, end), timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        end.cancel()

    async def _say_goodbye(self, *, connection_is_ours: bool, connection: Connection) -> int | None:
        record = self._record
        if record.linked:
            await record.wait_for(lambda: record.text("availability") == "offline", _GOODBYE_S)
        return None if connection_is_ours else await clear_retained(connection, record.base)

    def _outcomes(self, script: Script, cleared: int | None) -> list[Outcome]:
        nothing = judge_looking(self._record)
        found = judge_truth(self._record.total) if nothing is None and self._setting.truth is not None else None
        goodbye = judge_goodbye(self._record, cleared)
        outcomes = (nothing, found, *script.outcomes.values(), goodbye)
        return [outcome for outcome in outcomes if outcome is not None]

    def _ends_at(self) -> float | None:
        return None if self._options.seconds is None else self._record.started + self._options.seconds

    async def _display(self, broker: str) -> None:
        record, stream = self._record, self._stream
        if not is_screen(stream, os.environ):
            await Lines(stream, record, with_truth=self._setting.truth is not None).run()
            return
        terminal = Terminal(stream, os.environ)
        screen = Screen(terminal, record, self._setting, broker, self._options.seconds)
        with terminal.shown(), keys(self._on_key):
            await screen.run()

    def _on_key(self, key: str) -> None:
        if key in {"q", "Q", "\x1b"}:
            self._end.set()

    def _in_background(
        self, stack: AsyncExitStack, work: Coroutine[object, object, None], name: str
    ) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work, name=name)

        async def end() -> None:
            task.cancel()
            await asyncio.wait((task,))

        stack.push_async_callback(end)
        return task


def _stage(daemon: Daemon, record: Record, broker: Broker | None) -> Stage:
    def camera_pid() -> int | None:
        watch = daemon.watches.get(record.camera)
        return None if watch is None else watch.worker_pid

    return Stage(
        record,
        detector_pid=lambda: daemon.detector.state.pid if daemon.detector else None,
        camera_pid=camera_pid,
        broker=broker,
    )


@contextlib.contextmanager
def _ended_by_signals(end: asyncio.Event) -> Iterator[None]:
    """The first signal asks for a clean end; a second one of the same kind is not held back any more."""
    loop = asyncio.get_running_loop()

    def ask(number: signal.Signals) -> None:
        end.set()
        loop.remove_signal_handler(number)

    for number in _ENDS:
        loop.add_signal_handler(number, ask, number)
    try:
        yield
    finally:
        for number in _ENDS:
            loop.remove_signal_handler(number)


class _LogLines(logging.Handler):
    def __init__(self, record: Record, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(logging.WARNING)
        self._record = record
        self._loop = loop

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._record.say, "log", f"log: {record.getMessage()}")


@contextlib.contextmanager
def _log_as_lines(record: Record) -> Iterator[None]:
    """What the daemon logs stands among what happens; on standard error it would tear the screen."""
    log = logging.getLogger("edgedet")
    handler = _LogLines(record, asyncio.get_running_loop())
    before, log.propagate = log.propagate, False
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.propagate = before


def _raise_what_failed(*tasks: asyncio.Task[None]) -> None:
    """The reason why a task ended, as a command shows it.

    Raises:
        EdgedetError: what a task ended with.
    """
    for task in tasks:
        error = None if not task.done() or task.cancelled() else task.exception()
        while isinstance(error, BaseExceptionGroup):
            error = next((e for e in error.exceptions if isinstance(e, EdgedetError)), error.exceptions[0])
        if error is not None:
            raise error
