"""Time: monotonic for every deadline and age, wall time only where a message leaves the device."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

_STA_UNSYNC = 0x0040


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


class Clock:
    """Stamps messages. Whether somebody has set the clock is asked of the kernel at most once a second."""

    _ASK_EVERY_NS = 1_000_000_000

    def __init__(
        self,
        boot_id: str | None = None,
        *,
        wall_ns: Callable[[], int] = time.time_ns,
        mono_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """`wall_ns` and `mono_ns` are the two clocks, nanoseconds; tests bring their own."""
        self.boot_id = read_boot_id() if boot_id is None else boot_id
        """Of this boot; an empty string where the kernel has none."""
        self.mono_ns = mono_ns
        self._wall_ns = wall_ns
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._synced = False
        self._asked_ns: int | None = None

    def stamp(self) -> Stamp:
        """The time now, on both clocks."""
        now_ns = self.mono_ns()
        if self._asked_ns is None or now_ns - self._asked_ns > self._ASK_EVERY_NS:
            self._synced = self.is_synchronised()
            self._asked_ns = now_ns
        return Stamp(rfc3339(self._wall_ns() / 1e9), self.boot_id, now_ns, self._synced)

    def offset_ns(self) -> int:
        """Wall clock minus CLOCK_MONOTONIC now: jumps when somebody sets the wall clock."""
        return self._wall_ns() - self.mono_ns()

    def is_synchronised(self) -> bool:
        """Whether the kernel holds the clock for set (adjtimex), whoever set it: timesyncd, chrony or ntpd."""
        timex = _Timex()
        if self._libc.adjtimex(ctypes.byref(timex)) < 0:
            return False
        # Layout after `modes` (padded to a long): offset, freq, maxerror, esterror, status.
        status = int(timex.rest[4]) & 0xFFFFFFFF
        return not status & _STA_UNSYNC


def rfc3339(seconds: float) -> str:
    """Seconds since the epoch as `2026-01-31T12:00:00.123Z`."""
    moment = datetime.fromtimestamp(seconds, tz=UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
