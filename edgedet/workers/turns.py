"""Whose turn it is when several cameras want the detector: each gets its share, measured by the rate that it wants.

Weighted fair queueing with virtual time (Demers, Keshav, Shenker 1989): who was served moves on by one over its
weight, and the one that is furthest behind is next. A camera that was silent does not save up turns.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass


@dataclass(slots=True, eq=False)
class Share:
    """One camera's claim on the detector."""

    weight: float = 1.0
    """Frames a second that it wants; above 0."""
    served: float = 0.0
    """Its virtual time: turns had, each counted as one over the weight."""


class Turns:
    """Free slots, who waits for one, and to whom one is promised.

    A slot that becomes free is promised to the waiter that is furthest behind before anybody else runs, so that a
    camera which happens to be awake cannot take it from one that waits.
    """

    def __init__(self, slots: int = 0) -> None:
        self._free = slots
        self._waiting: list[tuple[Share, asyncio.Future[bool]]] = []
        self._now = 0.0

    async def take(self, share: Share) -> bool:
        """Wait for a slot. True: one is the caller's until `give_back`; false: there are none any more."""
        share.served = max(share.served, self._now)
        if self._free > 0:
            self._free -= 1
        elif not await self._promise(share):
            return False
        self._now = max(self._now, share.served)
        share.served += 1.0 / share.weight
        return True

    def give_back(self) -> None:
        """A slot is free: it goes to the one that is furthest behind; among equals, to who has waited longest."""
        self._waiting = [entry for entry in self._waiting if not entry[1].done()]
        if not self._waiting or self._free < 0:
            self._free += 1
            return
        place = min(range(len(self._waiting)), key=lambda index: self._waiting[index][0].served)
        self._waiting.pop(place)[1].set_result(True)

    def add(self, slots: int) -> None:
        """So many new slots, all of them free."""
        for _ in range(slots):
            self.give_back()

    def withdraw(self, slots: int) -> None:
        """So many free slots are gone. One may be promised already: who finds none then gives the promise back."""
        self._free -= slots

    def release_all(self) -> None:
        """There are no slots any more; nobody need wait."""
        for _, waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(False)
        self._waiting.clear()

    async def _promise(self, share: Share) -> bool:
        waiter: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((share, waiter))
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.result():
                self.give_back()  # it was promised a slot and leaves: the slot must not leave with it
            raise
