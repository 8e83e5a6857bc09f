"""A preferring detector that runs, for the tests of what it does when an Edge TPU fails."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace

from edgedet.accelerators.devices import EdgeTpu
from edgedet.errors import EdgedetError
from edgedet.settings.model_choice import BUNDLED_MODEL
from edgedet.types import FrameStamp
from edgedet.workers.backoff import Backoff
from edgedet.workers.detector import DetectorSpec
from edgedet.workers.edgetpu_keeper import Patience
from edgedet.workers.fallback import PreferringDetector
from edgedet.workers.ladder import Reset
from edgedet.workers.protocol import Limits, RawResult
from edgedet.workers.reset import ResetHelper
from edgedet.workers.states import DetectorState

LIMITS = Limits(0.25, 0.7, 300)
SOON = Backoff(first_s=0.1, longest_s=0.1)


@dataclass
class Bench:
    """A detector that runs, with what it told and what the kernel is made to see."""

    detector: PreferringDetector
    states: list[DetectorState]
    kernel: list[EdgeTpu]
    picture: bytes

    async def ask(self) -> RawResult:
        """A frame, shown again until somebody has answered, as the pipeline does with files."""
        while True:
            await self.detector.turn()
            answer = self.detector.submit(memoryview(self.picture), FrameStamp(0, 0, 0.0, 256, 256), LIMITS)
            with contextlib.suppress(EdgedetError):
                return await answer

    async def until(self, wanted: Callable[[DetectorState], bool], patience_s: float = 20.0) -> None:
        async with asyncio.timeout(patience_s):
            while not wanted(self.detector.state):
                await asyncio.sleep(0.01)

    async def until_on(self, backend: str, patience_s: float = 20.0) -> None:
        await self.until(lambda state: state.backend == backend, patience_s)

    async def until_doubted(self, patience_s: float = 20.0) -> str:
        await self.until(lambda state: state.doubt is not None, patience_s)
        doubt = self.detector.state.doubt
        return doubt.code if doubt else ""


@contextlib.asynccontextmanager
async def running(
    spec: DetectorSpec | Callable[[], DetectorSpec],
    picture: bytes,
    reprobe_s: float = 0.2,
    seldom: Backoff = SOON,
    *,
    helper: ResetHelper | None = None,
    reset: Reset = "off",
) -> AsyncIterator[Bench]:
    states: list[DetectorState] = []
    kernel: list[EdgeTpu] = []
    now = spec if callable(spec) else lambda: spec
    cpu = replace(now(), model=BUNDLED_MODEL, backend="cpu", instances=1, twin=None)
    patience = Patience(reprobe_s, seldom, look_s=0.2, settle_s=0.5)
    detector = PreferringDetector(
        now, lambda: cpu, states.append, patience=patience, look=lambda: tuple(kernel), helper=helper, reset=reset
    )
    keeper = asyncio.get_running_loop().create_task(detector.run())
    try:
        yield Bench(detector, states, kernel, picture)
    finally:
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)
