"""The order of what waits for the broker, its caps and its gaps. Pure: no clock, no disk, no socket.

What waits, oldest first:

    tried      was sent once over a link that broke: the broker may have it, so it is neither dropped nor renumbered
    gaps       one a camera: what was dropped
    ready      in memory
    on disk    only there, counted
    tail       in memory again, since it is not on disk yet; empty as long as nothing is only on disk
"""

from __future__ import annotations

from collections import deque
from itertools import chain
from typing import TYPE_CHECKING

from edgedet.outputs.spool.entry import Entry, Missing, Policy, Times

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_KEEP = 1000
"""Entries that stay in memory though they are on disk."""
_REFILL = 300
"""With fewer than this ready, more are read from disk."""


class Backlog:
    """Knows what is sent next, what has to be written, and what is too much."""

    def __init__(self, policy: Policy, make_gap: Callable[[Entry, Missing], Entry], keep: int = _KEEP) -> None:
        """`make_gap` makes the record that stands in the place of a dropped entry."""
        self._policy = policy
        self._make_gap = make_gap
        self._keep = keep
        self._tried: deque[Entry] = deque()
        self._gaps: dict[str, Entry] = {}
        self._ready: deque[Entry] = deque()
        self._tail: deque[Entry] = deque()
        self._under_way: dict[int, Entry] = {}
        self._sent: dict[str, int] = {}
        self._read_until = 0
        self._size = 0
        self._on_disk_size = 0
        self.on_disk = 0
        """Entries that are only on disk."""
        self.unsaved: dict[int, Entry] = {}
        """Numbered, not acknowledged, not on disk; by their place, in order."""
        self.deletes: list[int] = []
        """Places on disk that are not needed any more."""
        self.dropped = 0

    @property
    def waiting(self) -> int:
        """Events that the broker has not acknowledged."""
        held = len(self._tried) + len(self._ready) + len(self._tail) + len(self._under_way)
        return held + self.on_disk

    @property
    def in_memory(self) -> int:
        """Entries that take up memory."""
        return len(self._tried) + len(self._ready) + len(self._tail) + len(self._under_way)

    def restore(self, first: Iterable[Entry], count: int, size: int, maybe_sent: int) -> None:
        """Begin with what an earlier process left: its oldest entries, and how many there are in all.

        The first `maybe_sent` may have been under way when it ended.
        """
        entries = list(first)
        for entry in entries[:maybe_sent]:
            entry.tried = True
            self._tried.append(entry)
        self._ready.extend(entries[maybe_sent:])
        self._read_until = entries[-1].order if entries else 0
        self.on_disk = count - len(entries)
        self._size = size
        self._on_disk_size = size - sum(entry.size for entry in entries)

    def add(self, entry: Entry) -> None:
        """Take a new one, with its number."""
        (self._tail if self.on_disk else self._ready).append(entry)
        self._size += entry.size
        self.unsaved[entry.order] = entry

    def next(self, *, stored_only: bool) -> Entry | None:
        """Take what is to be sent; None: nothing waits that may be sent. `stored_only`: what is not on disk may not."""
        entry = self._first()
        if entry is None or (stored_only and not entry.stored and not entry.tried):
            return None
        if self._tried:
            self._tried.popleft()
        elif self._gaps:
            self._gaps.pop(entry.camera)
            self._size += entry.size
        else:
            self._ready.popleft()
        entry.tried = True
        self._under_way[entry.order] = entry
        self._sent[entry.camera] = entry.seq
        return entry

    def acknowledged(self, entry: Entry) -> None:
        """The broker has it, or will never take it."""
        if self._under_way.pop(entry.order, None) is not None:
            self._size -= entry.size
            self._finish(entry)

    def put_back(self, entry: Entry) -> None:
        """The broker said no to this one: it comes first again, with others of its kind."""
        if self._under_way.pop(entry.order, None) is not None:
            self._tried = deque(sorted([*self._tried, entry], key=_by_order))

    def link_lost(self) -> None:
        """What was under way comes first again."""
        entries = chain(self._under_way.values(), self._tried)
        self._tried = deque(sorted(entries, key=_by_order))
        self._under_way.clear()

    def saved(self, entries: Iterable[Entry]) -> None:
        """These are on disk now."""
        for entry in entries:
            entry.stored = True
            if self.unsaved.get(entry.order) is entry:
                del self.unsaved[entry.order]
            if entry.done:
                self.deletes.append(entry.order)

    def evict(self) -> None:
        """Keep in memory only the next ones of what is on disk."""
        if len(self._ready) + len(self._tail) <= self._keep:
            return
        if not self.on_disk:
            kept = self._keep // 2
            entries = list(self._ready)
            self._ready, self._tail = deque(entries[:kept]), deque(entries[kept:])
            self._read_until = self._ready[-1].order
        while self._tail and self._tail[0].stored:
            gone = self._tail.popleft()
            self.on_disk += 1
            self._on_disk_size += gone.size
        self._close_ranks()

    @property
    def wanted_page(self) -> tuple[int, int | None] | None:
        """Between which places entries should be read from disk now; None: none."""
        if not self.on_disk or len(self._ready) >= _REFILL:
            return None
        return self._read_until, self._tail[0].order if self._tail else None

    def page(self, entries: Iterable[Entry], *, more: bool) -> None:
        """Take what was read; without `more` there is nothing left between it and the tail."""
        for entry in entries:
            self._ready.append(entry)
            self._read_until = entry.order
            self.on_disk -= 1
            self._on_disk_size -= entry.size
        if not more or self.on_disk <= 0:
            self.on_disk = 0
            self._size -= self._on_disk_size
            self._on_disk_size = 0
        self._close_ranks()

    def disk_lost(self, next_of: Callable[[str], int], cameras: Iterable[str]) -> None:
        """The file is gone: what is in memory has to be written again, and a gap tells of what was only on disk.

        `next_of` has the number that each of the `cameras` gives next.
        """
        if self.on_disk:
            tail, self._tail = list(self._tail), deque()
            self._ready.extend(self._lost_between(tail, next_of, cameras))
            self._ready.extend(tail)
        self._size -= self._on_disk_size
        self.on_disk = self._on_disk_size = 0
        self.deletes.clear()
        everything = [*self._under_way.values(), *self._tried, *self._gaps.values(), *self._ready]
        for entry in everything:
            entry.stored = False
        self.unsaved = {entry.order: entry for entry in sorted(everything, key=_by_order)}

    def _lost_between(
        self, tail: list[Entry], next_of: Callable[[str], int], cameras: Iterable[str]
    ) -> Iterable[Entry]:
        for place, camera in enumerate(cameras, start=1):
            before = [entry.seq for entry in chain(self._tried, self._ready) if entry.camera == camera]
            first = max([self._sent.get(camera, 0), *before]) + 1
            last = next((entry.seq for entry in tail if entry.camera == camera), next_of(camera)) - 1
            if first <= last:
                stand_in = Entry(self._read_until + place, camera, "", Times("", 0), last)
                self.dropped += last - first + 1
                yield self._make_gap(stand_in, Missing(first, last, last - first + 1))

    def trim(self, too_old: Callable[[Entry], bool], most_in_memory: int | None) -> None:
        """Drop the oldest of what is too much or too old. `most_in_memory` counts where the disk takes nothing."""
        policy = self._policy
        while len(self._ready) > 1 and (
            self.waiting > policy.max_events
            or self._size > policy.max_bytes
            or (most_in_memory is not None and self.in_memory > most_in_memory)
        ):
            self._drop(self._ready.popleft())
        while self._ready and too_old(self._ready[0]):
            self._drop(self._ready.popleft())

    def tell_of(self, entry: Entry) -> None:
        """Put a gap record in line, before everything of its camera that was not tried; an older one is taken in."""
        camera = entry.camera
        if (older := self._gaps.pop(camera, None)) is not None:
            self._finish(older)
        self._gaps[camera] = entry
        self.unsaved[entry.order] = entry

    @property
    def has_unsaved_gap(self) -> bool:
        """Whether a gap record waits that is not on disk."""
        return any(not entry.stored for entry in self._gaps.values())

    def gap_of(self, camera: str) -> Missing | None:
        """What the gap record says that waits for this camera."""
        entry = self._gaps.get(camera)
        return None if entry is None else entry.missing

    def unsettled(self) -> dict[str, int]:
        """Return for each camera the lowest number that is neither acknowledged nor on disk, where there is one."""
        lowest: dict[str, int] = {}
        for entry in self.unsaved.values():
            first = entry.seq if entry.missing is None else entry.missing.first
            lowest[entry.camera] = min(first, lowest.get(entry.camera, first))
        return lowest

    def _first(self) -> Entry | None:
        if self._tried:
            return self._tried[0]
        if self._gaps:
            return next(iter(self._gaps.values()))
        return self._ready[0] if self._ready else None

    def _drop(self, entry: Entry) -> None:
        missing = entry.missing or Missing(entry.seq, entry.seq, 1)
        self.dropped += 1 if entry.missing is None else 0
        if (before := self.gap_of(entry.camera)) is not None:
            missing = before.joined(missing)
        self._size -= entry.size
        self._finish(entry)
        self.tell_of(self._make_gap(entry, missing))

    def _finish(self, entry: Entry) -> None:
        entry.done = True
        self.unsaved.pop(entry.order, None)
        if entry.stored:
            self.deletes.append(entry.order)

    def _close_ranks(self) -> None:
        if not self.on_disk and self._tail:
            self._ready.extend(self._tail)
            self._tail.clear()


def _by_order(entry: Entry) -> int:
    return entry.order
