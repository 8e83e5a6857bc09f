"""The events' way onto a link: which are under way, and none for a while after the broker refused one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgedet.outputs.delivery import EventDelivery
    from edgedet.outputs.messages import Publication
    from edgedet.outputs.spool.entry import Entry


class EventLane:
    """What the outbox is to other messages. Keeps no event: until the broker has it, it is the delivery's."""

    def __init__(self, delivery: EventDelivery, pause_s: float) -> None:
        """`pause_s` is how long events are left alone after a refusal."""
        self._delivery = delivery
        self._pause_s = pause_s
        self._under_way: dict[int, Entry] = {}
        self._paused = False
        self._wake: Callable[[], None] | None = None

    @property
    def under_way(self) -> int:
        """Events that the link took and the broker has not answered for."""
        return len(self._under_way)

    @property
    def waiting(self) -> int:
        """Events that the broker does not have yet, those under way among them."""
        return self._delivery.statistics().spooled

    def attach(self, wake: Callable[[], None]) -> None:
        """`wake` is called whenever there may be something to send."""
        self._wake = wake
        self._delivery.attach(wake)

    def next(self) -> tuple[Entry, Publication] | None:
        """Take what is to be sent next; None: nothing may be sent now."""
        return None if self._paused else self._delivery.next()

    def sent(self, number: int, entry: Entry) -> None:
        """Note that an event is on its way under the link's number for it."""
        self._under_way[number] = entry

    def too_large(self, entry: Entry) -> None:
        """The broker takes no message of this size."""
        self._delivery.too_large(entry)

    def acknowledged(self, number: int, refusal: str | None) -> Entry | None:
        """The broker has answered, None or why not, for an event; which one it was, None: none is under way so."""
        entry = self._under_way.pop(number, None)
        if entry is None:
            return None
        if refusal is None:
            self._delivery.acknowledged(entry)
        else:
            self._delivery.put_back(entry)
            self._pause()
        return entry

    def link_lost(self) -> None:
        """What was under way will be sent again."""
        self._under_way.clear()
        self._delivery.link_lost()

    def _pause(self) -> None:
        # An ACL that forbids them now may be mended before they are too old.
        if not self._paused:
            self._paused = True
            asyncio.get_running_loop().call_later(self._pause_s, self._go_on)

    def _go_on(self) -> None:
        self._paused = False
        if self._wake is not None:
            self._wake()
