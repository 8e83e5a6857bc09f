"""Keeps one Edge TPU: a worker while it answers, and after its loss one attempt after the other to get it back."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NoReturn

from edgedet.accelerators.devices import EdgeTpu, find
from edgedet.errors import AcceleratorError, EdgedetError, ModelError, ModelMissing
from edgedet.workers.backoff import Backoff
from edgedet.workers.claims import Claims
from edgedet.workers.detector import DetectorSpec
from edgedet.workers.ladder import RELOAD_OPTION, Reset, Rung, is_absent, rung_after
from edgedet.workers.reset import ResetHelper
from edgedet.workers.states import Phase, Recovery
from edgedet.workers.supervisor import Detector
from edgedet.workers.turns import Turns

_log = logging.getLogger(__name__)

_SELDOM = Backoff(first_s=1.0, longest_s=600.0)
_LOOKS_AFTER_RESET = 10
_LOSSES = ("edgetpu_hung", "edgetpu_crashed", "edgetpu_lost")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long what takes."""

    reprobe_s: float = 30.0
    """Between two looks for an Edge TPU that is absent."""
    seldom: Backoff = _SELDOM
    """For a device that is there and keeps failing: each attempt resets it, and most such devices never recover."""
    look_s: float = 1.0
    """How often sysfs is asked whether an Edge TPU has appeared: some ten small files."""
    settle_s: float = 5.0
    """So long after an attempt a device that goes and comes back does so because of that: its firmware was loaded."""
    good_after_s: float = 60.0
    """Who answered for so long was well; what happens then is no longer the trouble of before."""


@dataclass(frozen=True, slots=True)
class Means:
    """What every keeper of one daemon works with."""

    spec: Callable[[], DetectorSpec]
    """The worker with all devices that are wanted, asked before each attempt: which there are changes.
    Raises AcceleratorError where it cannot even be tried."""
    turns: Turns
    claims: Claims
    patience: Patience
    look: Callable[[], tuple[EdgeTpu, ...]] = find
    """Which Edge TPUs the kernel sees."""
    helper: ResetHelper | None = None
    """Who resets a device as root; None: nobody does."""
    reset: Reset = "off"
    """The most that the helper may be asked for."""


class EdgeTpuKeeper:
    """One Edge TPU's life, from loss to loss. `run` it as a task."""

    def __init__(self, number: int, means: Means, on_change: Callable[[], None]) -> None:
        """Assign only; `on_change` is called in the event loop whenever something here is new."""
        self.number = number
        self._means = means
        self._on_change = on_change
        self.detector: Detector | None = None
        """The worker of now, being loaded, up or lost."""
        self.device = ""
        """What the library is asked for; empty: any."""
        self.doubt: AcceleratorError | None = None
        """Why it does not answer; None: it does, or is on its way for the first time."""
        self._has_answered = False
        self.attempts = 0
        self.recovery = Recovery()
        self._said = ""

    @property
    def trouble(self) -> AcceleratorError | None:
        """As `doubt`, and at once after a loss."""
        if self.doubt is not None or self.detector is None or self.detector.state.phase is not Phase.DOWN:
            return self.doubt
        loss = self.detector.state.doubt
        return None if loss is None else self._named(loss)

    @property
    def is_up(self) -> bool:
        """Whether it answers."""
        return self.detector is not None and self.detector.state.phase is Phase.UP

    async def run(self) -> NoReturn:
        """Try, and try again."""
        failures, code = 0, ""
        while True:
            rung = rung_after(failures, code, self._means.reset)
            await self._reset(rung)
            before = self._ports()
            good, error = await self._attempt(rung, code)
            failures, code = 1 if good else failures + 1, error.code
            ended_s = time.monotonic()
            told = self._named(error)
            if _is_news(told, self.doubt):
                self._doubt(told)
            await self._outlive()
            patience = self._means.patience
            delay_s = patience.reprobe_s if is_absent(code) else patience.seldom.delay_s(failures)
            if await self._wait_for_another(before, ended_s + delay_s):
                failures = 0

    async def _attempt(self, rung: Rung, before: str) -> tuple[bool, AcceleratorError]:
        """One attempt, to its end. Whether the device answered for long, and why that ended."""
        try:
            spec = self._spec(rung, elsewhere=before == "edgetpu_busy")
        except AcceleratorError as error:
            return False, error
        self._count(rung, before)
        self.detector = detector = Detector(spec, lambda _state: self._on_change(), attempts=1, turns=self._means.turns)
        keeper = asyncio.get_running_loop().create_task(detector.run(), name=f"edgetpu-{self.number}-life")
        since = None
        try:
            await detector.ready()
            since = time.monotonic()
            self._has_answered = True
            self._means.claims.opened(self.number, self._means.look())
            if self.doubt is not None:
                _log.info("the Edge TPU%s answers again", f" {self.device}" if self.device else "")
                self.doubt = None
            self._on_change()
            await keeper
        except AcceleratorError as error:
            reason = self._in_hindsight(error)
        except ModelError as error:
            code = "model_missing" if isinstance(error, ModelMissing) else "model_mismatch"
            reason = AcceleratorError(error.message, hint=error.hint, code=code)
        except EdgedetError as error:
            reason = AcceleratorError(error.message, hint=error.hint)
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
        return since is not None and time.monotonic() - since > self._means.patience.good_after_s, reason

    def _spec(self, rung: Rung, *, elsewhere: bool) -> DetectorSpec:
        spec = self._means.spec()
        device = self._means.claims.choose(self.number, spec.devices, self._means.look(), elsewhere=elsewhere)
        if device is None:
            raise AcceleratorError(
                f"the Edge TPU {self.device or self.number} is no longer there",
                hint="Look at its cable and power.",
                code="edgetpu_absent",
            )
        self.device = device
        delegate = {**spec.delegate, RELOAD_OPTION: "True"} if rung.reload else spec.delegate
        return replace(spec, instances=1, devices=(device,) if device else (), delegate=delegate)

    def _count(self, rung: Rung, before: str) -> None:
        self.attempts += 1
        absent = is_absent(before)
        again = self.attempts > 1
        self.recovery += Recovery(respawns=again and not absent, reloads=rung.reload, probes=again and absent)

    async def _reset(self, rung: Rung) -> None:
        """Have the device reset, and wait until the kernel sees it again. What does not work is said once."""
        helper, seen = self._means.helper, self._means.look()
        if rung.reset == "off" or helper is None:
            return
        # One that has vanished is not asked for by its old number: that may be another's by now.
        device = self._means.claims.name_of(self.number, seen) if seen else self.device
        if not device.startswith("usb:"):
            return
        try:
            await helper.ask(rung.reset, device)
        except AcceleratorError as error:
            if error.message != self._said:
                self._said = error.message
                _log.warning("%s; %s", error.message, error.hint)
            return
        cycled = rung.reset == "uhubctl"
        self.recovery += Recovery(resets=not cycled, power_cycles=cycled)
        _log.info("the Edge TPU %s was %s", device, "switched off and on" if cycled else "reset")
        for _ in range(_LOOKS_AFTER_RESET):
            if len(self._means.look()) >= len(seen):
                break
            await asyncio.sleep(self._means.patience.look_s)

    async def _outlive(self) -> None:
        """Wait for the end of a worker that was killed and that the kernel keeps: it still has the device."""
        remains = self.detector.remains if self.detector else None
        self.detector = None
        self._on_change()
        if remains is None:
            return
        with contextlib.suppress(TimeoutError):
            # Most only take long to die, as one does whose memory is written out.
            await asyncio.wait_for(remains.gone(), 2 * self._means.patience.look_s)
            return
        loss = self.doubt
        name = f" {self.device}" if self.device else ""
        self._doubt(
            AcceleratorError(
                f"the Edge TPU{name} is busy: its killed worker (process {remains.pid}) hangs in the kernel",
                hint="It is tried again when that has gone; if it never does, unplug the Edge TPU.",
                code="edgetpu_busy",
            )
        )
        await remains.gone()
        if loss is not None:
            self._doubt(loss)

    def _in_hindsight(self, error: AcceleratorError) -> AcceleratorError:
        """A crash at load is the library's fault only as long as it has never answered."""
        if error.code != "edgetpu_runtime_mismatch" or not self._has_answered:
            return error
        hint = "It has answered with the same versions before: look at its power and its cable."
        return AcceleratorError(error.message, hint=hint, code="edgetpu_crashed")

    def _named(self, error: AcceleratorError) -> AcceleratorError:
        """The error with its device, where there are several and it does not name it itself."""
        if self._means.claims.alone or not self.device or self.device in error.message:
            return error
        return AcceleratorError(f"{self.device}: {error.message}", hint=error.hint, code=error.code)

    def _doubt(self, error: AcceleratorError) -> None:
        self.doubt = error
        self._on_change()

    async def _wait_for_another(self, before: frozenset[str], deadline_s: float) -> bool:
        """Wait; at the latest until an Edge TPU appears where the kernel saw none before. Whether one did."""
        known, begun_s = before, time.monotonic()
        blocked = self._is_blocked()
        while (left_s := deadline_s - time.monotonic()) > 0:
            await asyncio.sleep(min(self._means.patience.look_s, left_s))
            ports = self._ports()
            if ports - known or (blocked and not self._is_blocked()):
                return True
            if time.monotonic() - begun_s > self._means.patience.settle_s:
                # One that goes and comes back at the same place is a new one.
                known &= ports
        return False

    def _is_blocked(self) -> bool:
        try:
            self._means.spec()
        except AcceleratorError:
            return True
        return False

    def _ports(self) -> frozenset[str]:
        return frozenset(tpu.port for tpu in self._means.look())


def _is_news(error: AcceleratorError, before: AcceleratorError | None) -> bool:
    """Whether a reason is another than before. One that hangs again, now while it is loaded, still just hangs."""
    if before is None or before.code != error.code:
        return True
    return error.code not in _LOSSES and error.message != before.message
