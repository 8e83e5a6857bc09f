"""A frame that a camera worker has handed over: where its pixels lie, and who still needs them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from edgedet.types import FrameStamp, PixelFormat
from edgedet.workers.pictures import PictureOrder
from edgedet.workers.protocol import Ticket


@dataclass(slots=True)
class _Slot:
    """A slot of the camera's, for as long as somebody holds it."""

    number: int
    give_back: Callable[[int], None]
    holders: int = 1


Encode = Callable[["Frame", PictureOrder], "asyncio.Future[bytes] | None"]
"""Asks the frame's worker for a JPEG; see `Frame.jpeg`."""


class Frame:
    """A frame in shared memory. Give it back with `release`; the source has few slots."""

    __slots__ = ("_detect", "_encode", "_full", "_held", "_slot", "pixel_format", "stamp")

    def __init__(
        self,
        ticket: Ticket,
        detect: memoryview,
        full: memoryview | None,
        release: Callable[[int], None],
        encode: Encode | None = None,
    ) -> None:
        self.stamp: FrameStamp = ticket.stamp
        self.pixel_format: PixelFormat = ticket.pixel_format
        self._detect = detect
        self._full = full
        self._encode = encode
        self._slot = _Slot(ticket.slot, release)
        self._held = True

    @property
    def detect(self) -> memoryview:
        """The letterboxed picture, RGB, height x width x 3 bytes; valid until `release`."""
        return self._detect

    @property
    def full(self) -> memoryview | None:
        """The full picture in `pixel_format`, or None; valid until `release`."""
        return None if self.pixel_format is PixelFormat.NONE else self._full

    @property
    def slot(self) -> int:
        """Which of the camera's slots it lies in."""
        return self._slot.number

    def keep(self) -> Frame:
        """The same frame for one more holder, who releases it too: the slot goes back with the last.

        Raises:
            RuntimeError: it was released already; its pixels may be those of another frame by now.
        """
        if not self._held:
            raise RuntimeError("a frame that was released cannot be kept")
        other = object.__new__(Frame)
        for name in Frame.__slots__:
            setattr(other, name, getattr(self, name))
        self._slot.holders += 1
        return other

    def jpeg(self, order: PictureOrder) -> asyncio.Future[bytes] | None:
        """Ask the camera's worker for a JPEG of this frame, which stays held until that is made.

        None where there is no full view, or no slot to spare: a picture is not worth a frame that is not looked at.
        The future raises `WorkerLost` where the worker dies over it, and `WorkerError` where it can make none.
        """
        if self.full is None or self._encode is None or not self._held:
            return None
        return self._encode(self, order)

    def release(self) -> None:
        """Give the slot back. Doing it twice is harmless."""
        if not self._held:
            return
        self._held = False
        self._slot.holders -= 1
        if self._slot.holders == 0:
            self._slot.give_back(self._slot.number)
