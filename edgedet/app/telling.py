"""A camera's events on their way out: in order, each after the picture that it names."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NoReturn, Protocol

if TYPE_CHECKING:
    from edgedet.types import Event

Deliver = Callable[["Event", str | None], None]
"""Takes an event and the topic of its picture, or None; never waits, never fails."""


class Pictures(Protocol):
    """Has the best view of what an event is about."""

    async def settle(self, event: Event) -> str | None:
        """Publish the picture, within a second or not at all; its topic, or None."""

    def settled(self, event: Event) -> str | None:
        """Publish what there is by now; its topic, or None."""


class EventTeller:
    """Without pictures an event goes out at once. With them, `run` must be a task of its own."""

    def __init__(self, deliver: Deliver, pictures: Pictures | None) -> None:
        self._deliver = deliver
        self._pictures = pictures
        self._waiting: deque[Event] = deque()
        self._some = asyncio.Event()

    def tell(self, events: Iterable[Event]) -> None:
        """Take events in their order."""
        if self._pictures is None:
            for event in events:
                self._deliver(event, None)
            return
        self._waiting.extend(events)
        if self._waiting:
            self._some.set()

    async def run(self) -> NoReturn:
        """Wait for each event's picture, and hand both on. When this is cancelled, nothing is waited for any more."""
        try:
            while True:
                await self._some.wait()
                self._some.clear()
                while self._waiting:
                    await self._tell_first()
        finally:
            self.flush()

    def flush(self) -> None:
        """Hand on what waits, now, with the pictures that are there: the end has come."""
        while self._waiting:
            event = self._waiting.popleft()
            self._deliver(event, None if self._pictures is None else self._pictures.settled(event))

    async def _tell_first(self) -> None:
        event = self._waiting[0]
        topic = None if self._pictures is None else await self._pictures.settle(event)
        # Only now: one whose picture was waited for when the end came is still to be told.
        self._waiting.popleft()
        self._deliver(event, topic)
