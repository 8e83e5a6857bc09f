"""Whether the machine itself is well: its power supply, heat, memory and disk, as reasons for `health`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgedet.health import Reason
from edgedet.service.strain import Strain, strains

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgedet.service.machine import SystemMeter

_COMPONENT = "system"


class MachineWatch:
    """Remembers what the machine suffered from at the last look, so that `health` does not flap."""

    def __init__(self, meter: SystemMeter, mono_ns: Callable[[], int]) -> None:
        """`mono_ns` is CLOCK_MONOTONIC, nanoseconds."""
        self._meter = meter
        self._mono_ns = mono_ns
        self._strains: tuple[Strain, ...] = ()

    def reasons(self) -> tuple[Reason, ...]:
        """Look at it now, 0.2 ms; to be called every few seconds."""
        self._strains = strains(self._meter.read(), self._mono_ns(), self._strains)
        return tuple(Reason(_COMPONENT, strain.code, strain.message) for strain in self._strains)
