"""Which Edge TPUs the kernel sees, read from sysfs: no library is loaded and no device is opened.

What sysfs says explains and wakes; it never decides whether the library is tried. In a container, or with another
driver, a device can work that is not seen here.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path("/")
_USB_IDS = {"1a6e:089a": False, "18d1:9302": True}
"""Vendor and product, and whether it runs its firmware: libedgetpu loads that at the first use after it got power, and
then both the id and the device node change."""
_USB3_MBPS = 5000
_READ_WRITE = 0o6
_COLDEST_C, _HOTTEST_C = -40.0, 125.0
"""Beyond these the sensor is not answering: a dead chip reads -87.9 degrees for ever (google-coral/edgetpu#843)."""
_FIRST_TRIP_C = 84.8
"""Where the driver makes a PCIe one slower unless it was told otherwise (coral.ai/docs/pcie-parameters)."""


@dataclass(frozen=True, slots=True)
class EdgeTpu:
    """One Edge TPU that the kernel sees."""

    name: str
    """As the library takes it for `device`: `usb:0`, `pci:0`. For USB the order is that of bus and address."""
    port: str
    """Its folder in sysfs: `2-1`, `apex_0`."""
    node: Path
    """What must be opened to use it: `/dev/bus/usb/002/003`, `/dev/apex_0`."""
    used_before: bool = True
    """False: a USB one that still runs its boot loader. It changes its address at the first use."""
    usb_id: str = ""
    """`1a6e:089a` or `18d1:9302`, as `lsusb` has it; empty: PCIe."""
    usb_mbps: int | None = None
    """480 on a USB 2 port or a bad cable, 5000 on USB 3; None: PCIe, or not said."""
    temp_c: float | None = None
    """Degrees Celsius; only PCIe ones can be asked. None: unknown, or impossible (see `fault`)."""
    slows_at_c: float | None = None
    """From this temperature on it slows itself down, degrees Celsius; None: a USB one, which never does."""
    fault: str = ""
    """What sysfs says is wrong with it, in one sentence; empty: nothing."""

    @property
    def slow_port(self) -> bool:
        """Whether it sits on USB 2, which makes it several times slower."""
        return self.usb_mbps is not None and self.usb_mbps < _USB3_MBPS

    def is_hot(self, margin_c: float = 0.0) -> bool:
        """Whether it is so hot that it slows itself down, or at most so many degrees cooler."""
        return self.temp_c is not None and self.slows_at_c is not None and self.temp_c >= self.slows_at_c - margin_c


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that has a device open."""

    pid: int
    name: str


def find(root: Path = _ROOT) -> tuple[EdgeTpu, ...]:
    """Every Edge TPU that is there now, USB first. `root` is where `/sys` and `/dev` are looked for."""
    return (*_usb(root), *_pcie(root))


def may_open(tpu: EdgeTpu, root: Path = _ROOT) -> bool:
    """Whether this user may read and write the device's node."""
    return os.access(_below(root, tpu.node), os.R_OK | os.W_OK)


def is_permitted(tpu: EdgeTpu, root: Path = _ROOT) -> bool:
    """Whether mode and group of the device's node let this user in: what `may_open` refuses then, a cgroup refuses."""
    try:
        status = _below(root, tpu.node).stat()
    except OSError:
        return False
    if os.geteuid() == 0:
        return True
    if status.st_uid == os.geteuid():
        granted = status.st_mode >> 6
    elif status.st_gid in {os.getegid(), *os.getgroups()}:
        granted = status.st_mode >> 3
    else:
        granted = status.st_mode
    return granted & _READ_WRITE == _READ_WRITE


def holder_of(tpu: EdgeTpu, root: Path = _ROOT) -> Holder | None:
    """Another process that has the device open; None: none, or one that this user may not look into."""
    node = str(_below(root, tpu.node))
    for process in (root / "proc").glob("[0-9]*"):
        pid = int(process.name)
        if pid == os.getpid():
            continue
        try:
            if any(str(link.readlink()) == node for link in (process / "fd").iterdir()):
                return Holder(pid, _text(process / "comm") or "?")
        except OSError:
            continue
    return None


def _usb(root: Path) -> list[EdgeTpu]:
    seen: list[tuple[int, int, Path, str]] = []
    for folder in (root / "sys/bus/usb/devices").glob("*"):
        usb_id = f"{_text(folder / 'idVendor')}:{_text(folder / 'idProduct')}"
        used_before = _USB_IDS.get(usb_id)
        bus, address = _number(folder / "busnum"), _number(folder / "devnum")
        if used_before is not None and bus is not None and address is not None:
            seen.append((int(bus), int(address), folder, usb_id))
    found = []
    for place, (bus, address, folder, usb_id) in enumerate(sorted(seen)):
        speed = _number(folder / "speed")
        found.append(
            EdgeTpu(
                f"usb:{place}",
                folder.name,
                Path(f"/dev/bus/usb/{bus:03d}/{address:03d}"),
                _USB_IDS[usb_id],
                usb_id,
                usb_mbps=None if speed is None else int(speed),
            )
        )
    return found


def _pcie(root: Path) -> list[EdgeTpu]:
    names = {path.name for folder in ("sys/class/apex", "dev") for path in (root / folder).glob("apex_*")}
    numbered = sorted((int(name[5:]), name) for name in names if name[5:].isdigit())
    found = []
    for place, (_, name) in enumerate(numbered):
        node = Path("/dev") / name
        temp_c, fault = None, ""
        folder = root / "sys/class/apex" / name
        reading = _number(folder / "temp")  # thousandths of a degree
        trip = _number(folder / "trip_point0_temp")
        if reading is not None and _COLDEST_C <= reading / 1000 <= _HOTTEST_C:
            temp_c = reading / 1000
        elif reading is not None:
            fault = f"{name} reads {reading / 1000:.1f} °C, which cannot be: the chip does not answer"
        if not _below(root, node).exists():
            fault = f"the driver knows {name}, but {node} does not exist"
        slows_at_c = trip / 1000 if trip else _FIRST_TRIP_C
        found.append(EdgeTpu(f"pci:{place}", name, node, temp_c=temp_c, slows_at_c=slows_at_c, fault=fault))
    return found


def _below(root: Path, path: Path) -> Path:
    return root / path.relative_to("/")


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""


def _number(file: Path) -> float | None:
    try:
        return float(_text(file))
    except ValueError:
        return None
