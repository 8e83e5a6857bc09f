"""Memory that a worker shares with the daemon: an anonymous file, a header page, then slots.

Nobody locks anything. A slot belongs to one side at a time and changes hands by message; the header holds aligned
64-bit numbers that one side writes and the other reads. A worker that was killed takes no lock with it, and its
replacement gets a fresh file.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

PAGE = 4096
"""Header and slots start on a multiple of this, in bytes."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things lie in the shared file. Both ends compute it from the same three numbers."""

    slots: int
    detect_bytes: int
    """Bytes of the detect view: RGB, height x width x 3."""
    full_bytes: int
    """Room for the full view, in bytes; 0 where none is wanted. Pages that are never written cost nothing."""

    @property
    def stride(self) -> int:
        """Bytes from one slot to the next."""
        return _round_up(self.detect_bytes) + _round_up(self.full_bytes)

    @property
    def total(self) -> int:
        """Bytes of the whole file."""
        return PAGE + self.slots * self.stride

    def detect_at(self, slot: int) -> int:
        """Offset of a slot's detect view."""
        if not 0 <= slot < self.slots:
            raise IndexError(f"slot {slot} of {self.slots}")
        return PAGE + slot * self.stride

    def full_at(self, slot: int) -> int:
        """Offset of a slot's full view."""
        return self.detect_at(slot) + _round_up(self.detect_bytes)


def _round_up(size: int) -> int:
    return (size + PAGE - 1) // PAGE * PAGE


def create(name: str, size: int) -> int:
    """A file descriptor of `size` zero bytes that lives in memory and in no folder.

    Where the kernel has no memfd, an unlinked temporary file serves.
    """
    try:
        fd = os.memfd_create(name, os.MFD_CLOEXEC)
    except (AttributeError, OSError):
        fd, path = tempfile.mkstemp(prefix=f"{name}-")
        Path(path).unlink()
    os.ftruncate(fd, size)
    return fd


def attach(fd: int, size: int) -> mmap.mmap:
    """Map the shared file, readable and writable."""
    return mmap.mmap(fd, size, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)


def header(shared: mmap.mmap) -> memoryview:
    """The header page as signed 64-bit numbers, each written by one side only."""
    return memoryview(shared)[:PAGE].cast("q")
