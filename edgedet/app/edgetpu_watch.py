"""Whether the Edge TPUs that are asked for are well, as far as their driver tells: reasons for `health`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgedet.accelerators.devices import EdgeTpu, find
from edgedet.health import Code, Reason
from edgedet.service.strain import CALM_NS, Strain, lasting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from edgedet.settings import DetectorSettings

_COMPONENT = "detector"
_RELIEF_C = 5.0
"""One that was too hot is well again when it is this much cooler."""


class EdgeTpuWatch:
    """Remembers what they suffered from at the last look, so that `health` does not flap.

    None of it says whether they answer: that is found out by asking them.
    """

    def __init__(
        self,
        settings: DetectorSettings,
        mono_ns: Callable[[], int],
        look: Callable[[], tuple[EdgeTpu, ...]] = find,
    ) -> None:
        """Assign only.

        Args:
            settings: which of them are asked for.
            mono_ns: CLOCK_MONOTONIC, nanoseconds.
            look: says which the kernel sees.
        """
        self._settings = settings
        self._mono_ns = mono_ns
        self._look = look
        self._strains: tuple[Strain, ...] = ()

    def reasons(self) -> tuple[Reason, ...]:
        """Look at them now; to be called every few seconds."""
        if "edgetpu" not in self._settings.accelerators:
            return ()
        devices, now_ns = self._settings.edgetpu.devices, self._mono_ns()
        tpus = {tpu.name: tpu for tpu in self._look() if devices == "all" or tpu.name in devices}
        seen = [strain for tpu in tpus.values() for strain in _seen(tpu, now_ns)]
        self._strains = lasting(seen, self._strains, lambda strain: _lasts(strain, tpus.get(strain.part), now_ns))
        return tuple(Reason(_COMPONENT, strain.code, strain.message) for strain in self._strains)


def _seen(tpu: EdgeTpu, now_ns: int) -> Iterator[Strain]:
    if tpu.fault:
        message = f"{tpu.name}: {tpu.fault}. Switch the machine off and on."
        yield Strain(Code.EDGETPU_FAULTY, message, now_ns, tpu.name)
    if tpu.is_hot():
        message = f"{tpu.name} is at {tpu.temp_c:.0f} °C and slows itself down: give it air or a cooler."
        yield Strain(Code.EDGETPU_HOT, message, now_ns, tpu.name)


def _lasts(strain: Strain, tpu: EdgeTpu | None, now_ns: int) -> bool:
    """Whether something that is not seen at this moment is not over yet."""
    if strain.code == Code.EDGETPU_HOT:
        return tpu is not None and tpu.is_hot(_RELIEF_C)
    return now_ns - strain.seen_ns < CALM_NS
