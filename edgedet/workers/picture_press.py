"""The thread of a camera worker that makes pictures, so that capture goes on meanwhile; the encoder frees the GIL."""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from edgedet.workers.jpeg import NoEncoder, encode
from edgedet.workers.pictures import (
    JPEG_AT_MULTIPLE,
    PictureAnswer,
    PictureRequest,
    full_view_bytes,
    pack_answer,
    unpack_request,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray


class PicturePress:
    """Answers requests one after another; its thread starts with the first one and ends with the process."""

    def __init__(
        self,
        connection: socket.socket,
        full_view: Callable[[int], NDArray[np.uint8] | None],
        note: Callable[[str], None],
    ) -> None:
        """`full_view` gives a slot's memory; `note` tells the user something, and is called once at most."""
        self._connection = connection
        self._full_view = full_view
        self._note = note
        self._requests: queue.SimpleQueue[PictureRequest] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._noted = False

    def take(self, message: bytes) -> None:
        """A `Kind.ENCODE` has come."""
        self._requests.put(unpack_request(message))
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="pictures", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while True:
            request = self._requests.get()
            try:
                answer = self._made(request)
            except NoEncoder as error:
                if not self._noted:
                    self._noted = True
                    self._note(f"There are no pictures: {error}; install python3-simplejpeg for it")
                answer = PictureAnswer(request.number, request.slot, 0, 0, str(error))
            except Exception as error:  # noqa: BLE001  # whatever it is, who asked must not wait for ever
                answer = PictureAnswer(request.number, request.slot, 0, 0, f"{type(error).__name__}: {error}")
            try:
                self._connection.send(pack_answer(answer))
            except OSError:
                return  # the daemon has gone; the capturing thread notices it too

    def _made(self, request: PictureRequest) -> PictureAnswer:
        memory = self._full_view(request.slot)
        if memory is None:
            raise ValueError("this camera has no full view")
        jpeg = encode(memory, request)
        end = full_view_bytes(request.width, request.height, request.pixel_format)
        at = -(-end // JPEG_AT_MULTIPLE) * JPEG_AT_MULTIPLE
        if at + len(jpeg) > memory.size:
            raise ValueError(f"a picture of {len(jpeg)} bytes has no room beside its frame")
        memory[at : at + len(jpeg)] = np.frombuffer(jpeg, np.uint8)
        return PictureAnswer(request.number, request.slot, at, len(jpeg))
