"""Snapshots as files: one folder a camera in the state directory, within limits on number, bytes and age.

Names are made of time and number only (`20260131T120000Z-000042.jpg`), so nothing that a model or a network says gets
into a path. The number goes on over a restart, and it is what says which file is older: a Pi without a clock of its
own boots in the past. The folder is read once; after that, what is in it is known, and a file costs the same whether
there are ten or ten thousand. Nothing is synced: a picture that a power cut takes is worth less than a card that lasts.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

_NAME = re.compile(r"(\d{8}T\d{6})Z-(\d{6,12})\.jpg")
_PARTIAL = re.compile(r"\.\d{8}T\d{6}Z-\d{6,12}\.jpg\.part")
_TIME = "%Y%m%dT%H%M%S"
_FOLDER_MODE, _FILE_MODE = 0o750, 0o640
_HERE_ONLY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FRESH = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_BYTES_OF_MB = 1_000_000
_SECONDS_OF_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class SnapshotLimits:
    """How much one camera may keep; the oldest go first."""

    max_files: int = 1000
    max_mb: float = 200.0
    """Megabytes of 10^6 bytes."""
    max_age_d: float = 14.0
    """Days."""


@dataclass(slots=True)
class _Kept:
    bytes: int
    taken_s: float


class SnapshotFiles:
    """One camera's folder. Its methods block on the disk: call them in a thread; several may."""

    def __init__(
        self, state_dir: Path, camera: str, limits: SnapshotLimits, now_s: Callable[[], float] = time.time
    ) -> None:
        """`now_s` is the wall clock, in seconds since the epoch."""
        self.folder = state_dir / "snapshots" / camera
        self._state_dir = state_dir
        self._limits = limits
        self._now_s = now_s
        self._lock = threading.Lock()
        self._known: dict[str, _Kept] | None = None
        self._bytes = 0
        self._next = 1
        self._trouble: str | None = None
        self._refused = 0

    @property
    def trouble(self) -> str | None:
        """Why nothing can be kept at the moment, for people; None once a file was written again."""
        return self._trouble

    def tidy(self) -> None:
        """Hold the folder to its limits; what a killed daemon left half written goes too. Never fails.

        Where there is trouble, try whether there still is.
        """
        with self._lock, self._telling(), self._entered() as folder:
            self._prune(folder, room=0, files=0)
            if self._trouble is not None:
                _try(folder, self._refused)

    def write(self, jpeg: bytes, name: str | None = None) -> str | None:
        """Keep a picture, in place of the one called `name` where that is still kept; never fails.

        Returns:
            The file's name; None where it cannot be kept, and `trouble` says why.
        """
        with self._lock, self._telling(), self._entered() as folder:
            known = self._index(folder)
            if len(jpeg) > self._limits.max_mb * _BYTES_OF_MB:
                return None
            self._refused = len(jpeg)
            if name is None or name not in known:
                name = self._fresh_name()
            replaced = known.get(name)
            grows = len(jpeg) - (replaced.bytes if replaced else 0)
            self._prune(folder, room=grows, files=0 if replaced else 1, spare=name)
            _put(folder, name, jpeg)
            self._bytes += grows
            known[name] = _Kept(len(jpeg), replaced.taken_s if replaced else _time_of(name))
            return name
        return None

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Whatever the disk does not do becomes `trouble`: a picture is not worth an exception in the daemon."""
        try:
            yield
            self._trouble = None
        except OSError as error:
            self._trouble = f"Snapshots cannot be kept in {self.folder}: {error.strerror or error}."
            # It may have been replaced, remounted or emptied: what was known of it may be wrong.
            self._known = None

    @contextmanager
    def _entered(self) -> Iterator[int]:
        """The folder's descriptor. Every name is opened below it, and no link is followed on the way."""
        self._state_dir.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as stack:
            folder = _opened(stack, self._state_dir, None)
            for part in ("snapshots", self.folder.name):
                with contextlib.suppress(FileExistsError):
                    os.mkdir(part, _FOLDER_MODE, dir_fd=folder)
                folder = _opened(stack, part, folder)
            yield folder

    def _index(self, folder: int) -> dict[str, _Kept]:
        """What is in the folder, oldest first; read once."""
        if self._known is not None:
            return self._known
        found: list[tuple[int, str, _Kept]] = []
        with os.scandir(folder) as entries:
            for entry in entries:
                if _PARTIAL.fullmatch(entry.name):
                    os.unlink(entry.name, dir_fd=folder)
                    continue
                match = _NAME.fullmatch(entry.name)
                status = entry.stat(follow_symlinks=False) if match else None
                # What is not ours is neither counted nor removed.
                if match and status and stat.S_ISREG(status.st_mode):
                    found.append((int(match[2]), entry.name, _Kept(status.st_size, _time_of(entry.name))))
        found.sort(key=lambda item: item[:2])
        self._bytes = sum(kept.bytes for _, _, kept in found)
        self._next = max(self._next, found[-1][0] + 1 if found else 1)
        self._known = {name: kept for _, name, kept in found}
        return self._known

    def _prune(self, folder: int, *, room: int, files: int, spare: str | None = None) -> None:
        """Remove the oldest until so many more bytes and files are within the limits; `spare` stays."""
        limits, known = self._limits, self._index(folder)
        oldest_s = self._now_s() - limits.max_age_d * _SECONDS_OF_DAY
        while known:
            name = next((name for name in known if name != spare), None)
            if name is None:
                return
            full = len(known) + files > limits.max_files or self._bytes + room > limits.max_mb * _BYTES_OF_MB
            if not full and known[name].taken_s >= oldest_s:
                return
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name, dir_fd=folder)
            self._bytes -= known.pop(name).bytes

    def _fresh_name(self) -> str:
        taken = datetime.fromtimestamp(self._now_s(), UTC)
        number, self._next = self._next, self._next + 1
        return f"{taken.strftime(_TIME)}Z-{number:06d}.jpg"


def _opened(stack: contextlib.ExitStack, path: Path | str, at: int | None) -> int:
    # The state directory itself may well be a link that somebody has laid; what lies in it is ours.
    descriptor = os.open(path, _HERE_ONLY if at is not None else os.O_RDONLY | os.O_DIRECTORY, dir_fd=at)
    stack.callback(os.close, descriptor)
    return descriptor


def _put(folder: int, name: str, jpeg: bytes) -> None:
    """Write the file whole or not at all."""
    partial = f".{name}.part"
    with _written(folder, partial, jpeg):
        os.rename(partial, name, src_dir_fd=folder, dst_dir_fd=folder)


def _try(folder: int, size: int) -> None:
    """Whether so many bytes can be written: they are, and are gone again."""
    partial = ".20000101T000000Z-000000.jpg.part"
    with _written(folder, partial, bytes(size)):
        os.unlink(partial, dir_fd=folder)


@contextmanager
def _written(folder: int, partial: str, content: bytes) -> Iterator[None]:
    """A fresh file, closed; it is removed if that or what is done with it fails."""
    try:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(partial, dir_fd=folder)
        with os.fdopen(os.open(partial, _FRESH, _FILE_MODE, dir_fd=folder), "wb") as stream:
            # A service's umask may be stricter than what a group that looks at the pictures needs.
            os.fchmod(stream.fileno(), _FILE_MODE)
            stream.write(content)
        yield
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(partial, dir_fd=folder)
        raise


def _time_of(name: str) -> float:
    """When a picture was taken, by its name; a name that is no time is from the beginning of time."""
    try:
        return datetime.strptime(name[:15], _TIME).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return 0.0
