"""A file whose opening waits in the kernel, so that not even SIGKILL ends who does it: what a USB transfer can do.

It is the root of a FUSE file system that never answers. A request that its server has read is waited for
uninterruptibly (state D in /proc); closing the server's end lets it go.
"""

from __future__ import annotations

import ctypes
import os
import struct
import tempfile
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

_DEVICE = Path("/dev/fuse")
_NOSUID_NODEV, _DETACH = 2 | 4, 2
_REQUEST = 1 << 17
_HEAD = struct.Struct("<IIQ")
# length, error, number of the request; then major, minor, max_readahead, flags, two queue lengths, max_write, unused
_INIT_ANSWER = struct.Struct("<IiQ IIII HHI 40x")


class StuckInKernel:
    """Enter it; `path` cannot be opened to the end before `let_go` or the exit."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="stuck-"))
        self.entered = threading.Event()
        """Set when somebody waits in the kernel."""
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._server = -1

    def __enter__(self) -> Self:
        """Mount it.

        Raises:
            OSError: this user may not, or the kernel has no FUSE.
        """
        self._server = os.open(_DEVICE, os.O_RDWR | os.O_CLOEXEC)
        options = f"fd={self._server},rootmode=40000,user_id={os.getuid()},group_id={os.getgid()}".encode()
        if self._libc.mount(b"stuck", bytes(self.path), b"fuse", _NOSUID_NODEV, options):
            raise OSError(ctypes.get_errno(), "mount")
        threading.Thread(target=self._serve, args=(self._server,), daemon=True).start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self.let_go()
        self._libc.umount2(bytes(self.path), _DETACH)
        self.path.rmdir()

    def let_go(self) -> None:
        """Whoever waits gets an error and goes on, to its end if it was killed."""
        if self._server >= 0:
            os.close(self._server)
            self._server = -1

    def _serve(self, server: int) -> None:
        _, _, number = _HEAD.unpack_from(os.read(server, _REQUEST))
        os.write(server, _INIT_ANSWER.pack(_INIT_ANSWER.size, 0, number, 7, 31, 0, 0, 1, 1, 4096))
        os.read(server, _REQUEST)
        self.entered.set()
