"""What it costs to hand a frame to a worker: a copy into shared memory, a message there, and a message back.

The worker answers at once, so that nothing but the crossing is measured, through the classes that the pipeline uses.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time

from edgedet.errors import WorkerLost
from edgedet.workers import memory
from edgedet.workers.process import ChildSpec, WorkerProcess
from edgedet.workers.protocol import MAX_MESSAGE, Kind, pack_release

_MESSAGE_BYTES = 48
"""About a ticket or a result with one object."""
_LEAST_TRIPS = 20


def round_trips(picture_bytes: int, seconds: float) -> list[float]:
    """Seconds of each trip, for about `seconds` altogether.

    Raises:
        WorkerLost: the worker died.
    """
    return asyncio.run(_round_trips(picture_bytes, seconds))


async def _round_trips(picture_bytes: int, seconds: float) -> list[float]:
    loop = asyncio.get_running_loop()
    layout = memory.Layout(1, picture_bytes, 0)
    answer: asyncio.Future[None] = loop.create_future()

    def on_message(_message: bytes) -> None:
        answer.set_result(None)

    def on_lost(error: WorkerLost) -> None:
        answer.set_exception(error)

    process = WorkerProcess(ChildSpec("echo", __name__, layout.total), on_message, on_lost)
    descriptor = await process.start()
    try:
        with memoryview(memory.attach(descriptor, layout.total)) as shared:
            os.close(descriptor)
            picture = bytes(picture_bytes)
            at = layout.detect_at(0)
            message = pack_release(0).ljust(_MESSAGE_BYTES, b"\0")
            trips: list[float] = []
            end = loop.time() + seconds
            while len(trips) < _LEAST_TRIPS or loop.time() < end:
                answer = loop.create_future()
                begun = time.perf_counter()
                shared[at : at + picture_bytes] = picture
                process.send(message)
                await answer
                trips.append(time.perf_counter() - begun)
            return trips
    finally:
        await process.close()


def serve(connection: socket.socket, _memory_fd: int) -> None:
    """The worker: whatever comes goes back as a message of the same length."""
    while message := connection.recv(MAX_MESSAGE):
        connection.send(bytes((Kind.TICKET,)) + message[1:])
    os._exit(0)
