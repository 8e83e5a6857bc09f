"""The daemon's end of a camera's picture encoder: what was asked for, and who waits for it.

A picture lies in its frame's slot until it is taken out, so of one frame the worker makes one at a time: the next would
be written over the one that nobody has read yet.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from itertools import count

from edgedet.errors import WorkerError, WorkerLost
from edgedet.workers.frame import Frame
from edgedet.workers.pictures import PictureOrder, PictureRequest, pack_request, unpack_answer


class PictureDesk:
    """Takes orders of one worker life and hands out what comes back. A frame is held until its picture is made."""

    def __init__(self, name: str, send: Callable[[bytes], None]) -> None:
        """`name` is the camera's, for errors; `send` gives the worker a message."""
        self._name = name
        self._send = send
        self._numbers = count()
        self._waiting: dict[int, tuple[Frame, asyncio.Future[bytes]]] = {}
        self._next: dict[int, deque[bytes]] = {}
        """By slot that the worker has a request for: the requests after it."""
        self._closed = False

    def ask(self, frame: Frame, order: PictureOrder) -> asyncio.Future[bytes] | None:
        """See `Frame.jpeg`; None once the worker has gone."""
        if self._closed:
            return None
        number = next(self._numbers)
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        # It may be that nobody waits any more by the time that it fails.
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._waiting[number] = (frame.keep(), future)
        stamp = frame.stamp
        request = pack_request(PictureRequest(number, frame.slot, frame.pixel_format, stamp.width, stamp.height, order))
        if frame.slot in self._next:
            self._next[frame.slot].append(request)
        else:
            self._next[frame.slot] = deque()
            self._send(request)
        return future

    def answered(self, message: bytes) -> None:
        """A `Kind.PICTURE` has come: its bytes are taken out of the slot, which is free again."""
        answer = unpack_answer(message)
        if answer.number not in self._waiting:
            return
        frame, future = self._waiting.pop(answer.number)
        full = frame.full
        if not future.done():
            if full is None or not 0 < answer.length <= len(full) - answer.offset:
                future.set_exception(WorkerError(f"{self._name}: no picture: {answer.reason or 'it does not fit'}"))
            else:
                future.set_result(bytes(full[answer.offset : answer.offset + answer.length]))
        self._go_on(frame.slot)
        frame.release()

    def _go_on(self, slot: int) -> None:
        if self._next[slot]:
            self._send(self._next[slot].popleft())
        else:
            del self._next[slot]

    def close(self, error: WorkerLost) -> None:
        """The worker has gone: nobody waits any longer."""
        self._closed = True
        waiting, self._waiting = self._waiting, {}
        for frame, future in waiting.values():
            if not future.done():
                future.set_exception(error)
            frame.release()
