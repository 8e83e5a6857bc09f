"""Files on their way, in a folder that may belong to another user than the one who writes there.

Root puts models into the folder of the service's user. Whoever has taken over the daemon could lay a link in the place
of a part, to have root write to any file and give it away: so nothing here follows a link, and what is done to a part
is done to the open file, never to its name.
"""

from __future__ import annotations

import errno
import os
import shlex
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from edgedet.errors import DownloadError

_SAFELY = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
"""Without waiting: a pipe that nobody fills is refused, and not waited for."""
_NO_FILE = frozenset({errno.ELOOP, errno.ENXIO, errno.EISDIR})
"""What opening says of a link, of a pipe that nobody reads, and of a folder."""


def part_of(file: Path) -> Path:
    """The name of a file on its way."""
    return file.with_name(f".{file.name}.part")


def size_of(part: Path) -> int:
    """Bytes that are there, 0 without a file. A link is not followed."""
    try:
        return part.lstat().st_size
    except OSError:
        return 0


def begin(part: Path) -> BinaryIO:
    """Open an empty part for writing, whatever it held before.

    Raises:
        DownloadError: something else than a plain file has its name.
        OSError: it cannot be made.
    """
    with suppress(FileNotFoundError):
        if not stat.S_ISREG(part.lstat().st_mode):
            raise _no_plain_file(part)
        # Not written over: it may be another user's, who began it.
        part.unlink()
    return os.fdopen(_open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb")


def go_on(part: Path) -> BinaryIO:
    """Open a part for writing behind what it holds.

    Raises:
        DownloadError: something else than a plain file has its name.
        OSError: it cannot be opened.
    """
    return os.fdopen(_open(part, os.O_WRONLY | os.O_APPEND), "ab")


@contextmanager
def opened_folder(folder: Path) -> Iterator[int]:
    """The folder as a descriptor, for `finish` and renames: it stays this one whatever its name leads to meanwhile."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield handle
    finally:
        os.close(handle)


def finish(part: Path, folder: int) -> None:
    """Bring a part to the disk, readable for all and the folder's owner's: what root puts there is the service's.

    Raises:
        DownloadError: something else than a plain file has its name.
        OSError: it cannot be changed or written.
    """
    handle = _open(part, os.O_RDONLY, folder)
    try:
        os.fchmod(handle, 0o644)
        if os.geteuid() == 0:
            owner = os.fstat(folder)
            os.fchown(handle, owner.st_uid, owner.st_gid)
        os.fsync(handle)
    finally:
        os.close(handle)


def _open(part: Path, flags: int, folder: int | None = None) -> int:
    try:
        handle = os.open(part if folder is None else part.name, flags | _SAFELY, 0o644, dir_fd=folder)
    except OSError as error:
        if error.errno in _NO_FILE:
            raise _no_plain_file(part) from error
        raise
    status = os.fstat(handle)
    # A second name would be another way to lead to a file of root's, where the kernel does not forbid that itself.
    if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
        os.close(handle)
        raise _no_plain_file(part)
    return handle


def _no_plain_file(part: Path) -> DownloadError:
    hint = f"edgedet did not put it there. Look at it (ls -l), and remove it: rm -r {shlex.quote(str(part))}"
    return DownloadError(f"{part}: a link, or no plain file; it is not written to", hint=hint)
