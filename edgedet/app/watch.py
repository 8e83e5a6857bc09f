"""One camera of the daemon: its worker's lives one after another, its frames looked at, its answers handed on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

from edgedet.channel import Latest
from edgedet.errors import EdgedetError, SourceError
from edgedet.health import CameraFacts, CameraState, Code, Reason
from edgedet.pipeline import Seen, capture, every_frame, newest_frames
from edgedet.service.journal import fields
from edgedet.workers.backoff import Backoff
from edgedet.workers.camera import CameraSpec, CameraWorker, Opened
from edgedet.workers.frame import Frame
from edgedet.workers.gate import Gate
from edgedet.workers.protocol import Limits
from edgedet.workers.supervisor import Answerer
from edgedet.workers.turns import Share

_log = logging.getLogger(__name__)

_FAULTS = {str(code): code.advice for code in (Code.CAMERA_FROZEN, Code.CAMERA_DARK)}
"""What can be wrong with the pictures of a camera that gives some."""
SPARE_SLOTS = 3
"""Camera slots beyond the frames under way: one being drawn, one on its way, one that is the newest."""


@dataclass(frozen=True, slots=True)
class WatchOrder:
    """What is asked of a camera; changed by commands while it runs."""

    enabled: bool
    min_score: float
    """Boxes below are not even decoded: what the tracker has no use for."""
    iou: float
    max_detections: int
    class_bitmap: bytes
    """See `Limits`."""

    @property
    def limits(self) -> Limits:
        """What the detector is told."""
        return Limits(self.min_score, self.iou, self.max_detections, self.class_bitmap)


class CameraWatch:
    """Keeps one camera looking. `run` it as a task; it ends when a finite source has ended."""

    def __init__(
        self,
        spec: CameraSpec,
        order: WatchOrder,
        detector: Answerer,
        labels: tuple[str, ...],
        on_fact: Callable[[CameraFacts], None],
        on_seen: Callable[[Seen], None],
        backoff: Backoff | None = None,
    ) -> None:
        self.spec = spec
        self.order = order
        self._detector = detector
        self._labels = labels
        self._on_fact = on_fact
        self._on_seen = on_seen
        self._backoff = backoff or Backoff(first_s=0.5, longest_s=10.0)
        self._fact = CameraFacts()
        self._fault: Reason | None = None
        self._changed = asyncio.Event()
        self._worker: CameraWorker | None = None
        self._newest: Latest[Frame] | None = None
        self._share = Share(weight=spec.max_fps or 1.0)
        self._gate = None if spec.idle_fps is None else Gate(spec.idle_fps)
        self._captured_before = 0
        self._dropped_before = 0
        self._failures = 0

    @property
    def name(self) -> str:
        """Of the camera, in topics."""
        return self.spec.name

    @property
    def captured(self) -> int:
        """Frames that the source has given since the daemon started."""
        return self._captured_before + (self._worker.captured if self._worker else 0)

    @property
    def dropped(self) -> int:
        """Frames that a newer one replaced since the daemon started."""
        return self._dropped_before + (self._newest.statistics().dropped if self._newest else 0)

    @property
    def worker_pid(self) -> int | None:
        """Of the child, while there is one."""
        return self._worker.pid if self._worker else None

    def change(self, order: WatchOrder) -> None:
        """From now on, this is asked. Switching off ends the worker: a camera that nobody asks is not kept running."""
        was_enabled, self.order = self.order.enabled, order
        if was_enabled != order.enabled:
            self._changed.set()

    def attend(self, *, following: bool) -> None:
        """Say after each frame whether an object is being followed that may still move: it keeps the rate up.

        Without `detect.motion` this changes nothing.
        """
        if self._gate is None:
            return
        self._gate.attending = following
        if self._worker is not None:
            self._worker.attend(following=following)

    async def run(self) -> None:
        """Look, for as long as there is something to look at."""
        while True:
            self._changed.clear()
            if not self.order.enabled:
                self._tell(CameraFacts(CameraState.OFF, None, self._fact.last_frame_at))
                await self._changed.wait()
                continue
            if await self._life_or_change():
                self._tell(CameraFacts(CameraState.OFF, None, self._fact.last_frame_at))
                return

    async def _life_or_change(self) -> bool:
        """One life of the worker, cut short by a command; says whether the source has ended by itself."""
        loop = asyncio.get_running_loop()
        life = loop.create_task(self._life(), name=f"life-{self.name}")
        change = loop.create_task(self._changed.wait(), name=f"change-{self.name}")
        try:
            await asyncio.wait((life, change), return_when=asyncio.FIRST_COMPLETED)
            if not life.done():
                return False
            try:
                await life
            except EdgedetError as error:
                await self._wait_after(error, change)
                return False
            return True
        finally:
            for task in (life, change):
                task.cancel()
            await asyncio.gather(life, change, return_exceptions=True)

    async def _wait_after(self, error: EdgedetError, change: asyncio.Task[bool]) -> None:
        code = error.code if isinstance(error, SourceError) else Code.CAMERA_CRASHED
        self._failures += 1
        delay_s = self._backoff.delay_s(self._failures)
        message = ". ".join(" ".join(part.split()) for part in (error.message, error.hint) if part)
        self._tell(CameraFacts(CameraState.BLIND, Reason(self.name, code, message), self._fact.last_frame_at))
        _log.debug("%s: a fresh worker in %.1f s", self.name, delay_s)
        await asyncio.wait((change,), timeout=delay_s)

    async def _life(self) -> None:
        """From the start of a worker to its end.

        Raises:
            EdgedetError: it did not end because the source did.
        """
        if self._fact.state is not CameraState.BLIND:
            self._tell(CameraFacts(CameraState.STARTING, None, self._fact.last_frame_at))
        self._fault = None
        spec = replace(self.spec, first_seq=self._captured_before)
        worker = CameraWorker(spec, self._on_note, self._on_sight)
        try:
            async with AsyncExitStack() as stack:
                await stack.enter_async_context(worker)
                self._worker = worker
                opened = await worker.opened()
                if self._gate is not None:
                    worker.attend(following=self._gate.attending)
                stream = self._look(worker, opened)
                stack.push_async_callback(stream.aclose)
                async for seen in stream:
                    self._failures = 0
                    self._on_seen(seen)
                    seen.frame.release()
        finally:
            self._captured_before += worker.captured
            self._worker = None

    def watching(self, at: str) -> None:
        """A frame has been looked at; `at` is RFC 3339."""
        state = CameraState.WATCHING if self._fault is None else CameraState.DEGRADED
        self._tell(replace(self._fact, state=state, reason=self._fault, last_frame_at=at))

    def _on_note(self, note: str) -> None:
        _log.warning("%s: %s", self.name, note, extra=fields(camera=self.name, component=self.name))

    def _on_sight(self, code: str | None) -> None:
        """The pictures are black or stand still, or are well again: frames go on being looked at."""
        self._fault = None if code is None else Reason(self.name, code, _FAULTS.get(code, code))
        if self._fact.state.looks and self._fact.last_frame_at is not None:
            self.watching(self._fact.last_frame_at)

    def _look(self, worker: CameraWorker, opened: Opened) -> AsyncGenerator[Seen]:
        depth = self._detector.slots
        if opened.live:
            return self._newest_of(worker, depth)
        return every_frame(worker.frames(), self._detector, lambda: self.order.limits, self._labels, depth, self._gate)

    async def _newest_of(self, worker: CameraWorker, depth: int) -> AsyncGenerator[Seen]:
        newest: Latest[Frame] = Latest(self.name)
        self._newest = newest
        reader = asyncio.get_running_loop().create_task(capture(worker.frames(), newest), name=f"capture-{self.name}")
        try:
            async for seen in newest_frames(
                newest, self._detector, lambda: self.order.limits, self._labels, depth, self._share
            ):
                yield seen
            await reader
        finally:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)
            self._dropped_before += newest.statistics().dropped
            self._newest = None

    def _tell(self, fact: CameraFacts) -> None:
        self._fact = fact
        self._on_fact(fact)
