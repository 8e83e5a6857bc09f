"""What is known of the detector, for health and statistics."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from edgedet.errors import AcceleratorError


class Phase(Enum):
    """Where a detector is in its life."""

    LOADING = "loading"
    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class DetectorState:
    """What is known of the detector, for health and statistics."""

    phase: Phase
    backend: str
    """Who answers: `cpu`, `edgetpu`; `none` unless it is up."""
    restarts: int
    """Workers started after the first."""
    reason: str
    """Why it is down, in one sentence; empty unless it is."""
    pid: int | None
    fallbacks: int = 0
    """How often something else took over from an Edge TPU that had answered."""
    doubt: AcceleratorError | None = None
    """Why an Edge TPU does not answer although it is wanted; its `code` is one of the health codes."""
    further_doubts: tuple[AcceleratorError, ...] = ()
    """The same of the other Edge TPUs."""
    devices: tuple[str, ...] = ()
    """The Edge TPUs that answer, where there are several."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """What was done to get lost accelerators back, counted since the start."""

    respawns: int = 0
    """Workers started in place of a lost one."""
    reloads: int = 0
    """Those of them that loaded the device's firmware anew."""
    resets: int = 0
    """Devices that the root helper reset."""
    power_cycles: int = 0
    """Devices whose power the root helper switched off and on."""
    probes: int = 0
    """Looks for an Edge TPU, or for its model, that was absent before."""

    def __add__(self, other: Recovery) -> Recovery:
        """Both together."""
        return Recovery(
            self.respawns + other.respawns,
            self.reloads + other.reloads,
            self.resets + other.resets,
            self.power_cycles + other.power_cycles,
            self.probes + other.probes,
        )
