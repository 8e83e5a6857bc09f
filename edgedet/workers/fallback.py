"""The Edge TPU while it answers, the CPU while it does not, and the way back: without a restart by hand, ever."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import NoReturn

from edgedet.accelerators.devices import EdgeTpu, find
from edgedet.errors import AcceleratorError, EdgedetError, ModelError, ModelMissing, WorkerLost
from edgedet.types import FrameStamp
from edgedet.workers.backoff import Backoff
from edgedet.workers.detector import DetectorSpec
from edgedet.workers.protocol import Limits, RawResult
from edgedet.workers.supervisor import Detector, DetectorState, Phase
from edgedet.workers.turns import Share

_log = logging.getLogger(__name__)

_LOOK_S = 1.0
"""How often sysfs is asked whether an Edge TPU has appeared: some ten small files."""
_MISSING = ("edgetpu_absent", "model_missing")
"""What is looked for regularly: looking costs little, and it may come at any moment."""
_LOSSES = ("edgetpu_hung", "edgetpu_crashed", "edgetpu_lost")
_RELOAD_AFTER = 2
"""Failures in a row after which a device gets its firmware anew (`Usb.AlwaysDfu`), which takes it some seconds."""
_GOOD_AFTER_S = 60.0
"""An Edge TPU that answered for so long was well; what happens to it then is no longer the trouble of before."""
_SELDOM = Backoff(first_s=1.0, longest_s=600.0)
"""For a device that is there and keeps failing: each attempt resets it, and most such devices never recover."""


class PreferringDetector:
    """An `Answerer` on an Edge TPU with a CPU behind it.

    The CPU's worker is there from the start and stays: it answers while the Edge TPU is loaded, and the frame after its
    loss. An absent Edge TPU is looked for every `reprobe_s`, one that fails again and again more and more rarely, and
    any at once when the kernel sees a new one.
    """

    def __init__(
        self,
        edgetpu: Callable[[], DetectorSpec],
        cpu: DetectorSpec,
        on_change: Callable[[DetectorState], None] = lambda _state: None,
        *,
        reprobe_s: float = 30.0,
        cpu_max_fps: float | None = None,
        look: Callable[[], tuple[EdgeTpu, ...]] = find,
        seldom: Backoff = _SELDOM,
    ) -> None:
        """Assign only.

        Args:
            edgetpu: gives the worker that is preferred, asked before each attempt: which devices there are changes.
            cpu: the one that stands in for it.
            on_change: called in the event loop with every new state.
            reprobe_s: seconds between two looks for an Edge TPU that is absent.
            cpu_max_fps: as `Detector`'s `max_fps`, for the CPU only.
            look: tells which Edge TPUs the kernel sees.
            seldom: pauses between the attempts at a device that keeps failing.
        """
        self.state = DetectorState(Phase.LOADING, "none", 0, "", 0.0, None)
        self._edgetpu_spec = edgetpu
        self._slots = max(edgetpu().slots, cpu.slots)
        self._on_change = on_change
        self._reprobe_s = reprobe_s
        self._look = look
        self._seldom = seldom
        self._cpu = Detector(cpu, self._on_state, max_fps=cpu_max_fps)
        self._edgetpu: Detector | None = None
        self._attempts = 0
        self._fallbacks = 0
        self.reloads = 0
        """How often a device that kept failing was opened with its firmware loaded anew."""
        self._doubt: AcceleratorError | None = None
        self._up = asyncio.Event()
        self._granted: Detector | None = None

    @property
    def slots(self) -> int:
        """How many frames can be under way at once."""
        return self._slots

    @property
    def pids(self) -> tuple[int, ...]:
        """Of the children that live."""
        return (*(self._edgetpu.pids if self._edgetpu else ()), *self._cpu.pids)

    async def run(self) -> NoReturn:
        """Keep both workers."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._cpu.run(), name="detector-cpu")
            tasks.create_task(self._keep_edgetpu(), name="detector-edgetpu")
        raise AssertionError("neither of the two ever ends")

    async def ready(self) -> None:
        """Wait until one of them answers."""
        await self._up.wait()

    async def turn(self, share: Share | None = None) -> None:
        """See `Detector.turn`."""
        share = share or Share()
        while True:
            await self._up.wait()
            detector = self._best()
            if detector is None:
                await asyncio.sleep(0)
            elif await detector.turn_in_this_life(share):
                # The Edge TPU may have come up meanwhile; the slot was promised by this one.
                self._granted = detector
                return

    def submit(self, picture: memoryview, stamp: FrameStamp, limits: Limits) -> asyncio.Future[RawResult]:
        """See `DetectorWorker.submit`.

        Raises:
            WorkerLost: the worker was lost.
        """
        if self._granted is None:
            raise WorkerLost("there is no detector worker")
        return self._granted.submit(picture, stamp, limits)

    def restart(self, reason: str) -> None:
        """Replace the worker that answers now."""
        detector = self._best()
        if detector is not None:
            detector.restart(reason)

    def _best(self) -> Detector | None:
        """The one to ask now."""
        ups = [each for each in (self._edgetpu, self._cpu) if each is not None and each.state.phase is Phase.UP]
        return ups[0] if ups else None

    async def _keep_edgetpu(self) -> None:
        failures = 0
        while True:
            seen = self._look()
            good, error = await self._live(self._spec_after(failures))
            failures = 1 if good else failures + 1
            if _is_news(error, self._doubt):
                self._doubt = error
            self._tell()
            delay_s = self._reprobe_s if error.code in _MISSING else self._seldom.delay_s(failures)
            if await self._wait_for_another(seen, delay_s):
                failures = 0

    def _spec_after(self, failures: int) -> DetectorSpec:
        """The worker to try. Opening a device resets its port; from the third time on it gets its firmware anew too."""
        spec = self._edgetpu_spec()
        if failures < _RELOAD_AFTER or (self._doubt and self._doubt.code in _MISSING):
            return spec
        self.reloads += 1
        return replace(spec, delegate={**spec.delegate, "Usb.AlwaysDfu": "True"})

    async def _live(self, spec: DetectorSpec) -> tuple[bool, AcceleratorError]:
        """One attempt at the Edge TPU, to its end. Whether it answered for long, and why it ended."""
        self._attempts += 1
        self._edgetpu = edgetpu = Detector(spec, self._on_state, attempts=1)
        keeper = asyncio.get_running_loop().create_task(edgetpu.run(), name="edgetpu-life")
        since = None
        try:
            await edgetpu.ready()
            since = time.monotonic()
            if self._doubt is not None:
                _log.info("the Edge TPU answers again")
                self._doubt = None
            self._tell()
            await keeper
        except AcceleratorError as error:
            reason = error
        except ModelError as error:
            code = "model_missing" if isinstance(error, ModelMissing) else "model_mismatch"
            reason = AcceleratorError(error.message, hint=error.hint, code=code)
        except EdgedetError as error:
            reason = AcceleratorError(error.message, hint=error.hint)
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
            self._edgetpu = None
            self._fallbacks += since is not None
        return since is not None and time.monotonic() - since > _GOOD_AFTER_S, reason

    async def _wait_for_another(self, before: tuple[EdgeTpu, ...], delay_s: float) -> bool:
        """Wait; at the latest until the kernel sees an Edge TPU where it saw none before. Whether it does."""
        known = {tpu.node for tpu in before}
        deadline = time.monotonic() + delay_s
        while (left_s := deadline - time.monotonic()) > 0:
            await asyncio.sleep(min(_LOOK_S, left_s))
            nodes = {tpu.node for tpu in self._look()}
            if nodes - known:
                return True
            # One that goes and comes back at the same place is a new one.
            known &= nodes
        return False

    def _on_state(self, _state: DetectorState) -> None:
        self._tell()

    def _tell(self) -> None:
        """Put the two states together and pass the result on where it is new."""
        best = self._best()
        if best is not None:
            self._up.set()
        else:
            self._up.clear()
        base = self._cpu.state if best is None else best.state
        restarts = self._cpu.state.restarts + max(0, self._attempts - 1)
        doubt = None if best is not None and best is self._edgetpu else self._doubt
        state = replace(base, restarts=restarts, fallbacks=self._fallbacks, doubt=doubt)
        if state != self.state:
            self.state = state
            self._on_change(state)


def _is_news(error: AcceleratorError, before: AcceleratorError | None) -> bool:
    """Whether a reason is another than before. One that hangs again, now while it is loaded, still just hangs."""
    if before is None or before.code != error.code:
        return True
    return error.code not in _LOSSES and error.message != before.message
