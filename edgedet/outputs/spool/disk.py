"""The file and its thread together: one job at a time, tried again while the disk takes nothing."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

from edgedet.outputs.spool.database import Database, SpoolError
from edgedet.outputs.spool.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edgedet.outputs.spool.entry import Entry, Found, Work

_RETRY_S = (1.0, 2.0, 5.0, 10.0)


class Disk:
    """Where the spool's file lies. Jobs answer with None, or with why they could not be done."""

    def __init__(self, folder: Path) -> None:
        self._database = Database(folder)
        self._writer = Writer()
        self._job: asyncio.Future[Any] | None = None
        self._failures = 0
        self._retry_ns = 0

    def start(self) -> None:
        """Begin; within the loop."""
        self._writer.start()

    async def stop(self, work: Work, timeout_s: float) -> SpoolError | None:
        """Write the last of it and let go; why that could not be done."""
        if self._job is not None:
            await asyncio.wait([self._job], timeout=timeout_s)
        last = self._writer.do(partial(self._finish, work))
        self._writer.stop()
        await asyncio.wait([last], timeout=timeout_s)
        return _error(last) if last.done() else SpoolError("the disk does not answer", code="disk_unwritable")

    async def load(self) -> Found:
        """Read what an earlier process left; see `Database.load`."""
        return await self._writer.do(self._database.load)

    async def peek(self) -> Found:
        """Read it where nothing can be written."""
        return await self._writer.do(self._database.peek)

    async def commit(self, work: Work) -> SpoolError | None:
        """Write and wait for it."""
        job = self._writer.do(partial(self._database.commit, work))
        await asyncio.wait([job])
        return _error(job)

    def free(self, now_ns: int) -> bool:
        """Whether a job may be begun now."""
        return self._job is None and now_ns >= self._retry_ns

    def begin_commit(self, work: Work, done: Callable[[SpoolError | None], None]) -> None:
        """Write without waiting."""
        self._begin(partial(self._database.commit, work), lambda job: done(_error(job)))

    def begin_reading(
        self, after: int, before: int | None, done: Callable[[list[Entry], SpoolError | None], None]
    ) -> None:
        """Read a page without waiting."""

        def read(job: asyncio.Future[list[Entry]]) -> None:
            error = _error(job)
            done([] if error else job.result(), error)

        self._begin(partial(self._database.page, after, before), read)

    def begin_moving_aside(self, done: Callable[[str, SpoolError | None], None]) -> None:
        """Put a damaged file out of the way without waiting; `done` gets its name there."""

        def moved(job: asyncio.Future[str]) -> None:
            error = _error(job)
            done("" if error else job.result(), error)

        self._begin(self._database.move_aside, moved)

    def begin_shrinking(self) -> None:
        """Give room back without waiting, once nothing is on disk."""
        self._begin(self._database.shrink, _error)

    def failed(self, now_ns: int) -> None:
        """Leave it alone for a while."""
        self._retry_ns = now_ns + int(_RETRY_S[min(self._failures, len(_RETRY_S) - 1)] * 1e9)
        self._failures += 1

    def works(self) -> None:
        """It takes what it is given."""
        self._failures = 0
        self._retry_ns = 0

    def _begin(self, job: Callable[[], Any], done: Callable[[asyncio.Future[Any]], object]) -> None:
        future = self._job = self._writer.do(job)

        def settled(finished: asyncio.Future[Any]) -> None:
            self._job = None
            done(finished)

        future.add_done_callback(settled)

    def _finish(self, work: Work) -> None:
        try:
            self._database.commit(work)
        finally:
            self._database.close()


def _error(job: asyncio.Future[Any]) -> SpoolError | None:
    error = job.exception()
    if error is not None and not isinstance(error, SpoolError):
        raise error
    return error
