"""The daemon's end of a camera worker: one life of a source, as frames that must be given back."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from edgedet.errors import EdgedetError, SourceError, SourceLost, WorkerLost
from edgedet.types import ViewSize
from edgedet.workers import memory
from edgedet.workers.failure import read_failure
from edgedet.workers.frame import Frame
from edgedet.workers.picture_desk import PictureDesk
from edgedet.workers.pictures import PictureOrder
from edgedet.workers.process import ChildSpec, WorkerProcess
from edgedet.workers.protocol import (
    Kind,
    pack_attend,
    pack_json,
    pack_release,
    unpack_ended,
    unpack_json,
    unpack_ticket,
)
from edgedet.workers.rhythm import patience_s

_log = logging.getLogger(__name__)

FULL_VIEW_BYTES = 4096 * 4096 * 3
"""Room for one full view. What is larger comes without one; pages that are not written cost nothing."""
_CAPTURED, _CAPTURED_AT, _WAITING, _USUAL = 0, 1, 2, 3
"""Indices in the header page; `camera_child` writes them."""


@dataclass(frozen=True, slots=True)
class CameraSpec:
    """Which source, and how its frames are wanted."""

    name: str
    source: Mapping[str, object]
    """The driver's own settings as JSON has them; `type` names the driver."""
    view: ViewSize
    """The detect view: the model's input size."""
    slots: int
    """How many frames may be under way at once."""
    first_seq: int = 0
    """Number of the first frame: a camera that was replaced goes on counting."""
    full_view: bool = False
    """Whether the full picture is wanted beside the detect view."""
    max_fps: float | None = None
    """Frames beyond this rate are not even scaled."""
    idle_fps: float | None = None
    """Frames a second that are handed over while nothing moves and nothing is followed; None: motion does not matter.
    Only a live source's are held back; of any other, every frame comes, and says whether something moves."""
    masks: tuple[tuple[tuple[float, float], ...], ...] = ()
    """Polygons in fractions of the frame that are made black in both views."""
    open_deadline_s: float = 20.0
    """From the start of the worker to its first frame."""
    stall_s: float = 3.0
    """A source that could give frames and gave none for so long has stalled, unless that is its rate."""
    pause_s: float | None = 0.0
    """Seconds from one frame to the next, as the source's settings say; None: they do not say it. See `rhythm`."""
    python: str | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """What is known of a source once it is open."""

    live: bool
    """It runs by itself: a slow reader must lose frames."""
    expected_frames: int | None
    """How many there will be, as far as the source says; None where it does not."""


class CameraWorker:
    """A source in a child process, for one life. Enter it, iterate `frames()`, leave it."""

    def __init__(
        self,
        spec: CameraSpec,
        on_note: Callable[[str], None] = _log.warning,
        on_sight: Callable[[str | None], None] = lambda _code: None,
    ) -> None:
        """`on_note` gets warnings for the user, `on_sight` what is wrong with the pictures from then on, or None."""
        self.spec = spec
        self._on_note = on_note
        self._on_sight = on_sight
        self._layout = memory.Layout(
            spec.slots, spec.view.width * spec.view.height * 3, FULL_VIEW_BYTES if spec.full_view else 0
        )
        child = ChildSpec(f"camera-{spec.name}", "edgedet.workers.camera_child", self._layout.total, spec.python)
        self._process = WorkerProcess(child, self._on_message, self._on_lost)
        self._desk = PictureDesk(spec.name, self._process.send)
        self._queue: asyncio.Queue[Frame | None] = asyncio.Queue()
        self._opened: asyncio.Future[Opened] | None = None
        self._error: EdgedetError | None = None
        self._views: list[tuple[memoryview, memoryview | None]] = []
        self._header: memoryview | None = None
        self._ended = False
        self._live = False
        self._following = False
        self._out = 0
        self._started_ns = 0

    async def __aenter__(self) -> Self:
        """Start the child. That the source can be opened is known from `opened()` or the first frame."""
        self._opened = asyncio.get_running_loop().create_future()
        self._started_ns = time.monotonic_ns()
        descriptor = await self._process.start()
        try:
            shared = memory.attach(descriptor, self._layout.total)
        finally:
            os.close(descriptor)
        self._header = memory.header(shared)
        whole = memoryview(shared)
        layout = self._layout
        for slot in range(layout.slots):
            at = layout.detect_at(slot)
            full_at = layout.full_at(slot)
            full = whole[full_at : full_at + layout.full_bytes] if layout.full_bytes else None
            self._views.append((whole[at : at + layout.detect_bytes], full))
        spec = self.spec
        self._process.send(
            pack_json(
                Kind.START,
                {
                    "source": dict(spec.source),
                    "view": [spec.view.width, spec.view.height],
                    "slots": layout.slots,
                    "full_bytes": layout.full_bytes,
                    "first_seq": spec.first_seq,
                    "masks": spec.masks,
                    "idle_fps": spec.idle_fps,
                    "min_interval_s": 1.0 / spec.max_fps if spec.max_fps else 0.0,
                },
            )
        )
        return self

    async def __aexit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        """End the child. What its frames point to stays readable until they are released."""
        self._ended = True
        if self._opened is not None and not self._opened.done():
            self._opened.cancel()
        self._desk.close(WorkerLost(f"{self.spec.name}: its worker was ended"))
        await self._process.close()

    @property
    def pid(self) -> int | None:
        """Of the child process."""
        return self._process.pid

    @property
    def captured(self) -> int:
        """Frames that the source has given in this life, dropped ones too."""
        return 0 if self._header is None else self._header[_CAPTURED]

    def silent_s(self, now_ns: int) -> float:
        """Seconds since the source last gave a frame while it could have; 0 while it waits for us."""
        if self._header is None or self._ended or self._header[_WAITING] or self._out >= self.spec.slots:
            return 0.0
        return (now_ns - max(self._header[_CAPTURED_AT], self._started_ns)) / 1e9

    def allowed_silence_s(self) -> float:
        """Seconds without a frame after which the source has stalled, as far as its rate is known by now."""
        if self._header is None or not self.captured:
            return self.spec.open_deadline_s
        return patience_s(self.spec.stall_s, self.spec.pause_s, self._header[_USUAL] / 1e9)

    async def opened(self) -> Opened:
        """Wait until the source is open; says what it is.

        Raises:
            SourceError: it cannot be opened, or not within its deadline; the worker is killed then.
            WorkerLost: the child died over it.
        """
        if self._opened is None:
            raise RuntimeError("enter the worker first")
        limit_s = self.spec.open_deadline_s
        try:
            async with asyncio.timeout(limit_s):
                return await asyncio.shield(self._opened)
        except TimeoutError:
            self._process.kill("it did not open its source")
            raise SourceError(f"{self.spec.name}: not open within {limit_s:g} s", code="camera_stalled") from None

    async def frames(self) -> AsyncIterator[Frame]:
        """Every frame that the child hands over, until the source ends.

        Raises:
            SourceError: the source gave nothing, or broke off (`SourceLost`), or stalled.
            WorkerLost: the child died.
        """
        watch = asyncio.get_running_loop().create_task(self._watch(), name=f"watch-{self.spec.name}")
        try:
            while True:
                frame = await self._queue.get()
                if frame is None:
                    break
                yield frame
        finally:
            watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watch
        if self._error is not None:
            raise self._error

    def attend(self, *, following: bool) -> None:
        """Say that something is being followed from now on, so that every frame is wanted, or that nothing is."""
        if following != self._following and not self._ended:
            self._following = following
            self._process.send(pack_attend(following=following))

    def kill(self, reason: str) -> None:
        """End the child now; `frames()` ends with the reason."""
        self._process.kill(reason)

    async def _watch(self) -> None:
        """Kill a child whose source says nothing any more."""
        while not self._ended:
            # To the moment at which it could have been silent for too long, and looking again now and then: the limit
            # becomes a shorter one with the first frame.
            left_s = self.allowed_silence_s() - self.silent_s(time.monotonic_ns())
            await asyncio.sleep(min(max(left_s, 0.01), 0.5, self.spec.stall_s / 4))
            limit_s = self.allowed_silence_s()
            if self.silent_s(time.monotonic_ns()) > limit_s:
                if self.captured:
                    silence = f"no frame for {limit_s:g} s (after {self.captured} frames)"
                    self._error = SourceLost(f"{self.spec.name}: {silence}", code="camera_stalled")
                else:
                    self._error = SourceError(f"{self.spec.name}: no frame within {limit_s:g} s", code="camera_stalled")
                self._process.kill("it gave no frame")
                return

    def _on_message(self, message: bytes) -> None:
        kind = message[0]
        if kind == Kind.TICKET:
            ticket = unpack_ticket(message)
            detect, full = self._views[ticket.slot]
            self._out += 1
            self._queue.put_nowait(Frame(ticket, detect, full, self._release, self._encode))
        elif kind == Kind.PICTURE:
            self._desk.answered(message)
        elif kind == Kind.OPENED:
            if self._opened is not None and not self._opened.done():
                body = unpack_json(message)
                self._live = body["live"]
                self._opened.set_result(Opened(body["live"], body["expected_frames"]))
        elif kind == Kind.NOTE:
            self._on_note(str(unpack_json(message)["message"]))
        elif kind == Kind.SIGHT:
            code = unpack_json(message).get("code")
            self._on_sight(None if code is None else str(code))
        elif kind == Kind.ENDED:
            unpack_ended(message)
            self._finish(None)
        elif kind == Kind.FAILED:
            self._finish(read_failure(message))
        else:
            self._process.kill(f"it sent a message of an unknown kind {kind}")

    def _encode(self, frame: Frame, order: PictureOrder) -> asyncio.Future[bytes] | None:
        # A live source loses its next frame for want of a slot; any other waits for one, and has all of them out.
        scarce = self._live and not self._ended and self._out >= self.spec.slots
        return None if scarce else self._desk.ask(frame, order)

    def _release(self, slot: int) -> None:
        self._out -= 1
        if not self._ended:
            self._process.send(pack_release(slot))

    def _on_lost(self, error: WorkerLost) -> None:
        self._desk.close(error)
        self._finish(self._error or error)

    def _finish(self, error: EdgedetError | None) -> None:
        if self._ended:
            return
        self._ended = True
        self._error = error
        if self._opened is not None and not self._opened.done():
            if error is None:
                self._opened.set_result(Opened(live=False, expected_frames=0))
            else:
                self._opened.set_exception(error)
                self._opened.exception()  # it may be that nobody asks; frames() tells it too
        self._queue.put_nowait(None)
