"""A thread that does one job after the other and hands the results to the loop: a slow SD card holds nobody up."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from queue import SimpleQueue
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Writer:
    """Runs jobs in order. Its thread is not waited for at the end of the process: a disk may hang."""

    def __init__(self) -> None:
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Begin; on the loop that results are handed to."""
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._work, name="spool", daemon=True).start()

    def stop(self) -> None:
        """End after the jobs that wait."""
        self._jobs.put(None)

    def do(self, job: Callable[[], T]) -> asyncio.Future[T]:
        """Queue a job; the future has what it returned or raised. Loop thread only."""
        loop = self._loop or asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()

        def settle(result: T | None, error: BaseException | None) -> None:
            if done.cancelled():
                return
            if error is not None:
                done.set_exception(error)
            else:
                done.set_result(result)  # type: ignore[arg-type]  # None only where T is None

        def run() -> None:
            result, error = None, None
            try:
                result = job()
            except Exception as problem:  # noqa: BLE001  # it belongs to whoever waits for the future
                error = problem
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(settle, result, error)

        self._jobs.put(run)
        return done

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
