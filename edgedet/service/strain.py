"""When the machine itself is not well: facts to what it suffers from, with hysteresis. Pure: time comes in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from edgedet.service.machine import SystemFigures

_LOW_MEMORY_MB, _LOW_MEMORY_SHARE = 64.0, 0.08
"""Available: below the first, or on a small machine below that share of all, the kernel soon ends a process. A detector
worker's restart takes about as much."""
_LOW_DISK_MB, _LOW_DISK_SHARE = 64.0, 0.02
"""Where the state directory lies: what the spool may take by its default, on a small disk that share of it."""
_RELIEF = 1.5
"""It is over when there is this many times as much."""
_STALLED_PERCENT = 10.0
"""Of the last ten seconds, in which everything stood still for want of memory (PSI `full`)."""
CALM_NS = 60_000_000_000
"""Under-voltage and throttling come and go by the second, Wi-Fi with who walks by: over after a minute without."""
_WEAK_WIFI_DBM = -80.0
"""Below, connections are lost and frames sent again and again."""
FAIR_WIFI_DBM = -75.0
"""From here on it is no longer weak."""


@dataclass(frozen=True, slots=True)
class Strain:
    """One thing that the machine, or a part of it, suffers from."""

    code: str
    """A code of `health`."""
    message: str
    """Of the moment when it began, so that it does not change with every reading."""
    seen_ns: int
    """When it was last seen, CLOCK_MONOTONIC."""
    part: str = ""
    """Which of several parts of a kind it is of; empty: the machine."""


def strains(figures: SystemFigures, now_ns: int, before: tuple[Strain, ...] = ()) -> tuple[Strain, ...]:
    """What the machine suffers from now.

    Args:
        figures: as they were read just now.
        now_ns: CLOCK_MONOTONIC, nanoseconds.
        before: what the last call returned; none at the first.
    """
    return lasting(_seen(figures, now_ns), before, lambda strain: _lasts(strain, figures, now_ns))


def lasting(seen: Iterable[Strain], before: Iterable[Strain], lasts: Callable[[Strain], bool]) -> tuple[Strain, ...]:
    """What is seen now, in the words of its beginning, and what of `before` is not seen and `lasts` all the same."""
    held = {(strain.code, strain.part): strain for strain in before}
    new = {(strain.code, strain.part): strain for strain in seen}
    still = {key: strain for key, strain in held.items() if key not in new and lasts(strain)}
    told = {key: replace(held[key], seen_ns=strain.seen_ns) if key in held else strain for key, strain in new.items()}
    return tuple(strain for _, strain in sorted((still | told).items()))


def low_memory_mb(figures: SystemFigures) -> float:
    """How much must be available, so that memory is not short."""
    return _limit(_LOW_MEMORY_MB, _LOW_MEMORY_SHARE, figures.mem_total_mb)


def low_disk_mb(figures: SystemFigures) -> float:
    """How much must be free where the state directory lies, so that the disk is not full."""
    return _limit(_LOW_DISK_MB, _LOW_DISK_SHARE, figures.disk_total_mb)


def _limit(at_most_mb: float, share: float, total_mb: float | None) -> float:
    return at_most_mb if total_mb is None else min(at_most_mb, share * total_mb)


def _seen(figures: SystemFigures, now_ns: int) -> Iterator[Strain]:
    if figures.undervoltage:
        yield Strain("undervoltage", "The power supply is too weak: use the one made for this Pi.", now_ns)
    if figures.throttled:
        heat = "" if figures.cpu_temp_c is None else f" at {figures.cpu_temp_c:.0f} °C"
        cause = "its power supply is too weak" if figures.undervoltage else "heat or its power supply"
        yield Strain("throttled", f"The processor is slowed down{heat}: {cause}.", now_ns)
    available, stalled = figures.mem_available_mb, figures.memory_stalled_percent
    if available is not None and available < low_memory_mb(figures):
        yield Strain("memory_low", f"Only {available:.0f} MB of memory are free.", now_ns)
    elif stalled is not None and stalled >= _STALLED_PERCENT:
        yield Strain(
            "memory_low", f"For want of memory everything stood still for {stalled:.0f} % of the time.", now_ns
        )
    if figures.disk_free_mb is not None and figures.disk_free_mb < low_disk_mb(figures):
        message = f"Only {figures.disk_free_mb:.0f} MB are free where the state directory lies."
        yield Strain("disk_full", message, now_ns)
    if figures.wifi_dbm is not None and figures.wifi_dbm < _WEAK_WIFI_DBM:
        message = (
            f"The Wi-Fi signal is weak, {figures.wifi_dbm:.0f} dBm: move the Pi or the access point, or use a cable."
        )
        yield Strain("wifi_weak", message, now_ns)


def _lasts(strain: Strain, figures: SystemFigures, now_ns: int) -> bool:
    """Whether something that is not seen at this moment is not over yet."""
    match strain.code:
        case "memory_low":
            stalled = figures.memory_stalled_percent or 0.0
            return _tight(figures.mem_available_mb, low_memory_mb(figures)) or stalled > _STALLED_PERCENT / 2
        case "disk_full":
            return _tight(figures.disk_free_mb, low_disk_mb(figures))
        case "wifi_weak" if figures.wifi_dbm is not None and figures.wifi_dbm < FAIR_WIFI_DBM:
            return True
        case _:
            return now_ns - strain.seen_ns < CALM_NS


def _tight(there_mb: float | None, limit_mb: float) -> bool:
    return there_mb is not None and there_mb < _RELIEF * limit_mb
