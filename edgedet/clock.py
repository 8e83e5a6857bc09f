"""Time: monotonic for every deadline and age, wall time only where a message leaves the device."""

from __future__ import annotations

import ctypes
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

_STA_UNSYNC = 0x0040


def monotonic_ns() -> int:
    """CLOCK_MONOTONIC in nanoseconds: the clock of every `_ns` field in edgedet."""
    return time.monotonic_ns()


@dataclass(frozen=True, slots=True)
class Stamp:
    """The time fields that every JSON payload carries."""

    ts: str
    """RFC 3339, UTC, milliseconds: when published."""
    boot_id: str
    """Of this boot; `mono_ns` of two messages compare only under the same one."""
    mono_ns: int
    time_synced: bool
    """False while the kernel says that nobody has set the clock: a Pi before its fifth generation boots in the past."""


def read_boot_id(proc: Path = Path("/proc")) -> str:
    """The kernel's id of this boot; an empty string where the kernel has none."""
    try:
        return (proc / "sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


class _Timex(ctypes.Structure):
    # struct timex of <sys/timex.h>; the tail is padding that the kernel fills and we do not read.
    _fields_ = (("modes", ctypes.c_uint), ("rest", ctypes.c_long * 64))


def clock_is_synchronised() -> bool:
    """Whether the kernel holds the clock for set (adjtimex), whoever set it: timesyncd, chrony or ntpd."""
    libc = ctypes.CDLL(None, use_errno=True)
    timex = _Timex()
    state = int(libc.adjtimex(ctypes.byref(timex)))
    if state < 0:
        return False
    # Layout after `modes` (padded to a long): offset, freq, maxerror, esterror, status.
    status = int(timex.rest[4]) & 0xFFFFFFFF
    return not status & _STA_UNSYNC


def rfc3339(seconds: float) -> str:
    """Seconds since the epoch as `2026-01-31T12:00:00.123Z`."""
    moment = datetime.fromtimestamp(seconds, tz=UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


class Clock:
    """Stamps messages. Tests give one whose times are theirs."""

    def __init__(self, boot_id: str | None = None) -> None:
        self._boot_id = read_boot_id() if boot_id is None else boot_id

    def stamp(self) -> Stamp:
        """The time now, on both clocks."""
        return Stamp(rfc3339(time.time()), self._boot_id, time.monotonic_ns(), clock_is_synchronised())
