"""Decides what goes to disk and when, and what happens while the disk takes nothing."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from edgedet.outputs.events import restart_body
from edgedet.outputs.spool.backlog import Backlog
from edgedet.outputs.spool.boots import Boots
from edgedet.outputs.spool.database import PAGE, SpoolDamaged, SpoolError
from edgedet.outputs.spool.disk import Disk
from edgedet.outputs.spool.entry import Entry, Found, Missing, Policy, Work
from edgedet.outputs.spool.intake import Intake, gap_after
from edgedet.outputs.spool.lives import OpenLives
from edgedet.outputs.spool.numbers import Numbers
from edgedet.outputs.spool.trouble import Trouble, Troubles

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edgedet.clock import Clock

_LOG = logging.getLogger(__name__)
_SPILL_NS = 1_500_000_000
"""What is not acknowledged for so long goes to disk, so that a kill costs the last two seconds at most."""
_FORCED_SPILL = 10_000
"""So many events that are not on disk go there at once."""
_MOST_IN_MEMORY = 5000
"""Events that are kept while nothing goes to disk: some 5 MB."""
_MAYBE_SENT = 20
"""After a kill so many of the oldest may have been under way: the MQTT output's window."""
_NS_PER_S = 1e9
_STOP_S = 5.0


class Keeper:
    """Holds the parts of the spool together. Loop thread only."""

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        policy: Policy,
        cameras: tuple[str, ...],
        on_change: Callable[[Trouble | None], None] | None,
        on_progress: Callable[[], None],
    ) -> None:
        """`on_progress` is called after each job of the disk: there may be something to send."""
        self._clock = clock
        self._policy = policy
        self._cameras = cameras
        self._on_progress = on_progress
        self._disk = Disk(folder)
        self._numbers = Numbers()
        self._opened = False
        self._dropped_before = 0
        self._grown = False
        self.backlog = Backlog(policy, partial(gap_after, clock=clock))
        self.intake = Intake(self.backlog, self._numbers, clock)
        self.lives = OpenLives()
        self.boots = Boots(clock)
        self.troubles = Troubles(on_change)

    @property
    def cameras(self) -> tuple[str, ...]:
        """Those that have numbers, or will have."""
        return tuple(dict.fromkeys((*self._cameras, *self._numbers.cameras)))

    @property
    def stored_only(self) -> bool:
        """Whether an event has to be on disk before it is sent."""
        return self._policy.mode == "strict" and self.troubles.disk is None

    async def start(self) -> None:
        """Go on where an earlier process ended; the lives that it left open are ended."""
        self._disk.start()
        found = await self._load()
        await self._begin(found)
        self._opened = True

    async def stop(self) -> None:
        """Put on disk what is left."""
        self._opened = False
        self.intake.number()
        work = self._rows(Work(deletes=self.backlog.deletes, boots=self.boots.known))
        work.numbers = self.intake.final_numberings(in_memory=self._policy.mode == "off")
        self.lives.add_to(work)
        problem = await self._disk.stop(work, _STOP_S)
        if problem is not None and self.backlog.unsaved:
            _LOG.warning("%d events that wait for the broker are lost: %s", len(self.backlog.unsaved), problem)

    async def _load(self) -> Found:
        try:
            return await self._disk.load()
        except SpoolError as error:
            self._disk_failed(error)
            return await self._disk.peek()

    async def _begin(self, found: Found) -> None:
        """Go on where an earlier process ended; nothing is sent before that is on disk, if it takes anything."""
        self.boots.start(found.boots)
        self.intake.start(found.newest)
        self.backlog.restore(found.first, found.count, found.size, _MAYBE_SENT)
        for camera, numbering in found.numbers.items():
            if (missing := self._numbers.continue_from(camera, numbering)) is not None:
                self.intake.tell_missing(camera, missing)
        if found.moved_to is not None:
            self._begin_anew(found.moved_to)
        for life in found.lives:
            same_boot = life.times.boot_id == self._clock.boot_id
            put_ns = self._clock.mono_ns() if same_boot else life.times.put_ns
            times = replace(life.times, put_ns=put_ns, ended_ns=life.times.captured_ns)
            self.intake.take(life.camera, restart_body(life.body), times)
        waiting = self.intake.waiting
        wanted = self._numbers.wanted({camera: waiting[camera] for camera in [*self._cameras, *waiting]})
        await self._write_first(Work(numbers=self.intake.numberings(wanted), boots=self.boots.known))
        await self._write_first(self._rows(Work(ended=[life.id for life in found.lives])))
        if self.troubles.disk is not None:
            # A process before this one may have gone on unwritten too.
            self.intake.leave_behind(self.cameras)

    def _begin_anew(self, moved_to: str) -> None:
        """Number above all that may have been given before: a consumer that drops repeats must not drop the new."""
        self.troubles.damaged(f"The file of waiting events was damaged; it is now {moved_to}.", self._clock.mono_ns())
        first = self.intake.now_ms()
        self._numbers.start_at(first)
        for camera in self._cameras:
            self.intake.tell_missing(camera, Missing(1, first - 1, None))

    async def _write_first(self, work: Work) -> None:
        if not work.empty and self.troubles.disk is None:
            self._settle(work, await self._disk.commit(work))
        if self.troubles.disk is not None:
            self.intake.number_unwritten()

    def work(self) -> None:
        """Begin the next transaction, if one is due and none is under way."""
        if self.troubles.disk is not None:
            self.intake.number_unwritten()
        now_ns = self._clock.mono_ns()
        if not self._opened or not self._disk.free(now_ns):
            return
        page = self.backlog.wanted_page
        if page is not None:
            self._disk.begin_reading(*page, self._read)
            return
        work = self._due(now_ns)
        if not work.empty:
            self._disk.begin_commit(work, partial(self._written, work))
        elif self._grown and not self.backlog.waiting:
            self._grown = False
            self._disk.begin_shrinking()

    def _due(self, now_ns: int) -> Work:
        work = Work()
        unsaved = self.backlog.unsaved
        oldest_ns = next(iter(unsaved.values())).times.put_ns if unsaved else now_ns
        late = self._policy.mode == "spill" and (now_ns - oldest_ns >= _SPILL_NS or len(unsaved) >= _FORCED_SPILL)
        # A gap must not get lost between the going of what it tells of and its own writing.
        late = late or (bool(self.backlog.deletes) and self.backlog.has_unsaved_gap)
        if late or self._policy.mode == "strict" or self.troubles.disk is not None:
            self._rows(work)
        work.deletes, self.backlog.deletes = self.backlog.deletes, []
        if work.rows or self.lives.due(now_ns):
            self.lives.add_to(work)
        wanted = self._numbers.wanted(self.intake.waiting)
        work.numbers = self.intake.numberings(wanted) if wanted else {}
        # While the disk takes nothing there is always something to write: that is how its coming back is noticed.
        told = self.boots.written or not (work.rows or work.lives or self.backlog.waiting)
        if self.troubles.disk is not None or not told:
            work.boots = self.boots.known
        return work

    def _rows(self, work: Work) -> Work:
        """Add what is not on disk yet, unless the mode says that nothing goes there."""
        if self._policy.mode != "off":
            work.rows = list(self.backlog.unsaved.values())
        return work

    def _written(self, work: Work, error: SpoolError | None) -> None:
        self._settle(work, error)
        self._go_on()

    def _settle(self, work: Work, error: SpoolError | None) -> None:
        if error is not None:
            self.backlog.deletes = work.deletes + self.backlog.deletes
            self.lives.failed(work, self._clock.mono_ns())
            self._disk_failed(error)
            return
        self._disk.works()
        if self.troubles.disk is not None:
            _LOG.info("Waiting events are on disk again")
            self.troubles.disk = None
            self.troubles.tell(self._clock.mono_ns())
        self.backlog.saved(work.rows)
        for camera, numbering in work.numbers.items():
            self._numbers.granted(camera, numbering.reserved)
        self.lives.saved(work)
        self.boots.written = self.boots.written or bool(work.boots)
        self._grown = self._grown or len(work.rows) > PAGE
        self.backlog.evict()
        self.intake.number()

    def _read(self, entries: list[Entry], error: SpoolError | None) -> None:
        if error is None:
            self.backlog.page(entries, more=len(entries) == PAGE)
        else:
            self._disk_failed(error)
        self._go_on()

    def _go_on(self) -> None:
        self.trim()
        self.work()
        self._on_progress()

    def _disk_failed(self, error: SpoolError) -> None:
        if isinstance(error, SpoolDamaged):
            self._disk.begin_moving_aside(partial(self._moved_aside, error))
            return
        self._disk.failed(self._clock.mono_ns())
        message = f"Waiting events are kept in memory only: {error.message}."
        if self.troubles.disk is None:
            _LOG.warning("%s", message)
        self.troubles.disk = Trouble(error.code, message)
        self.troubles.tell(self._clock.mono_ns())

    def _moved_aside(self, damage: SpoolDamaged, name: str, error: SpoolError | None) -> None:
        """Write everything anew, into a new file."""
        if error is not None:
            self._disk_failed(SpoolError(error.message, code=error.code))
            return
        _LOG.warning("%s; it is now %s, and a new one is made", damage.message, name)
        self.troubles.damaged(f"The file of waiting events was damaged; it is now {name}.", self._clock.mono_ns())
        self.backlog.disk_lost(self._numbers.next_of, self._numbers.cameras)
        self.lives.disk_lost()
        self.boots.written = False
        self._numbers.forget_reserved()
        self._go_on()

    def trim(self) -> None:
        """Drop what is too much or too old."""
        in_memory_only = self._policy.mode == "off" or self.troubles.disk is not None
        longest_ns = int(self._policy.max_age_s * _NS_PER_S)
        self.backlog.trim(
            lambda entry: self.boots.kept_ns(entry.times) > longest_ns, _MOST_IN_MEMORY if in_memory_only else None
        )
        if self.backlog.dropped > self._dropped_before:
            self._dropped_before = self.backlog.dropped
            self.troubles.full = True
            self.troubles.tell(self._clock.mono_ns())
        elif self.troubles.full and self.backlog.waiting < self._policy.max_events // 2:
            self.troubles.full = False
            self.troubles.tell(self._clock.mono_ns())
