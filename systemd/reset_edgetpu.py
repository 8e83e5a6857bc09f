"""Resets a USB Edge TPU, as root, for a daemon that is not: one request on standard input, one line as its answer.

A request is `authorized usb:N` or `uhubctl usb:N`, N counting the machine's USB Edge TPUs by bus and address. Nothing
else is understood, and nothing but an Edge TPU is touched: the device is found here, by its USB ids, never named by who
asks. systemd starts this for each connection to its socket (edgedet-reset-edgetpu.socket). Standard library only, so
that root runs no code out of an environment that somebody else may write to.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
from pathlib import Path

USB_IDS = {("1a6e", "089a"), ("18d1", "9302")}
"""Vendor and product of an Edge TPU before and after its firmware is loaded."""
_REQUEST = re.compile(r"(authorized|uhubctl) usb:(\d{1,2})\n?")
_LONGEST = 64
_PORT = re.compile(r"(\d+)-((?:\d+\.)*)(\d+)")
_OFF_S = 1.0
"""How long the kernel has given the device up."""
_POWER_OFF_S = 3
_UHUBCTL_PATIENCE_S = 20


class Refused(Exception):
    """Why nothing was done."""


def find(root: Path) -> list[Path]:
    """The USB Edge TPUs' folders in sysfs, by bus and address."""
    found = []
    for folder in (root / "sys/bus/usb/devices").glob("*"):
        try:
            ids = (_read(folder / "idVendor"), _read(folder / "idProduct"))
            if ids in USB_IDS and _PORT.fullmatch(folder.name):
                found.append((int(_read(folder / "busnum")), int(_read(folder / "devnum")), folder))
        except (OSError, ValueError):
            continue  # an interface, or a device that goes at this moment
    return [folder for _, _, folder in sorted(found)]


def reset(folder: Path) -> None:
    """Let the kernel give the device up and take it again: its state in the kernel and on the bus is made anew."""
    switch = folder / "authorized"
    try:
        switch.write_text("0")
        time.sleep(_OFF_S)
    finally:
        switch.write_text("1")


def power_cycle(folder: Path, uhubctl: str) -> None:
    """Switch the port's power off and on; the hub must be able to (uhubctl says which are).

    Raises:
        Refused: uhubctl is not installed, or did not do it.
    """
    place = _PORT.fullmatch(folder.name)
    if place is None:
        raise Refused(f"{folder.name} is no place on a hub")
    bus, hubs, port = place.groups()
    hub = f"{bus}-{hubs.rstrip('.')}" if hubs else bus
    argv = [uhubctl, "-a", "cycle", "-d", str(_POWER_OFF_S), "-l", hub, "-p", port]
    try:
        done = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=_UHUBCTL_PATIENCE_S)
    except FileNotFoundError:
        raise Refused(f"{uhubctl} is not installed") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Refused(f"{uhubctl}: {error}") from None
    if done.returncode:
        raise Refused(f"{' '.join(argv)}: {' '.join((done.stderr or done.stdout).split())[:200]}")


def obey(request: str, root: Path, uhubctl: str) -> str:
    """Do what is asked; returns what was done, for the journal.

    Raises:
        Refused: it is not understood, or there is no such Edge TPU.
        OSError: the kernel refuses.
    """
    asked = _REQUEST.fullmatch(request)
    if asked is None:
        raise Refused("a request is `authorized usb:N` or `uhubctl usb:N`")
    way, number = asked[1], int(asked[2])
    found = find(root)
    if number >= len(found):
        raise Refused(f"there is no Edge TPU usb:{number} (there are {len(found)} on USB)")
    if way == "authorized":
        reset(found[number])
    else:
        power_cycle(found[number], uhubctl)
    return f"{way}: usb:{number} at {found[number].name}"


def main() -> int:
    """Answer one request."""
    parser = argparse.ArgumentParser(description="Reset a USB Edge TPU: reads a request, answers `ok` or a reason.")
    parser.add_argument("--root", type=Path, default=Path("/"), help="where /sys is looked for")
    parser.add_argument("--uhubctl", default="/usr/sbin/uhubctl", help="the program that switches a port's power")
    given = parser.parse_args()
    request = sys.stdin.buffer.readline(_LONGEST).decode("ascii", "replace")
    try:
        done = obey(request, given.root, given.uhubctl)
    except (Refused, OSError) as error:
        sys.stderr.write(f"refused {request.strip()!r}: {error}\n")
        sys.stdout.write(f"{error}\n")
        return 1
    sys.stderr.write(f"{done}\n")
    sys.stdout.write("ok\n")
    return 0


def _read(file: Path) -> str:
    return file.read_text(encoding="ascii", errors="replace").strip()


if __name__ == "__main__":
    sys.exit(main())
