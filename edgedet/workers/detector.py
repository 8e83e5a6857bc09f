"""The daemon's end of a detector worker: one life, with a deadline for every frame."""

from __future__ import annotations

import asyncio
import os
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from edgedet.errors import EdgedetError, WorkerLost
from edgedet.types import FrameStamp, ViewSize
from edgedet.workers import memory
from edgedet.workers.failure import read_failure
from edgedet.workers.loss import When, edgetpu_loss
from edgedet.workers.process import ChildSpec, WorkerProcess
from edgedet.workers.protocol import (
    Kind,
    Limits,
    RawResult,
    Submission,
    pack_json,
    pack_submit,
    unpack_json,
    unpack_result,
)
from edgedet.workers.turns import Share, Turns

SLOTS_PER_INSTANCE = 2
"""One that is being looked at and one that lies ready, so that the accelerator never waits for us."""
_MEDIANS_TO_A_HANG = 10
"""A Pi 4 takes 2.9 s for YOLOv8s at 640 pixels: slow is not hung. A deadline is at least so many usual times long."""


@dataclass(frozen=True, slots=True)
class DetectorSpec:
    """Which model, on what."""

    model: Path
    view: ViewSize
    """The model's input size, which is what frames are delivered at."""
    backend: str = "cpu"
    threads: int = 1
    instances: int = 1
    runtime: str = "auto"
    deadline_s: float = 2.0
    load_deadline_s: float = 20.0
    python: str | None = None
    library: str = "libedgetpu.so.1"
    """What holds the Edge TPU's delegate."""
    devices: tuple[str, ...] = ()
    """The Edge TPU of each instance, `usb:0`, `pci:0`; none: the first of any kind for each."""
    delegate: Mapping[str, str] = field(default_factory=dict)
    """The delegate's own options."""
    twin: Path | None = None
    """The file for the CPU with which an Edge TPU's answers are compared before it is believed; None: they are not."""

    @property
    def slots(self) -> int:
        """Input slots: how many frames can be under way at once."""
        return self.instances * SLOTS_PER_INSTANCE


@dataclass(slots=True)
class _Job:
    """A frame that the worker has and has not answered."""

    slot: int
    future: asyncio.Future[RawResult]
    submitted_ns: int


class DetectorWorker:
    """A loaded model in a child process, for one life. Enter it (which loads and warms up), submit, leave it."""

    def __init__(self, spec: DetectorSpec, on_lost: Callable[[EdgedetError], None], turns: Turns | None = None) -> None:
        """Assign only.

        Args:
            spec: what to load.
            on_lost: told why, when a worker that was open is lost.
            turns: to which its slots are added; None: turns of its own.
        """
        self.spec = spec
        self._report_loss = on_lost
        self._layout = memory.Layout(spec.slots, spec.view.width * spec.view.height * 3, 0)
        child = ChildSpec(f"detector-{spec.backend}", "edgedet.workers.detector_child", self._layout.total, spec.python)
        self._process = WorkerProcess(child, self._on_message, self._on_lost)
        self._opened: asyncio.Future[float] | None = None
        self._error: EdgedetError | None = None
        self._failure: EdgedetError | None = None
        self._when = When.LOADING
        self._versions = ""
        self._whole = memoryview(b"")
        self._header = memoryview(b"")
        self._free: deque[int] = deque()
        self._own_turns = turns is None
        self._turns = turns or Turns()
        self._jobs: dict[int, _Job] = {}
        self._tickets = 0
        self._last_result_ns = 0
        self._timer: asyncio.TimerHandle | None = None
        self.deadline_s = spec.deadline_s
        """Seconds from the start of an invoke to its being taken for hung; grows with a slow model."""
        self.left_out: tuple[str, ...] = ()
        """Why some of several devices are not used, a sentence each."""
        self.warm_up_ms = 0.0
        """Median of the first invokes, milliseconds."""

    async def __aenter__(self) -> Self:
        """Load the model and run it once.

        Raises:
            ModelError: the file is no use.
            WorkerLost: the child died over it, or took longer than `load_deadline_s`.
            AcceleratorError: the same of an Edge TPU's, or it said why there is none to be had.
        """
        loop = asyncio.get_running_loop()
        self._opened = loop.create_future()
        descriptor = await self._process.start()
        try:
            shared = memory.attach(descriptor, self._layout.total)
        finally:
            os.close(descriptor)
        self._whole = memoryview(shared)
        self._header = memory.header(shared)
        spec = self.spec
        twin = None if spec.twin is None else str(spec.twin)
        start = {**asdict(spec), "model": str(spec.model), "twin": twin, "slots": spec.slots}
        self._process.send(pack_json(Kind.START, start))
        try:
            async with asyncio.timeout(spec.load_deadline_s):
                self.warm_up_ms = await self._opened
        except TimeoutError:
            self._process.kill(f"it took longer than {spec.load_deadline_s:g} s to load the model")
            await self._process.close()
            late = WorkerLost(
                f"detector-{spec.backend}: killed: loading {spec.model} took longer than {spec.load_deadline_s:g} s",
                hint="Raise detector.load_deadline_s if this machine is just slow.",
            )
            raise self._meaning(late, When.HUNG) from None
        except BaseException:
            await self._process.close()
            raise
        self.deadline_s = max(spec.deadline_s, _MEDIANS_TO_A_HANG * self.warm_up_ms / 1000.0)
        self._free.extend(range(spec.slots))
        self._turns.add(spec.slots)
        return self

    async def __aexit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        """End the child; what it had not answered fails with `WorkerLost`."""
        self._fail_all(WorkerLost(f"detector-{self.spec.backend}: closed"))
        await self._close()

    async def _close(self) -> None:
        await self._process.close()
        # The mapping holds a descriptor and its pages for as long as these live, and a device that flaps makes many.
        self._header = self._whole = memoryview(b"")

    @property
    def pid(self) -> int | None:
        """Of the child process."""
        return self._process.pid

    @property
    def free(self) -> int:
        """Slots in which nothing is under way."""
        return len(self._free)

    @property
    def process(self) -> WorkerProcess:
        """The child, which can outlive this."""
        return self._process

    def kill(self, reason: str) -> None:
        """End this life now."""
        self._process.kill(reason)

    async def turn(self, share: Share) -> None:
        """Wait until a slot is free and it is this share's turn; `submit` must follow at once, without an await.

        What is to be looked at is chosen after it, not before: the newest frame is the one of that moment.

        Raises:
            EdgedetError: there is no worker any more.
        """
        if self._error is None:
            await self._turns.take(share)
        if self._error is not None:
            raise self._error

    def submit(self, picture: memoryview, stamp: FrameStamp, limits: Limits) -> asyncio.Future[RawResult]:
        """Copy the picture into a free slot and hand it over; the future is its answer. To be called after `turn`.

        Args:
            picture: RGB of the spec's view size, height x width x 3 bytes. Not needed any more afterwards.
            stamp: of the frame; its size gives the letterbox.
            limits: which answers count.

        Raises:
            EdgedetError: there is no worker any more. The future fails with it too.
        """
        if self._error is not None:
            raise self._error
        slot = self._free.popleft()
        at = self._layout.detect_at(slot)
        self._whole[at : at + self._layout.detect_bytes] = picture
        self._tickets += 1
        future: asyncio.Future[RawResult] = asyncio.get_running_loop().create_future()
        self._jobs[self._tickets] = _Job(slot, future, time.monotonic_ns())
        self._process.send(pack_submit(Submission(slot, self._tickets, stamp.width, stamp.height, limits)))
        if self._timer is None:
            self._arm(self.deadline_s)
        return future

    def _arm(self, delay_s: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._check_deadline)

    def _check_deadline(self) -> None:
        """Kill the worker if an invoke has run for too long, or if it has work and touches none of it."""
        self._timer = None
        if not self._jobs or self._error is not None:
            return
        now_ns = time.monotonic_ns()
        started = [self._header[number] for number in range(self.spec.instances) if self._header[number]]
        oldest = next(iter(self._jobs.values()))
        reference_ns = min(started) if started else max(oldest.submitted_ns, self._last_result_ns)
        # An answer can also be lost after its invoke; then the job just grows older than its place in the queue allows.
        overdue_ns = int((SLOTS_PER_INSTANCE + 1) * self.deadline_s * 1e9)
        left_s = self.deadline_s - (now_ns - reference_ns) / 1e9
        if left_s <= 0 or now_ns - oldest.submitted_ns > overdue_ns:
            self._when = When.HUNG
            self._process.kill(f"no answer within {self.deadline_s:g} s")
        else:
            self._arm(left_s)

    def _on_message(self, message: bytes) -> None:
        kind = message[0]
        if kind == Kind.RESULT:
            result = unpack_result(message, self.spec.backend)
            job = self._jobs.pop(result.ticket, None)
            if job is None:
                self._process.kill(f"it answered ticket {result.ticket}, which was never given out")
                return
            self._last_result_ns = time.monotonic_ns()
            self._free.append(job.slot)
            self._turns.give_back()
            if not job.future.done():
                job.future.set_result(result)
        elif kind == Kind.OPENED and self._opened is not None:
            if not self._opened.done():
                self._when = When.RUNNING
                body = unpack_json(message)
                self.left_out = tuple(map(str, body["left_out"]))
                self._opened.set_result(float(body["warm_up_ms"]))
        elif kind == Kind.FAILED:
            self._failure = read_failure(message)
        elif kind == Kind.NOTE:
            self._versions = str(unpack_json(message).get("message", ""))
        else:
            self._process.kill(f"it sent a message of an unknown kind {kind}")

    def _on_lost(self, error: WorkerLost) -> None:
        reason = self._failure or self._meaning(error, self._when)
        if self._opened is not None and self._when is When.LOADING:
            self._error = reason
            if not self._opened.done():
                self._opened.set_exception(reason)
            return
        self._fail_all(reason)
        self._report_loss(reason)

    def _meaning(self, error: WorkerLost, when: When) -> EdgedetError:
        return edgetpu_loss(error, when, self._versions) if self.spec.backend == "edgetpu" else error

    def _fail_all(self, error: EdgedetError) -> None:
        if self._error is None:
            self._error = error
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for job in self._jobs.values():
            if not job.future.done():
                job.future.set_exception(error)
                job.future.exception()  # a frame whose reader has gone is no unhandled error
        self._jobs.clear()
        self._turns.withdraw(len(self._free))
        self._free.clear()
        if self._own_turns:
            self._turns.release_all()
