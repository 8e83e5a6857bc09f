"""Delivery of events: at least once, in order, each with its number. What it promises is in docs/delivery.md.

`put` takes an event and returns; the MQTT output takes what is next whenever there is room in its window, and says what
the broker has acknowledged. Everything that touches the disk happens in one thread, one transaction at a time.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from edgedet.outputs.events import event_body, event_payload, record_body, restart_body
from edgedet.outputs.messages import Publication
from edgedet.outputs.spool.backlog import Backlog
from edgedet.outputs.spool.database import PAGE, Database, SpoolDamaged, SpoolError
from edgedet.outputs.spool.entry import STEP, BootClock, Entry, Found, Life, Missing, Numbering, Policy, Times, Work
from edgedet.outputs.spool.lives import OpenLives
from edgedet.outputs.spool.numbers import Numbers
from edgedet.outputs.spool.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path
    from types import TracebackType

    from edgedet.clock import Clock
    from edgedet.outputs.topics import Topics
    from edgedet.types import Event

_LOG = logging.getLogger(__name__)
_TICK_S = 0.25
_SPILL_NS = 1_500_000_000
"""What is not acknowledged for so long goes to disk, so that a kill costs the last two seconds at most."""
_FORCED_SPILL = 10_000
"""So many events that are not on disk go there at once."""
_MOST_IN_MEMORY = 5000
"""Events that are kept while the disk takes none: some 5 MB."""
_MAYBE_SENT = 20
"""After a kill so many of the oldest may have been under way (see `mqtt._IN_FLIGHT`)."""
_RETRY_S = (1.0, 2.0, 5.0, 10.0)
_REPLAYED_S = 1.0
"""What waited longer for the broker says so."""
_STEP_NS = 1_000_000_000
"""A wall clock that is off by more than it can be slewed in a second was set."""
_TELL_DAMAGE_S = 600.0
_NS_PER_S = 1e9
_STOP_S = 5.0


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with the spool: a health code and a sentence."""

    code: str
    """`spool_full`, `spool_damaged`, `disk_full` or `disk_unwritable`."""
    message: str


@dataclass(frozen=True, slots=True)
class DeliveryStatistics:
    """Of the events."""

    spooled: int
    """Not acknowledged by the broker yet, in memory or on disk."""
    dropped: int
    """Since the start: over a cap, or refused by the broker."""


class EventDelivery:
    """Takes events and keeps them until the broker has them, within its `async with`. Loop thread only."""

    def __init__(
        self,
        state_dir: Path,
        topics: Topics,
        clock: Clock,
        policy: Policy | None = None,
        *,
        cameras: Iterable[str] = (),
        on_change: Callable[[Trouble | None], None] | None = None,
    ) -> None:
        """`cameras` get their first numbers at the start; `on_change` is told whenever `trouble` changes."""
        self._topics = topics
        self._clock = clock
        self._policy = policy or Policy()
        self._cameras = dict.fromkeys(cameras)
        self._on_change = on_change
        self._database = Database(state_dir)
        self._writer = Writer()
        self._backlog = Backlog(self._policy, self._gap)
        self._numbers = Numbers()
        self._lives = OpenLives()
        self._ended_at_start: tuple[Life, ...] = ()
        self._unnumbered: deque[Entry] = deque()
        self._boots: dict[str, BootClock] = {}
        self._boot_written = False
        self._order = 0
        self._opened = False
        self._busy: asyncio.Future[Any] | None = None
        self._failures = 0
        self._retry_ns = 0
        self._damaged_until_ns = 0
        self._dropped_before = 0
        self._refused = 0
        self._full = False
        self._disk: Trouble | None = None
        self._damage: Trouble | None = None
        self._wake: Callable[[], None] | None = None
        self._ticking: asyncio.Task[None] | None = None
        self.trouble: Trouble | None = None
        """What is wrong now; None: nothing."""

    async def __aenter__(self) -> Self:
        self._writer.start()
        self._boots[self._clock.boot_id] = self._boot_clock()
        found = await self._load()
        await self._begin(found)
        self._opened = True
        self._ticking = asyncio.create_task(self._tick(), name="event-delivery")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._ticking is not None:
            self._ticking.cancel()
            await asyncio.wait([self._ticking])
        if self._busy is not None:
            await asyncio.wait([self._busy], timeout=_STOP_S)
        self._opened = False
        work = self._everything()
        last = self._writer.do(partial(self._finish, work))
        self._writer.stop()
        await asyncio.wait([last], timeout=_STOP_S)
        if last.done() and (problem := last.exception()) is not None:
            _LOG.warning("%d events that wait for the broker are lost: %s", self._backlog.waiting, problem)

    def put(self, camera: str, event: Event, snapshot: str | None = None) -> None:
        """Take an event of a camera; `snapshot` is the topic of its best view. Never waits, never fails."""
        try:
            body = event_body(camera, event, snapshot)
        except ValueError:
            _LOG.exception("%s: an event with a number that is not finite is left out", camera)
            self._refused += 1
            return
        times = Times(self._clock.boot_id, self._clock.mono_ns(), event.captured_ns, event.started_ns, event.ended_ns)
        if self._policy.mode != "off":
            self._lives.note(camera, event, body, times)
        self._enqueue(camera, body, times)
        if self._opened:
            self._trim()
            if self._disk is not None:
                self._go_on_unwritten()
            if self._policy.mode == "strict" or self._unnumbered:
                self._work()
            self._wake_up()

    def left_open(self) -> tuple[Life, ...]:
        """Return the lives that an earlier process left open; they were ended with `restart` at the start."""
        return self._ended_at_start

    def statistics(self) -> DeliveryStatistics:
        """Counts so far."""
        waiting = self._backlog.waiting + len(self._unnumbered)
        return DeliveryStatistics(spooled=waiting, dropped=self._backlog.dropped + self._refused)

    # What the MQTT output calls.

    def attach(self, wake: Callable[[], None]) -> None:
        """`wake` is called whenever there may be something to send."""
        self._wake = wake

    def next(self) -> tuple[Entry, Publication] | None:
        """Take what is sent next; None: nothing may be sent now."""
        if not self._opened:
            return None
        entry = self._backlog.next(stored_only=self._policy.mode == "strict" and self._disk is None)
        if self._backlog.wanted_page is not None:
            self._work()
        if entry is None:
            return None
        return entry, Publication(self._topics.events(entry.camera), self._payload(entry), qos=1)

    def acknowledged(self, entry: Entry, *, taken: bool) -> None:
        """The broker has answered; what it has not `taken` it will not take later either."""
        self._refused += not taken
        self._backlog.acknowledged(entry)
        if self._backlog.deletes:
            self._work()

    def too_large(self, entry: Entry) -> None:
        """No broker of this kind takes it: a gap record goes in its place."""
        self.acknowledged(entry, taken=False)
        if entry.missing is None:
            self._backlog.tell_of(self._gap(entry, Missing(entry.seq, entry.seq, 1)))

    def link_lost(self) -> None:
        """What was under way will be sent again."""
        self._backlog.link_lost()

    # The start and the end.

    async def _load(self) -> Found:
        try:
            return await self._writer.do(self._database.load)
        except SpoolError as error:
            self._disk_failed(error)
            return await self._writer.do(self._database.peek)

    async def _begin(self, found: Found) -> None:
        """Go on where an earlier process ended; nothing is sent before that is on disk, if it takes anything."""
        self._boots = {**found.boots, **self._boots}
        self._order = found.newest + STEP
        self._backlog.restore(found.first, found.count, found.size, _MAYBE_SENT)
        for camera, numbering in found.numbers.items():
            if (missing := self._numbers.continue_from(camera, numbering)) is not None:
                self._tell_missing(camera, missing)
        if found.moved_to is not None:
            self._damaged(f"The file of waiting events was damaged; it is now {found.moved_to}.")
            self._begin_anew()
        await self._reserve_first(found)
        self._ended_at_start = found.lives
        for life in found.lives:
            same_boot = life.times.boot_id == self._clock.boot_id
            put_ns = self._clock.mono_ns() if same_boot else life.times.put_ns
            times = replace(life.times, put_ns=put_ns, ended_ns=life.times.captured_ns)
            self._enqueue(life.camera, restart_body(life.body), times)
        self._number_waiting()
        work = self._rows(Work(ended=[life.id for life in found.lives]))
        if work.ended or work.rows:
            await self._try(work)

    def _begin_anew(self) -> None:
        """Number above all that may have been given before: a consumer that drops repeats must not drop the new."""
        first = self._now_ms()
        self._numbers.start_at(first)
        for camera in self._cameras:
            self._tell_missing(camera, Missing(1, first - 1, None))

    async def _reserve_first(self, found: Found) -> None:
        ends = Counter(life.camera for life in found.lives)
        waiting = {camera: ends[camera] for camera in [*self._cameras, *ends]}
        await self._try(Work(numbers=self._numberings(self._numbers.wanted(waiting)), boots=dict(self._boots)))

    async def _try(self, work: Work) -> None:
        """Write, if the disk takes anything; what the outcome means is seen to."""
        if self._disk is not None:
            self._go_on_unwritten()
            return
        job = self._writer.do(partial(self._database.commit, work))
        await asyncio.wait([job])
        self._settle(work, job)

    def _finish(self, work: Work) -> None:
        self._database.commit(work)
        self._database.close()

    def _everything(self) -> Work:
        """What the next process needs, exactly."""
        self._number_waiting()
        work = self._rows(Work(deletes=self._backlog.deletes))
        left = self._backlog.unsaved.values() if self._policy.mode == "off" else ()
        lost: Counter[str] = Counter()
        for entry in left:
            lost[entry.camera] += 1 if entry.missing is None else entry.missing.lost or 0
        unsettled = self._backlog.unsettled() if left else {}
        for camera in self._numbers.cameras:
            following = self._numbers.next_of(camera)
            work.numbers[camera] = Numbering(following, unsettled.get(camera, following), lost[camera])
        work.boots = dict(self._boots)
        self._lives.add_to(work)
        return work

    # Numbers.

    def _enqueue(self, camera: str, body: str, times: Times, *, seq: int = 0, missing: Missing | None = None) -> None:
        entry = Entry(0, camera, body, times, seq, missing)
        if seq == 0:
            if self._unnumbered or (number := self._numbers.take(camera)) is None:
                self._unnumbered.append(entry)
                return
            entry.seq = number
        self._add(entry)

    def _add(self, entry: Entry) -> None:
        self._order += STEP
        entry.order = self._order
        self._backlog.add(entry)

    def _number_waiting(self) -> None:
        while self._unnumbered:
            entry = self._unnumbered[0]
            if (number := self._numbers.take(entry.camera)) is None:
                return
            entry.seq = number
            self._add(self._unnumbered.popleft())

    def _go_on_unwritten(self) -> None:
        """Detection goes on, and so do the numbers: the disk may come back, or not."""
        while self._unnumbered:
            counts = Counter(entry.camera for entry in self._unnumbered)
            camera = self._unnumbered[0].camera
            skipped = self._numbers.go_on_unwritten(camera, counts[camera], self._now_ms())
            if skipped is not None:
                self._tell_missing(camera, skipped)
            self._number_waiting()

    def _numberings(self, wanted: dict[str, int]) -> dict[str, Numbering]:
        unsettled = self._backlog.unsettled()
        return {
            camera: Numbering(reserved, unsettled.get(camera, self._numbers.next_of(camera)))
            for camera, reserved in wanted.items()
        }

    def _tell_missing(self, camera: str, missing: Missing) -> None:
        times = Times(self._clock.boot_id, self._clock.mono_ns())
        self._enqueue(camera, _gap_body(camera, missing), times, seq=missing.last, missing=missing)

    def _gap(self, entry: Entry, missing: Missing) -> Entry:
        """The record that stands in the place of an entry."""
        times = Times(self._clock.boot_id, self._clock.mono_ns())
        body = _gap_body(entry.camera, missing)
        return Entry(entry.order + 1, entry.camera, body, times, missing.last, missing)

    # The disk.

    def _work(self) -> None:
        """Begin the next transaction, if one is due and none is under way."""
        now_ns = self._clock.mono_ns()
        if self._busy is not None or not self._opened or now_ns < self._retry_ns:
            return
        page = self._backlog.wanted_page
        if page is not None and self._disk is None:
            reading = self._writer.do(partial(self._database.page, *page))
            self._busy = reading
            reading.add_done_callback(self._read)
            return
        work = self._due(now_ns)
        if work.empty:
            return
        writing = self._writer.do(partial(self._database.commit, work))
        self._busy = writing
        writing.add_done_callback(partial(self._written, work))

    def _due(self, now_ns: int) -> Work:
        work = Work()
        waiting = Counter(entry.camera for entry in self._unnumbered)
        unsaved = self._backlog.unsaved
        oldest_ns = next(iter(unsaved.values())).times.put_ns if unsaved else now_ns
        late = self._policy.mode == "spill" and (now_ns - oldest_ns >= _SPILL_NS or len(unsaved) >= _FORCED_SPILL)
        # A gap must not get lost between the going of what it tells of and its own writing.
        late = late or (bool(self._backlog.deletes) and self._backlog.has_unsaved_gap)
        if late or self._policy.mode == "strict" or self._disk is not None:
            self._rows(work)
        work.deletes, self._backlog.deletes = self._backlog.deletes, []
        if work.rows or self._lives.due(now_ns):
            self._lives.add_to(work)
        wanted = self._numbers.wanted(waiting)
        work.numbers = self._numberings(wanted) if wanted else {}
        if (work.rows or work.lives) and not self._boot_written:
            work.boots = dict(self._boots)
        return work

    def _rows(self, work: Work) -> Work:
        """Add what is not on disk yet, unless the mode says that nothing goes there."""
        if self._policy.mode != "off":
            work.rows = list(self._backlog.unsaved.values())
        return work

    def _written(self, work: Work, job: asyncio.Future[None]) -> None:
        self._busy = None
        self._settle(work, job)
        self._trim()
        self._work()
        self._wake_up()

    def _settle(self, work: Work, job: asyncio.Future[None]) -> None:
        error = job.exception()
        if error is None:
            self._disk_works()
            self._backlog.saved(work.rows)
            for camera, numbering in work.numbers.items():
                self._numbers.granted(camera, numbering.reserved)
            self._lives.saved(work)
            self._boot_written = self._boot_written or bool(work.boots)
            self._backlog.evict()
            self._number_waiting()
            return
        if not isinstance(error, SpoolError):
            raise error
        self._backlog.deletes = work.deletes + self._backlog.deletes
        self._lives.failed(work, self._clock.mono_ns())
        self._disk_failed(error)

    def _read(self, job: asyncio.Future[list[Entry]]) -> None:
        self._busy = None
        error = job.exception()
        if error is None:
            entries = job.result()
            self._backlog.page(entries, more=len(entries) == PAGE)
        elif isinstance(error, SpoolError):
            self._disk_failed(error)
        else:
            raise error
        self._trim()
        self._work()
        self._wake_up()

    def _disk_failed(self, error: SpoolError) -> None:
        if isinstance(error, SpoolDamaged):
            self._disk_damaged(error)
            return
        self._retry_ns = self._clock.mono_ns() + int(_RETRY_S[min(self._failures, len(_RETRY_S) - 1)] * _NS_PER_S)
        self._failures += 1
        self._disk = Trouble(error.code, f"Waiting events are kept in memory only: {error.message}.")
        self._tell()
        self._go_on_unwritten()

    def _disk_damaged(self, error: SpoolDamaged) -> None:
        """Write everything anew, into a new file."""
        moving = self._writer.do(self._database.move_aside)
        self._busy = moving

        def moved(job: asyncio.Future[str]) -> None:
            self._busy = None
            if (problem := job.exception()) is not None:
                self._disk_failed(SpoolError(str(problem), code="disk_unwritable"))
                return
            self._damaged(f"{error.message}; it is now {job.result()}.")
            cameras = self._numbers.cameras
            self._backlog.disk_lost(self._numbers.next_of, cameras)
            self._lives.disk_lost()
            self._boot_written = False
            self._numbers.forget_reserved()
            self._work()

        moving.add_done_callback(moved)

    def _disk_works(self) -> None:
        self._failures = 0
        self._retry_ns = 0
        if self._disk is not None:
            self._disk = None
            _LOG.info("Waiting events are on disk again")
            self._tell()

    # The clock.

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_TICK_S)
            self._look_at_the_clock()
            self._trim()
            self._work()
            self._tell()

    def _boot_clock(self) -> BootClock:
        return BootClock(self._clock.offset_ns(), self._clock.stamp().time_synced)

    def _look_at_the_clock(self) -> None:
        """Find out that somebody has set the wall clock; slow corrections are followed without a word."""
        boot_id, now = self._clock.boot_id, self._boot_clock()
        before = self._boots[boot_id]
        if now == before:
            return
        self._boots[boot_id] = now
        moved_ns = now.offset_ns - before.offset_ns
        if abs(moved_ns) < _STEP_NS:
            self._boot_written = self._boot_written and now.synced == before.synced
            return
        self._boot_written = False
        _LOG.info("The wall clock was set by %+.3f s; what waits is stamped anew", moved_ns / _NS_PER_S)
        for camera in {*self._cameras, *self._numbers.cameras}:
            body = record_body(camera, "clock", offset_s=round(moved_ns / _NS_PER_S, 3))
            self._enqueue(camera, body, Times(boot_id, self._clock.mono_ns()))
        self._wake_up()

    def _payload(self, entry: Entry) -> bytes:
        stamp, times = self._clock.stamp(), entry.times
        offset_ns = self._clock.offset_ns()
        since_ns = times.put_ns if times.captured_ns is None else times.captured_ns
        if times.boot_id == stamp.boot_id:
            age_ns, waited_ns = stamp.mono_ns - since_ns, stamp.mono_ns - times.put_ns
        else:
            boot = self._boots.get(times.boot_id, BootClock(0, synced=False))
            # It is older than this boot, whatever the clocks say.
            age_ns = waited_ns = max(stamp.mono_ns, stamp.mono_ns + offset_ns - since_ns - boot.offset_ns)
            offset_ns = boot.offset_ns
            stamp = replace(stamp, time_synced=stamp.time_synced and boot.synced)
        return event_payload(
            self._topics.device,
            stamp,
            entry,
            offset_ns=offset_ns,
            age_s=max(0, age_ns) / _NS_PER_S,
            replayed=waited_ns > _REPLAYED_S * _NS_PER_S,
        )

    def _too_old(self, entry: Entry) -> bool:
        boot_id, times = self._clock.boot_id, entry.times
        if times.boot_id == boot_id:
            age_ns = self._clock.mono_ns() - times.put_ns
        else:
            here, there = self._boots[boot_id], self._boots.get(times.boot_id)
            # A clock that nobody has set must not throw events away.
            if there is None or not (here.synced and there.synced):
                return False
            age_ns = self._clock.mono_ns() + here.offset_ns - times.put_ns - there.offset_ns
        return age_ns > self._policy.max_age_s * _NS_PER_S

    # Caps and troubles.

    def _trim(self) -> None:
        in_memory_only = self._policy.mode == "off" or self._disk is not None
        self._backlog.trim(self._too_old, _MOST_IN_MEMORY if in_memory_only else None)
        if self._backlog.dropped > self._dropped_before:
            self._dropped_before = self._backlog.dropped
            self._full = True
            self._tell()
        elif self._full and self._backlog.waiting < self._policy.max_events // 2:
            self._full = False
            self._tell()

    def _damaged(self, message: str) -> None:
        self._damage = Trouble("spool_damaged", message)
        self._damaged_until_ns = self._clock.mono_ns() + int(_TELL_DAMAGE_S * _NS_PER_S)
        self._tell()

    def _tell(self) -> None:
        if self._damage is not None and self._clock.mono_ns() > self._damaged_until_ns:
            self._damage = None
        full = Trouble("spool_full", "Events waited too long for the broker, and the oldest were dropped.")
        trouble = self._disk or self._damage or (full if self._full else None)
        if trouble == self.trouble:
            return
        self.trouble = trouble
        if self._on_change is not None:
            self._on_change(trouble)

    def _wake_up(self) -> None:
        if self._wake is not None:
            self._wake()

    def _now_ms(self) -> int:
        return (self._clock.mono_ns() + self._clock.offset_ns()) // 1_000_000


def _gap_body(camera: str, missing: Missing) -> str:
    return record_body(camera, "gap", from_seq=missing.first, to_seq=missing.last, lost=missing.lost)
