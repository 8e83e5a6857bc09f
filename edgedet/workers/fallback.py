"""The Edge TPUs while they answer, the CPU while none does, and the way back: without a restart by hand, ever."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import NoReturn

from edgedet.accelerators.devices import EdgeTpu, find
from edgedet.errors import AcceleratorError, WorkerLost
from edgedet.types import FrameStamp
from edgedet.workers.claims import Claims
from edgedet.workers.detector import SLOTS_PER_INSTANCE, DetectorSpec
from edgedet.workers.edgetpu_keeper import EdgeTpuKeeper, Means, Patience
from edgedet.workers.ladder import Reset
from edgedet.workers.protocol import Limits, RawResult
from edgedet.workers.reset import ResetHelper
from edgedet.workers.states import DetectorState, Phase, Recovery
from edgedet.workers.supervisor import Detector
from edgedet.workers.turns import Share, Turns

_PATIENCE = Patience()
_DEVICES_AT_LEAST = 2


class PreferringDetector:
    """An `Answerer` on Edge TPUs with a CPU behind them.

    Each Edge TPU has a worker of its own, so that one which hangs, crashes or is taken leaves the others alone; all
    draw from the same turns. The CPU's worker is there from the start and stays: it answers while no Edge TPU does.
    """

    def __init__(
        self,
        edgetpu: Callable[[], DetectorSpec],
        cpu: Callable[[], DetectorSpec | None],
        on_change: Callable[[DetectorState], None] = lambda _state: None,
        *,
        cpu_max_fps: float | None = None,
        patience: Patience = _PATIENCE,
        look: Callable[[], tuple[EdgeTpu, ...]] = find,
        helper: ResetHelper | None = None,
        reset: Reset = "off",
    ) -> None:
        """Assign only.

        Args:
            edgetpu: gives the worker with all devices that are wanted, asked before each attempt: which there are
                changes. Raises AcceleratorError where it cannot even be tried.
            cpu: the worker that stands in for them; None: there is none yet, so it is asked again.
            on_change: called in the event loop with every new state.
            cpu_max_fps: as `Detector`'s `max_fps`, for the CPU only.
            patience: how long what takes.
            look: tells which Edge TPUs the kernel sees.
            helper: who resets a device as root; None: nobody does.
            reset: the most that the helper may be asked for.
        """
        self.state = DetectorState(Phase.LOADING, "none", 0, "", None)
        self._cpu_spec = cpu
        self._cpu_max_fps = cpu_max_fps
        self._on_change = on_change
        self._turns = Turns()
        self._means = Means(edgetpu, self._turns, Claims(), patience, look, helper, reset)
        now = cpu()
        # Cameras make room for so many frames once; a second device that comes later finds it made.
        self._slots = max(SLOTS_PER_INSTANCE * max(_DEVICES_AT_LEAST, self._wanted()), now.slots if now else 0)
        self._cpu: Detector | None = None
        self._keepers: list[EdgeTpuKeeper] = []
        self._fallbacks = 0
        self._on_edgetpu = False
        self._up = asyncio.Event()
        self._granted: Detector | None = None

    @property
    def slots(self) -> int:
        """How many frames can be under way at once."""
        return self._slots

    @property
    def pids(self) -> tuple[int, ...]:
        """Of the children that live."""
        return tuple(pid for detector in self._detectors() for pid in detector.pids)

    @property
    def recovery(self) -> Recovery:
        """What was done so far to get lost accelerators back."""
        total = self._cpu.recovery if self._cpu else Recovery()
        for keeper in self._keepers:
            total += keeper.recovery
        return total

    async def run(self) -> NoReturn:
        """Keep the workers."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_cpu(), name="detector-cpu")
            while True:
                # One more when another device is plugged in; one that was pulled is waited for.
                while len(self._keepers) < self._wanted():
                    keeper = EdgeTpuKeeper(len(self._keepers), self._means, self._tell)
                    self._keepers.append(keeper)
                    tasks.create_task(keeper.run(), name=f"edgetpu-{keeper.number}")
                await asyncio.sleep(self._means.patience.look_s)
        raise AssertionError("they never end")

    async def turn(self, share: Share | None = None) -> None:
        """See `Detector.turn`."""
        share = share or Share()
        while True:
            await self._up.wait()
            if not any(keeper.is_up for keeper in self._keepers):
                granted = await self._turn_of_cpu(share)
            elif await self._turns.take(share):
                granted = self._freest()
                if granted is None:
                    # The slot that was promised went with its worker.
                    self._turns.give_back()
            else:
                granted = None
            if granted is not None:
                self._granted = granted
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
        """Replace the workers that answer now."""
        ups = [keeper.detector for keeper in self._keepers if keeper.detector and keeper.is_up]
        for detector in ups or [detector for detector in (self._cpu,) if detector]:
            detector.restart(reason)

    async def _turn_of_cpu(self, share: Share) -> Detector | None:
        cpu = self._cpu
        if cpu is None:
            await asyncio.sleep(0)
            return None
        # An Edge TPU may have come up meanwhile; the slot was promised by this one.
        return cpu if await cpu.turn_in_this_life(share) else None

    def _freest(self) -> Detector | None:
        """The Edge TPU's worker with the most free slots: it is the one that will answer first."""
        ups = [keeper.detector for keeper in self._keepers if keeper.detector and keeper.is_up]
        best = max(ups, key=lambda detector: detector.free, default=None)
        return best if best is not None and best.free else None

    async def _keep_cpu(self) -> None:
        while True:
            spec = self._cpu_spec()
            if spec is not None:
                break
            await asyncio.sleep(self._means.patience.look_s)
        self._cpu = Detector(spec, lambda _state: self._tell(), max_fps=self._cpu_max_fps)
        await self._cpu.run()

    def _wanted(self) -> int:
        """How many Edge TPUs there should be."""
        try:
            return max(1, len(self._means.spec().devices))
        except AcceleratorError:
            return 1

    def _detectors(self) -> list[Detector]:
        all_of_them = [*(keeper.detector for keeper in self._keepers), self._cpu]
        return [detector for detector in all_of_them if detector is not None]

    def _tell(self) -> None:
        """Put the states together and pass the result on where it is new."""
        ups = [keeper for keeper in self._keepers if keeper.is_up]
        cpu = self._cpu.state if self._cpu else None
        if self._on_edgetpu and not ups:
            self._fallbacks += 1
            self._turns.release_all()
        self._on_edgetpu = bool(ups)
        doubts = [trouble for keeper in self._keepers if not keeper.is_up and (trouble := keeper.trouble)]
        if ups and ups[0].detector:
            base = ups[0].detector.state
        elif cpu is not None:
            base = cpu
        else:
            base = self._without_cpu(doubts)
        if base.phase is Phase.UP:
            self._up.set()
        else:
            self._up.clear()
        if base.phase is Phase.LOADING:
            # Who answers instead belongs to what is said of a loss, and is known in a moment.
            doubts = []
        state = replace(
            base,
            restarts=(cpu.restarts if cpu else 0) + sum(max(0, keeper.attempts - 1) for keeper in self._keepers),
            fallbacks=self._fallbacks,
            doubt=doubts[0] if doubts else None,
            further_doubts=tuple(doubts[1:]),
            devices=tuple(keeper.device for keeper in ups) if len(self._keepers) > 1 else (),
        )
        if state != self.state:
            self.state = state
            self._on_change(state)

    def _without_cpu(self, doubts: list[AcceleratorError]) -> DetectorState:
        phase = Phase.DOWN if doubts else Phase.LOADING
        return DetectorState(phase, "none", 0, doubts[0].message if doubts else "", None)
