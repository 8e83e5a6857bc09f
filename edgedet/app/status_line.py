"""How the daemon is, in one line for `systemctl status`; `edgedet doctor` reads it again, for it needs no broker."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgedet.health import CameraState, State

if TYPE_CHECKING:
    from edgedet.health import Health

_REASONS = 3
_LINE = re.compile(rf"({'|'.join(State)}): \d+ of \d+ cameras watching[^;]*((?:; [^;]+)*)")
_REASON = re.compile(r"([a-z0-9_-]+): (\w+)")
_MORE = re.compile(r"(\d+) more")


@dataclass(frozen=True, slots=True)
class Named:
    """One thing that is not well, as far as the line has it."""

    component: str
    """As in `Reason`."""
    code: str


@dataclass(frozen=True, slots=True)
class Status:
    """What the line says."""

    state: State
    named: tuple[Named, ...] = ()
    more: int = 0
    """So many further reasons, for which the line has no room."""


def status_line(health: Health, frames_per_s: float | None) -> str:
    """Return the line: the state, what the daemon does, and the first things that are not well."""
    enabled = [camera.state for camera in health.cameras.values() if camera.state is not CameraState.OFF]
    watching = sum(state.looks for state in enabled)
    line = f"{health.state}: {watching} of {len(enabled)} cameras watching"
    if watching and frames_per_s is not None:
        line += f", {frames_per_s:.1f} fps on {health.detector.backend}"
    told = [f"{reason.component}: {reason.code}" for reason in health.reasons[:_REASONS]]
    more = len(health.reasons) - len(told)
    return "; ".join([line, *told, *([f"{more} more"] if more else [])])


def read_status_line(line: str) -> Status | None:
    """Return what such a line says; None: it is another one, of a daemon that starts or ends."""
    match = _LINE.fullmatch(line.strip())
    if match is None:
        return None
    named, more = [], 0
    for part in match[2].removeprefix("; ").split("; "):
        if reason := _REASON.fullmatch(part):
            named.append(Named(reason[1], reason[2]))
        elif rest := _MORE.fullmatch(part):
            more = int(rest[1])
    return Status(State(match[1]), tuple(named), more)
