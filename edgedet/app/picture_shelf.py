"""Pictures on their way to disk: written one after another in a thread, without anybody waiting for a slow card."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from edgedet.outputs.snapshots import SnapshotFiles

MAX_BACKLOG = 8
"""Pictures that wait for a slow disk; beyond it they are not kept."""


@dataclass(slots=True)
class Place:
    """Where on disk one object's picture is; every later one takes the place of that before."""

    name: str | None = None


class PictureShelf:
    """Takes pictures on the event loop's thread and has them written; what does not fit is lost, and nothing else."""

    def __init__(self, files: SnapshotFiles, name: str) -> None:
        """`name` is for the task."""
        self.files = files
        self._name = name
        self._backlog: deque[tuple[Place, bytes] | None] = deque()
        self._writing: asyncio.Task[None] | None = None

    def put(self, place: Place, jpeg: bytes) -> bool:
        """Have it written; says whether there is room in the queue."""
        if len(self._backlog) >= MAX_BACKLOG:
            return False
        self._queue((place, jpeg))
        return True

    def tidy(self) -> None:
        """Have what is too old removed, also where nothing new is written."""
        self._queue(None)

    async def close(self, patience_s: float) -> None:
        """Wait until all of it is on disk, but not for a disk that hangs."""
        if self._writing is not None:
            await asyncio.wait((self._writing,), timeout=patience_s)

    def _queue(self, job: tuple[Place, bytes] | None) -> None:
        self._backlog.append(job)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.get_running_loop().create_task(self._work(), name=self._name)

    async def _work(self) -> None:
        while self._backlog:
            job = self._backlog.popleft()
            if job is None:
                await asyncio.to_thread(self.files.tidy)
                continue
            place, jpeg = job
            place.name = await asyncio.to_thread(self.files.write, jpeg, place.name)
