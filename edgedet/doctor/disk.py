"""The folder in which edgedet keeps models, waiting events and pictures."""

from __future__ import annotations

import errno
import os
import shlex
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from edgedet.doctor import hidden, unit
from edgedet.doctor.finding import Finding, as_root, ok, problem, warning
from edgedet.service.machine import SystemMeter
from edgedet.service.strain import low_disk_mb

if TYPE_CHECKING:
    from edgedet.doctor.situation import Account, Situation

SUBJECT = "disk"
_READ_WRITE_ENTER = 7
_READ_WRITE = 6
_NOT_ITS_OWN = frozenset({"models", "lost+found"})
_PROBE_BYTES = 64 * 1024


def examine(situation: Situation) -> Iterator[Finding]:
    """Say whether the state directory can be written to, and how much room there is."""
    folder, account = situation.state_dir, situation.account
    if not folder.is_dir():
        yield _absent(folder, account)
        return
    if os.statvfs(folder).f_flag & os.ST_RDONLY:
        mount = shlex.quote(str(_mount_of(folder)))
        advice = "A card that fails is made read-only by the kernel: look at `dmesg` too."
        yield problem(
            SUBJECT, f"{folder} lies on a disk that is read-only", advice, as_root(f"mount -o remount,rw {mount}")
        )
        return
    if not account.may(folder, _READ_WRITE_ENTER):
        own = as_root(f"chown -R {account.name} {shlex.quote(str(folder))}", f"chmod u+rwx {shlex.quote(str(folder))}")
        yield problem(SUBJECT, f"{account.name} may not write to {folder}", "", own)
        return
    if hidden.is_for_the_service(situation) and not unit.may_write(situation, folder):
        message = f"{unit.UNIT} may not write to {folder}: the system is read-only to it"
        yield problem(SUBJECT, message, "Or leave `state_dir` out.", unit.open_to_it(folder))
        return
    closed = _closed_within(folder, account)
    if closed is not None:
        advice = "Somebody else made it, such as root by `sudo edgedet run`."
        own = as_root(f"chown -R {account.name} {shlex.quote(str(folder))}")
        yield problem(SUBJECT, f"{account.name} may not write to {closed}", advice, own)
        return
    figures = SystemMeter(folder, situation.root).read()
    free_mb = figures.disk_free_mb or 0.0
    failure = _try_to_write(folder)
    if failure == errno.ENOSPC or (failure is None and free_mb < low_disk_mb(figures)):
        advice = "Events that wait for the broker and pictures have no room."
        told = "no room is left" if failure else f"only {free_mb:.0f} MB are left"
        yield problem(SUBJECT, f"{told} in {folder}", advice, _make_room(folder))
    elif failure is not None and failure not in {errno.EACCES, errno.EPERM}:
        yield problem(SUBJECT, f"{folder} takes no file: {os.strerror(failure)}", "", "dmesg | tail -n 20")
    else:
        yield ok(SUBJECT, f"{folder} can be written to, {free_mb:.0f} MB are free")


def _closed_within(folder: Path, account: Account) -> Path | None:
    """What lies in it and is closed to the daemon, that writes to all of it but the models."""
    try:
        entries = sorted([*folder.iterdir(), *folder.glob("snapshots/*/")])
    except OSError:
        return None
    for entry in entries:
        wanted = _READ_WRITE_ENTER if entry.is_dir() else _READ_WRITE
        if entry.name not in _NOT_ITS_OWN and entry.exists() and not account.may(entry, wanted):
            return entry
    return None


def _absent(folder: Path, account: Account) -> Finding:
    above = next((parent for parent in folder.parents if parent.is_dir()), Path("/"))
    if account.may(above, _READ_WRITE_ENTER):
        return ok(SUBJECT, f"{folder} is not there yet; edgedet makes it")
    make = as_root(f"install -d -m 750 -o {account.name} {shlex.quote(str(folder))}")
    return warning(
        SUBJECT, f"{folder} is not there, and {account.name} may not make it", "The service's start does.", make
    )


def _try_to_write(folder: Path) -> int | None:
    """Write a small file; the error's number, None: it worked."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(_PROBE_BYTES))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return error.errno
    return None


def _make_room(folder: Path) -> str:
    """Delete the older half of the pictures where there are some; else what the system itself can spare."""
    pictures = folder / "snapshots"
    kept = shlex.quote(str(pictures))
    count = sum(1 for file in pictures.rglob("*") if file.is_file()) if pictures.is_dir() else 0
    if count:
        oldest = f"find {kept} -type f -printf '%T@ %p\\n' | sort -n | head -n {(count + 1) // 2}"
        return as_root(f"{oldest} | cut -d' ' -f2- | xargs -d '\\n' rm --")
    if folder.stat().st_dev == Path("/").stat().st_dev:
        return as_root("apt-get clean", "journalctl --vacuum-size=50M")
    return as_root(f"du -xah {shlex.quote(str(_mount_of(folder)))} | sort -h | tail -n 20")


def _mount_of(folder: Path) -> Path:
    place = folder.resolve()
    while not place.is_mount():
        place = place.parent
    return place
