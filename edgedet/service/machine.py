"""What the processes and the machine say of themselves, read from /proc and /sys. What is not there is None."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgedet.service.firmware import FirmwareWord, read_firmware

if TYPE_CHECKING:
    from collections.abc import Iterable

_KIB_PER_MIB = 1024
_BYTES_PER_MIB = 1 << 20
_NS_PER_S = 1_000_000_000
_UTIME, _STIME = 11, 12
"""Fields of /proc/PID/stat after the name in parentheses, which may hold blanks itself."""
_NO_SIGNAL_DBM = -120.0
"""Wi-Fi that is not connected reads 0 or -256, and some drivers give a quality in place of a level: 0 and above."""


@dataclass(frozen=True, slots=True)
class ProcessFigures:
    """The daemon and its workers together."""

    cpu_percent: float | None
    """100 is one core kept busy since the reading before; None at the first."""
    pss_mb: float | None
    """Proportional memory, MiB; None where the kernel does not tell."""
    workers: int

    def body(self) -> dict[str, object]:
        """Return it as the `stats` payload has it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class SystemFigures:
    """The machine. Memory and disk in MiB."""

    cpu_temp_c: float | None
    mem_available_mb: float | None
    disk_free_mb: float | None
    undervoltage: bool | None
    throttled: bool | None
    wifi_dbm: float | None
    mem_total_mb: float | None = None
    memory_stalled_percent: float | None = None
    """Share of the last ten seconds in which every process waited for memory (PSI `full`)."""
    disk_total_mb: float | None = None
    undervoltage_since_boot: bool | None = None
    """Now or earlier: what the firmware remembers since the Pi was switched on, and the meter since it was made."""
    throttled_since_boot: bool | None = None
    """As `undervoltage_since_boot`."""
    soft_temp_limit: bool | None = None
    """Some Pis are a little slower from their soft temperature limit on, before they are throttled."""
    soft_temp_limit_since_boot: bool | None = None
    """As `undervoltage_since_boot`."""

    def body(self) -> dict[str, object]:
        """Return it as the `stats` payload has it."""
        return asdict(self)


class ProcessMeter:
    """Reads how much the daemon and its workers use. 1 to 2 ms a process, for the sake of PSS."""

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = proc
        self._ticks_per_s = os.sysconf("SC_CLK_TCK")
        self._before: tuple[int, dict[int, int]] | None = None

    def read(self, now_ns: int, workers: Iterable[int]) -> ProcessFigures:
        """Return the figures of this process and of the workers with these ids, as far as they still live."""
        ids = [os.getpid(), *workers]
        ticks = {pid: used for pid in ids if (used := self._ticks(pid)) is not None}
        sizes = [size for pid in ids if (size := self._pss_kib(pid)) is not None]
        cpu_percent = self._cpu_percent(now_ns, ticks)
        self._before = (now_ns, ticks)
        return ProcessFigures(
            cpu_percent=cpu_percent,
            pss_mb=round(sum(sizes) / _KIB_PER_MIB, 1) if sizes else None,
            workers=len(ticks.keys() & set(ids[1:])),
        )

    def _cpu_percent(self, now_ns: int, ticks: dict[int, int]) -> float | None:
        if self._before is None or now_ns <= self._before[0]:
            return None
        then_ns, before = self._before
        # A process that is new here counts from the next reading on: what it used before may be hours old.
        used = sum(count - before.get(pid, count) for pid, count in ticks.items())
        return round(100.0 * used / self._ticks_per_s / ((now_ns - then_ns) / _NS_PER_S), 1)

    def _ticks(self, pid: int) -> int | None:
        text = _read(self._proc / str(pid) / "stat")
        fields = text.rpartition(")")[2].split() if text else []
        return int(fields[_UTIME]) + int(fields[_STIME]) if len(fields) > _STIME else None

    def _pss_kib(self, pid: int) -> int | None:
        return _kib(_read(self._proc / str(pid) / "smaps_rollup"), "Pss:")


class SystemMeter:
    """Reads temperature, memory, disk and the Pi's own signals.

    It remembers under-voltage and heat that it has seen: the kernel's sensor makes the firmware forget them.
    """

    def __init__(self, state_dir: Path, root: Path = Path("/")) -> None:
        """`state_dir` need not exist yet: its nearest parent's disk counts then. `root` is for tests."""
        self._state_dir = state_dir
        self._root = root
        self._seen = FirmwareWord(0)

    def read(self) -> SystemFigures:
        """Return what can be known now."""
        firmware = read_firmware(self._root)
        # Each of the two sees what the other misses: the sensor looks back over two seconds, the firmware is of now.
        alarm = self._undervoltage_alarm()
        now = None if firmware is None else firmware.undervoltage
        undervoltage = now if alarm is None else alarm or bool(now)
        seen = self._seen = self._seen.and_also(firmware, undervoltage=bool(undervoltage))
        never = None if firmware is None else False
        memory = _read(self._root / "proc/meminfo")
        disk_free_mb, disk_total_mb = self._disk_mb()
        return SystemFigures(
            cpu_temp_c=self._cpu_temp_c(),
            mem_available_mb=_mib(_kib(memory, "MemAvailable:")),
            disk_free_mb=disk_free_mb,
            undervoltage=undervoltage,
            throttled=None if firmware is None else firmware.throttled,
            wifi_dbm=self._wifi_dbm(),
            mem_total_mb=_mib(_kib(memory, "MemTotal:")),
            memory_stalled_percent=self._memory_stalled_percent(),
            disk_total_mb=disk_total_mb,
            undervoltage_since_boot=seen.undervoltage_since_boot or never,
            throttled_since_boot=seen.throttled_since_boot or never,
            soft_temp_limit=None if firmware is None else firmware.soft_temp_limit,
            soft_temp_limit_since_boot=seen.soft_temp_limit_since_boot or never,
        )

    def _cpu_temp_c(self) -> float | None:
        zones = sorted((self._root / "sys/class/thermal").glob("thermal_zone*"))
        named = [zone for zone in zones if "cpu" in (_read(zone / "type") or "").lower()]
        for zone in named or zones:
            with suppress(ValueError):
                return round(int(_read(zone / "temp") or "") / 1000, 1)
        return None

    def _disk_mb(self) -> tuple[float | None, float | None]:
        for folder in (self._state_dir, *self._state_dir.parents):
            with suppress(OSError):
                disk = os.statvfs(folder)
                free, total = (
                    round(blocks * disk.f_frsize / _BYTES_PER_MIB, 1) for blocks in (disk.f_bavail, disk.f_blocks)
                )
                return free, total
        return None, None

    def _memory_stalled_percent(self) -> float | None:
        # https://docs.kernel.org/accounting/psi.html; Raspberry Pi OS needs `psi=1` on its kernel's command line.
        for line in (_read(self._root / "proc/pressure/memory") or "").splitlines():
            kind, *pairs = line.split()
            figures = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
            with suppress(ValueError, KeyError):
                if kind == "full":
                    return float(figures["avg10"])
        return None

    def _undervoltage_alarm(self) -> bool | None:
        # https://www.kernel.org/doc/html/latest/hwmon/index.html: `rpi_volt` is the Pi firmware's own sensor.
        for sensor in sorted((self._root / "sys/class/hwmon").glob("hwmon*")):
            if (_read(sensor / "name") or "").strip() == "rpi_volt":
                alarm = _read(sensor / "in0_lcrit_alarm")
                return None if alarm is None else alarm.strip() == "1"
        return None

    def _wifi_dbm(self) -> float | None:
        for line in (_read(self._root / "proc/net/wireless") or "").splitlines()[2:]:
            with suppress(ValueError, IndexError):
                level = float(line.split()[3].rstrip("."))
                if _NO_SIGNAL_DBM < level < 0:
                    return level
        return None


def _read(path: Path) -> str | None:
    # A worker may end, and a sensor may fail, between two reads: both are "not known".
    with suppress(OSError):
        return path.read_text()
    return None


def _mib(kib: int | None) -> float | None:
    return None if kib is None else round(kib / _KIB_PER_MIB, 1)


def _kib(text: str | None, key: str) -> int | None:
    for line in (text or "").splitlines():
        if line.startswith(key):
            return int(line.split()[1])
    return None
