"""Keeps a detector worker alive: a fresh one after each loss, with back-off, and what is known of it as data."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import NoReturn, Protocol

from edgedet.errors import AcceleratorError, EdgedetError, ModelError, WorkerLost
from edgedet.types import FrameStamp
from edgedet.workers.backoff import Backoff
from edgedet.workers.detector import DetectorSpec, DetectorWorker
from edgedet.workers.process import WorkerProcess
from edgedet.workers.protocol import Limits, RawResult
from edgedet.workers.states import DetectorState, Phase, Recovery
from edgedet.workers.turns import Share, Turns

_log = logging.getLogger(__name__)


class Answerer(Protocol):
    """What the stages need of whoever answers: one kind of worker, or several in order of preference."""

    state: DetectorState

    @property
    def slots(self) -> int:
        """How many frames can be under way at once."""

    @property
    def pids(self) -> tuple[int, ...]:
        """Of the children that live."""

    @property
    def recovery(self) -> Recovery:
        """What was done so far to get lost accelerators back."""

    async def run(self) -> NoReturn:
        """Keep the workers; see `Detector.run`."""

    async def turn(self, share: Share | None = None) -> None:
        """Wait for a slot; see `Detector.turn`."""

    def submit(self, picture: memoryview, stamp: FrameStamp, limits: Limits) -> asyncio.Future[RawResult]:
        """Hand a frame over, right after `turn`; see `DetectorWorker.submit`."""

    def restart(self, reason: str) -> None:
        """Replace the worker that answers now."""


class Detector:
    """A detector that comes back. `run` it as a task; `turn` and `submit` wait through its restarts."""

    def __init__(
        self,
        spec: DetectorSpec,
        on_change: Callable[[DetectorState], None] = lambda _state: None,
        backoff: Backoff | None = None,
        attempts: int | None = None,
        max_fps: float | None = None,
        instead: DetectorSpec | None = None,
        on_instead: Callable[[EdgedetError], None] = lambda _error: None,
        turns: Turns | None = None,
    ) -> None:
        """Assign only.

        Args:
            spec: the worker to keep.
            on_change: called in the event loop with every new state.
            backoff: pauses between the attempts; default: 0.2 s doubling to 60 s.
            attempts: losses in a row, without an answer between, after which `run` raises; None: never.
            max_fps: frames a second of all cameras together at most, to keep the processor cool; None: no limit.
            instead: the worker to go on with, for good, as soon as the first one fails.
            on_instead: told why, when that happens.
            turns: whose slots are shared with other detectors, so that `turn` is not to be used; None: its own.
        """
        self.spec = spec
        self._instead = instead
        self._on_instead = on_instead
        self._slots = max(each.slots for each in (spec, instead) if each is not None)
        self.state = DetectorState(Phase.LOADING, "none", 0, "", None)
        self._on_change = on_change
        self._backoff = backoff or Backoff()
        self._attempts = attempts
        self._max_fps = max_fps
        self._next_s = 0.0
        self._turns = turns
        self._worker: DetectorWorker | None = None
        self.remains: WorkerProcess | None = None
        """The last worker's, where it was killed and the kernel has not let go of it yet."""
        self._up = asyncio.Event()
        self._lost: asyncio.Future[EdgedetError] | None = None
        self._answered = False
        self._restarts = 0
        self._over: EdgedetError | None = None

    @property
    def slots(self) -> int:
        """How many frames can be under way at once."""
        return self._slots

    @property
    def pids(self) -> tuple[int, ...]:
        """Of the child, while it is up."""
        return () if self.state.pid is None else (self.state.pid,)

    @property
    def recovery(self) -> Recovery:
        """Workers started again."""
        return Recovery(respawns=self._restarts)

    @property
    def free(self) -> int:
        """Slots of the worker that is up in which nothing is under way."""
        return 0 if self._worker is None else self._worker.free

    async def run(self) -> NoReturn:
        """Start workers, one life after another.

        Raises:
            ModelError: the file is no use, if `attempts` are limited; with unlimited ones it is tried again, since a
                file can be replaced.
            AcceleratorError: the Edge TPU cannot be used, if `attempts` are limited.
            WorkerLost: more losses in a row than `attempts`.
        """
        failures = 0
        try:
            while True:
                self._answered = False
                error = await self._live()
                if self._instead is not None:
                    self._on_instead(error)
                    self.spec, self._instead = self._instead, None
                    continue
                failures = 1 if self._answered else failures + 1
                refused = isinstance(error, AcceleratorError) and not self._answered
                hopeless = refused or isinstance(error, ModelError)
                if self._attempts is not None and (hopeless or failures >= self._attempts):
                    raise error
                delay_s = self._backoff.delay_s(failures)
                _log.warning("%s; a fresh worker in %.1f s", error.message, delay_s)
                self._down(error)
                await asyncio.sleep(delay_s)
                self._restarts += 1
        except EdgedetError as error:
            self._over = error
            self._up.set()
            raise

    async def ready(self) -> None:
        """Wait until a worker is up.

        Raises:
            EdgedetError: `run` has given up.
        """
        await self._up.wait()
        if self._over is not None:
            raise self._over

    async def turn(self, share: Share | None = None) -> None:
        """Wait for a worker and for a free slot of it, in the share's turn (None: a share of one's own).

        `submit` must follow at once, without an await between: the slot is promised to the caller.

        Raises:
            EdgedetError: `run` has given up.
        """
        share = share or Share()
        while True:
            await self.ready()
            if await self.turn_in_this_life(share):
                return

    async def turn_in_this_life(self, share: Share) -> bool:
        """As `turn`, but false when there is no worker, when it was lost meanwhile, or after a pause for `max_fps`."""
        worker = self._worker
        if worker is None:
            await asyncio.sleep(0)
            return False
        pause_s = self._next_s - asyncio.get_running_loop().time()
        if pause_s > 0:
            await asyncio.sleep(pause_s)
            return False
        try:
            await worker.turn(share)
        except EdgedetError:
            return False
        return worker is self._worker

    def submit(self, picture: memoryview, stamp: FrameStamp, limits: Limits) -> asyncio.Future[RawResult]:
        """Hand a frame over, right after `turn`; see `DetectorWorker.submit`.

        Raises:
            WorkerLost: the worker was lost. The future fails with it too: nobody knows what was in that frame.
        """
        if self._worker is None:
            raise WorkerLost("there is no detector worker")
        if self._max_fps is not None:
            now_s = asyncio.get_running_loop().time()
            self._next_s = max(self._next_s, now_s - 1.0 / self._max_fps) + 1.0 / self._max_fps
        future = self._worker.submit(picture, stamp, limits)
        if not self._answered:
            future.add_done_callback(self._note_answer)
        return future

    def restart(self, reason: str) -> None:
        """Replace the worker now."""
        if self._worker is not None:
            self._worker.kill(reason)

    def _note_answer(self, future: asyncio.Future[RawResult]) -> None:
        if not future.cancelled() and future.exception() is None:
            self._answered = True

    async def _live(self) -> EdgedetError:
        """One worker's life, from its start to the reason of its end."""
        self._lost = asyncio.get_running_loop().create_future()
        worker = DetectorWorker(self.spec, self._on_lost, self._turns)
        try:
            async with contextlib.AsyncExitStack() as stack:
                await stack.enter_async_context(worker)
                for reason in worker.left_out:
                    _log.warning("%s; it is done without", reason)
                self._worker = worker
                self._change(
                    replace(
                        self.state,
                        phase=Phase.UP,
                        restarts=self._restarts,
                        backend=self.spec.backend,
                        reason="",
                        pid=worker.pid,
                        doubt=None,
                    )
                )
                self._up.set()
                return await self._lost
        except EdgedetError as error:
            return error
        finally:
            self._worker = None
            self.remains = None if worker.process.collected else worker.process
            self._up.clear()

    def _on_lost(self, error: EdgedetError) -> None:
        self._up.clear()
        # Said before the corpse is collected: who can ask another worker shall not wait for that.
        self._down(error)
        if self._lost is not None and not self._lost.done():
            self._lost.set_result(error)

    def _down(self, error: EdgedetError) -> None:
        doubt = error if isinstance(error, AcceleratorError) else None
        self._change(replace(self.state, phase=Phase.DOWN, backend="none", reason=error.message, pid=None, doubt=doubt))

    def _change(self, state: DetectorState) -> None:
        if state != self.state:
            self.state = state
            self._on_change(state)
