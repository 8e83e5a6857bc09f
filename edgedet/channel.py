"""`Latest`: a channel of depth one in which the newest item wins.

It joins a live source to what works on its frames. A queue would do the wrong thing there: it either makes
the source wait (and the picture old) or grows (and the picture older). Every-frame work uses a bounded
`asyncio.Queue`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from edgedet.errors import EdgedetError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class EndOfStream(EdgedetError, EOFError):
    """The channel is closed and empty: nothing more will come."""


@dataclass(frozen=True, slots=True)
class LatestStatistics:
    """Counts since the channel was made; `offered == taken + dropped + waiting`."""

    offered: int
    taken: int
    dropped: int
    """Replaced by a newer item before anybody took them, offered after the end, or taken and given up."""
    waiting: int
    """0 or 1."""


class Latest(Generic[T]):
    """Holds at most one item; a newer one replaces it. One event loop, any number of producers, one consumer.

    An item is anything but None. Nothing blocks and nothing is locked: all calls come from the loop's thread.
    """

    def __init__(self, name: str, *, on_change: Callable[[], None] | None = None) -> None:
        """`on_change` is called after each put and the close, for who waits on several channels at once."""
        self.name = name
        self._on_change = on_change
        self._item: T | None = None
        self._closed = False
        self._waiter: asyncio.Future[None] | None = None
        self._offered = 0
        self._taken = 0
        self._dropped = 0

    def put(self, item: T) -> T | None:
        """Offer `item` and return what will now never be taken, so that its owner can release it.

        That is the older item, None when there was none, or `item` itself after the close.
        """
        self._offered += 1
        if self._closed:
            self._dropped += 1
            return item
        replaced, self._item = self._item, item
        if replaced is not None:
            self._dropped += 1
        self._wake()
        return replaced

    def take(self) -> T | None:
        """Return the item at once and leave the channel empty; None when it is empty already."""
        item, self._item = self._item, None
        if item is not None:
            self._taken += 1
        return item

    def give_up(self) -> None:
        """Count an item that was taken as dropped: what was to be done with it came to nothing."""
        self._taken -= 1
        self._dropped += 1

    async def ready(self) -> None:
        """Wait until there is an item, and leave it there: who takes it later takes the newest of that moment.

        Raises:
            EndOfStream: the channel is closed and its last item has been taken.
            RuntimeError: a second consumer waits already.
        """
        while self._item is None:
            if self._closed:
                raise EndOfStream(f"{self.name}: end of stream")
            if self._waiter is not None:
                raise RuntimeError(f"{self.name} has a consumer already")
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None

    async def get(self) -> T:
        """Wait for an item. Cancelling loses nothing: the item stays until it is taken.

        Raises:
            EndOfStream: the channel is closed and its last item has been taken.
            RuntimeError: a second consumer waits already.
        """
        while True:
            await self.ready()
            if (item := self.take()) is not None:
                return item

    def close(self) -> None:
        """End the stream: what is held can still be taken, then `get` raises `EndOfStream`."""
        self._closed = True
        self._wake()

    def __aiter__(self) -> Latest[T]:
        return self

    async def __anext__(self) -> T:
        try:
            return await self.get()
        except EndOfStream:
            raise StopAsyncIteration from None

    def statistics(self) -> LatestStatistics:
        """Counts so far."""
        return LatestStatistics(self._offered, self._taken, self._dropped, int(self._item is not None))

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
        if self._on_change is not None:
            self._on_change()
