"""Delivery of events: at least once, in order, each with its number. What it promises is in docs/delivery.md.

`put` takes an event and returns; the MQTT output takes what is next whenever there is room in its window, and says what
the broker has acknowledged. Everything that touches the disk happens in one thread, one transaction at a time.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from edgedet.outputs.events import event_body, event_payload, record_body
from edgedet.outputs.messages import Publication
from edgedet.outputs.spool.entry import Entry, Missing, Policy, Times
from edgedet.outputs.spool.intake import gap_after
from edgedet.outputs.spool.keeper import Keeper
from edgedet.outputs.spool.trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path
    from types import TracebackType

    from edgedet.clock import Clock
    from edgedet.outputs.topics import Topics
    from edgedet.types import Event

__all__ = ["DeliveryStatistics", "EventDelivery", "Trouble"]

_LOG = logging.getLogger(__name__)
_TICK_S = 0.25
_REPLAYED_NS = 1_000_000_000
"""What waited longer for the broker says so."""
_NS_PER_S = 1e9


@dataclass(frozen=True, slots=True)
class DeliveryStatistics:
    """Of the events."""

    spooled: int
    """Not acknowledged by the broker yet, in memory or on disk."""
    dropped: int
    """Since the start: over a cap, or larger than the broker takes."""


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
        """`cameras` get their first numbers at the start; `on_change` is told what is wrong, whenever that changes."""
        self._topics = topics
        self._clock = clock
        self._policy = policy or Policy()
        self._keeper = Keeper(state_dir, clock, self._policy, tuple(cameras), on_change, self._wake_up)
        self._opened = False
        self._refused = 0
        self._wake: Callable[[], None] | None = None
        self._ticking: asyncio.Task[None] | None = None
        self.turns = 0
        """Of the loop that looks after what waits; it stands still when that does."""

    async def __aenter__(self) -> Self:
        await self._keeper.start()
        self._opened = True
        self._ticking = asyncio.create_task(self._tick(), name="event-delivery")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened = False
        if self._ticking is not None:
            self._ticking.cancel()
            await asyncio.wait([self._ticking])
        await self._keeper.stop()

    def put(self, camera: str, event: Event, snapshot: str | None = None) -> None:
        """Take an event of a camera; `snapshot` is the topic of its best view. Never waits, never fails."""
        try:
            body = event_body(camera, event, snapshot)
        except ValueError:
            _LOG.exception("%s: an event with a number that is not finite is left out", camera)
            self._refused += 1
            return
        now_ns = self._clock.mono_ns()
        times = Times(self._clock.boot_id, now_ns, event.captured_ns, event.started_ns, event.ended_ns)
        if self._policy.mode != "off":
            self._keeper.lives.note(camera, event, body, times)
        self._keeper.intake.take(camera, body, times)
        if self._opened:
            self._keeper.trim()
            if self._keeper.intake or self._policy.mode == "strict":
                self._keeper.work()
            self._wake_up()

    def statistics(self) -> DeliveryStatistics:
        """Counts so far."""
        waiting = self._keeper.backlog.waiting + len(self._keeper.intake)
        return DeliveryStatistics(spooled=waiting, dropped=self._keeper.backlog.dropped + self._refused)

    # What the MQTT output calls.

    def attach(self, wake: Callable[[], None]) -> None:
        """`wake` is called whenever there may be something to send."""
        self._wake = wake

    def next(self) -> tuple[Entry, Publication] | None:
        """Take what is sent next; None: nothing may be sent now."""
        if not self._opened:
            return None
        entry = self._keeper.backlog.next(stored_only=self._keeper.stored_only)
        if self._keeper.backlog.wanted_page is not None:
            self._keeper.work()
        if entry is None:
            return None
        return entry, Publication(self._topics.events(entry.camera), self._payload(entry), qos=1)

    def acknowledged(self, entry: Entry) -> None:
        """The broker has it."""
        self._keeper.backlog.acknowledged(entry)
        if self._keeper.backlog.deletes:
            self._keeper.work()

    def put_back(self, entry: Entry) -> None:
        """The broker does not take it now."""
        self._keeper.backlog.put_back(entry)

    def too_large(self, entry: Entry) -> None:
        """The broker takes no message of this size: a gap record goes in its place."""
        self._refused += 1
        self.acknowledged(entry)
        if entry.missing is None:
            self._keeper.backlog.tell_of(gap_after(entry, Missing(entry.seq, entry.seq, 1), clock=self._clock))

    def link_lost(self) -> None:
        """What was under way will be sent again."""
        self._keeper.backlog.link_lost()

    # Time, caps, troubles.

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_TICK_S)
            if moved_ns := self._keeper.boots.step_ns():
                self._tell_of_the_clock(moved_ns)
            self._keeper.trim()
            self._keeper.work()
            self._keeper.troubles.tell(self._clock.mono_ns())
            self.turns += 1

    def _tell_of_the_clock(self, moved_ns: int) -> None:
        offset_s = round(moved_ns / _NS_PER_S, 3)
        _LOG.info("The wall clock was set by %+.3f s; what waits is stamped anew", offset_s)
        for camera in self._keeper.cameras:
            times = Times(self._clock.boot_id, self._clock.mono_ns())
            self._keeper.intake.take(camera, record_body(camera, "clock", offset_s=offset_s), times)
        self._wake_up()

    def _payload(self, entry: Entry) -> bytes:
        read = self._keeper.boots.read(entry.times)
        return event_payload(
            self._topics.device,
            read.stamp,
            entry,
            offset_ns=read.offset_ns,
            age_s=max(0, read.age_ns) / _NS_PER_S,
            replayed=read.waited_ns > _REPLAYED_NS,
        )

    def _wake_up(self) -> None:
        if self._wake is not None:
            self._wake()
