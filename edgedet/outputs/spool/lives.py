"""Objects that are there now, so that a killed daemon's are ended at the next start. Pure.

A life is written once it has lasted, and taken away when it ends, at most every second and a half; many begin and end
without the disk ever hearing of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgedet.outputs.spool.entry import Life
from edgedet.types import EventKind

if TYPE_CHECKING:
    from edgedet.outputs.spool.entry import Times, Work
    from edgedet.types import Event

_WRITE_NS = 1_500_000_000
_REFRESH_NS = 60_000_000_000
"""How old what is on disk of a life may get: where it was last is worth a write a minute."""


class OpenLives:
    """Follows the events of every camera."""

    def __init__(self) -> None:
        self._open: dict[str, Life] = {}
        self._on_disk: dict[str, None] = {}
        self._changed: dict[str, None] = {}
        self._due_ns: int | None = None

    def note(self, camera: str, event: Event, body: str, times: Times) -> None:
        """An event has come, with its text and times."""
        if event.kind is EventKind.END:
            self._open.pop(event.id, None)
            delay_ns = _WRITE_NS
        else:
            delay_ns = _REFRESH_NS if event.id in self._open else _WRITE_NS
            self._open[event.id] = Life(event.id, camera, body, times)
        self._changed[event.id] = None
        due_ns = times.put_ns + delay_ns
        self._due_ns = due_ns if self._due_ns is None else min(self._due_ns, due_ns)

    def due(self, now_ns: int) -> bool:
        """Whether something should be written now."""
        return self._due_ns is not None and now_ns >= self._due_ns

    def add_to(self, work: Work) -> None:
        """Put into a transaction what changed since the last."""
        work.lives = [self._open[key] for key in self._changed if key in self._open]
        work.ended = [key for key in self._changed if key not in self._open and key in self._on_disk]
        self._changed.clear()
        self._due_ns = None

    def saved(self, work: Work) -> None:
        """The transaction is done."""
        self._on_disk |= dict.fromkeys(life.id for life in work.lives)
        for key in work.ended:
            self._on_disk.pop(key, None)

    def failed(self, work: Work, now_ns: int) -> None:
        """The transaction is not done: the same again later."""
        keys = [*(life.id for life in work.lives), *work.ended]
        if keys:
            self._changed |= dict.fromkeys(keys)
            self._due_ns = now_ns + _WRITE_NS

    def disk_lost(self) -> None:
        """The file is gone: all of it has to be written again."""
        self._on_disk.clear()
        self._changed = dict.fromkeys(self._open)
        self._due_ns = 0
