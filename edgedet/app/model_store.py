"""The folder `models` in the state directory: what lies there, and how files get there whole or not at all.

A model NAME is `NAME.tflite`, with `NAME_edgetpu.tflite`, the names of its classes in `NAME.txt`, and in `NAME.json`
where it came from. Everything on its way has a name that begins with a dot and ends in `.part`, which nobody takes for
a model. The files of a model get their names one after another, in the order in which a daemon can use what is there so
far: labels, the CPU's, the Edge TPU's.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgedet.app.part_file import begin, finish, opened_folder, part_of
from edgedet.errors import DownloadError, UsageError
from edgedet.settings.model_choice import twin_of

_NAME = re.compile(r"[a-z0-9_-]{1,32}")
_CHUNK = 2**20


@dataclass(frozen=True, slots=True)
class Places:
    """Where the files of one model are, or will be."""

    folder: Path
    name: str

    @property
    def cpu(self) -> Path:
        """For the CPU."""
        return self.folder / f"{self.name}.tflite"

    @property
    def edgetpu(self) -> Path:
        """Compiled for the Edge TPU."""
        return twin_of(self.cpu)

    @property
    def labels(self) -> Path:
        """Names of the classes, one a line."""
        return self.folder / f"{self.name}.txt"

    @property
    def record(self) -> Path:
        """Where the model came from, and the SHA-256 of its files."""
        return self.folder / f"{self.name}.json"

    @property
    def files(self) -> tuple[Path, Path, Path]:
        """Labels, the CPU's, the Edge TPU's: the order in which they are put there."""
        return self.labels, self.cpu, self.edgetpu

    @property
    def there(self) -> bool:
        """Whether there is a model of that name."""
        return self.cpu.is_file() or self.edgetpu.is_file()


def check_model_name(name: str) -> str:
    """Return `name` if a model can be called so.

    Raises:
        UsageError: it cannot.
    """
    if not _NAME.fullmatch(name):
        proposal = re.sub(r"[^a-z0-9_-]+", "-", name.lower()).strip("-")[:32] or "my-model"
        hint = f"Use 1 to 32 of a-z, 0-9, - and _, such as {proposal}."
        raise UsageError(f"{name[:64]!r} is no name for a model", hint=hint)
    if name == "auto" or name.endswith("_edgetpu"):
        reason = "means the only model there is" if name == "auto" else "ends as a compiled file's name does"
        raise UsageError(f"{name!r} is no name for a model: it {reason}", hint="Choose another one.")
    return name


@contextmanager
def locked(folder: Path, on_wait: Callable[[], None]) -> Iterator[None]:
    """Make the folder, and be the only one who puts models into it; `on_wait` is called if another is at it.

    The lock goes with its process: one that was killed leaves nothing behind.

    Raises:
        DownloadError: the folder cannot be made or opened.
    """
    try:
        _make(folder)
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise _cannot_write(folder, error) from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait()
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def copy_to_part(source: Path, place: Path) -> Path:
    """Copy a file to where it can get its name at once.

    Raises:
        DownloadError: it cannot be read, or not be written there.
    """
    part = part_of(place)
    try:
        with source.open("rb") as given, begin(part) as file:
            shutil.copyfileobj(given, file, _CHUNK)
    except DownloadError:
        raise
    except OSError as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise _cannot_write(place.parent, error) from error
    return part


def write_part(text: str, place: Path) -> Path:
    """Write a text to where it can get its name at once.

    Raises:
        DownloadError: it cannot be written there.
    """
    part = part_of(place)
    try:
        with begin(part) as file:
            file.write(text.encode("utf-8"))
    except DownloadError:
        raise
    except OSError as error:
        raise _cannot_write(place.parent, error) from error
    return part


def put_in_place(places: Places, arrived: dict[Path, Path], record: dict[str, Any]) -> None:
    """Give parts their names: `arrived` has the part for each place. Files of an older model of that name go.

    All of it is on the disk before the first file gets its name, so that a power cut leaves no model that is half one.

    Raises:
        DownloadError: the folder cannot be written, or a part is a link; nothing has changed, or only labels.
    """
    kept = record["files"]
    part = write_part(json.dumps(record, indent=2) + "\n", places.record)
    try:
        with opened_folder(places.folder) as folder:
            for each in (*arrived.values(), part):
                finish(each, folder)
            _rename(part, places.record, folder)
            for place in places.files:
                if place in arrived:
                    _rename(arrived[place], place, folder)
                elif place.name not in kept:
                    with suppress(FileNotFoundError):
                        os.unlink(place.name, dir_fd=folder)
            os.fsync(folder)
    except DownloadError:
        raise
    except OSError as error:
        raise _cannot_write(places.folder, error) from error


def read_record(places: Places) -> dict[str, Any]:
    """What was noted when the model came; empty where nothing was, or the note is damaged."""
    try:
        found = json.loads(places.record.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    files = found.get("files") if isinstance(found, dict) else None
    sound = isinstance(files, dict) and all(isinstance(each, dict) and "sha256" in each for each in files.values())
    return found if sound else {}


def sums_of(file: Path) -> tuple[str, str]:
    """SHA-256 and git object id of a file, hexadecimal."""
    sha256 = hashlib.sha256()
    # What git calls its objects by: an identity that others have published, beside a sum that withstands malice.
    git = hashlib.sha1(b"blob %d\0" % file.stat().st_size, usedforsecurity=False)
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            sha256.update(chunk)
            git.update(chunk)
    return sha256.hexdigest(), git.hexdigest()


def _make(folder: Path) -> None:
    above = folder
    while not above.exists():
        above = above.parent
    owner = above
    folder.mkdir(parents=True, exist_ok=True)
    for made in (folder, *folder.parents):
        if made == owner:
            break
        if os.geteuid() == 0:
            # Its name may lead elsewhere by now: a link is given away, and not what it leads to.
            like = owner.stat()
            os.chown(made, like.st_uid, like.st_gid, follow_symlinks=False)


def _rename(part: Path, place: Path, folder: int) -> None:
    os.replace(part.name, place.name, src_dir_fd=folder, dst_dir_fd=folder)


def _cannot_write(folder: Path, error: OSError) -> DownloadError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DownloadError(f"{folder}: the disk is full", hint="Make room there, then try again.")
    hint = "Run it as the user whom the folder belongs to, or with sudo."
    return DownloadError(f"{error.filename or folder}: {error.strerror}", hint=hint)
