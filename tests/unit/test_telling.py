import asyncio

from edgedet.app.telling import EventTeller
from edgedet.types import Box, Event, EventKind


def event(number: int) -> Event:
    return Event(f"life-{number}", EventKind.NEW, "person", number, 0.9, 0.9, Box(0, 0, 1, 1), 0, 0)


class SlowPictures:
    """Each picture takes until the test lets it go."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.ready = asyncio.Event()

    async def settle(self, event: Event) -> str | None:
        self.asked.append(event.id)
        await self.ready.wait()
        return f"topic/{event.id}"

    def settled(self, event: Event) -> str | None:
        return f"topic/{event.id}" if event.id == "life-2" else None


async def test_without_pictures_an_event_goes_out_at_once() -> None:
    told: list[tuple[str, str | None]] = []
    teller = EventTeller(lambda event, topic: told.append((event.id, topic)), None)
    teller.tell([event(1), event(2)])
    assert told == [("life-1", None), ("life-2", None)]


async def test_events_wait_for_their_pictures_and_keep_their_order() -> None:
    told: list[tuple[str, str | None]] = []
    pictures = SlowPictures()
    teller = EventTeller(lambda event, topic: told.append((event.id, topic)), pictures)
    work = asyncio.create_task(teller.run())
    teller.tell([event(1), event(2)])
    await asyncio.sleep(0.01)
    assert told == []
    assert pictures.asked == ["life-1"]
    pictures.ready.set()
    await asyncio.sleep(0.01)
    teller.tell([event(3)])
    await asyncio.sleep(0.01)
    assert told == [(f"life-{number}", f"topic/life-{number}") for number in (1, 2, 3)]
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)


async def test_at_the_end_what_waits_is_told_once_with_the_pictures_that_are_there() -> None:
    told: list[tuple[str, str | None]] = []
    teller = EventTeller(lambda event, topic: told.append((event.id, topic)), SlowPictures())
    work = asyncio.create_task(teller.run())
    teller.tell([event(1), event(2)])
    await asyncio.sleep(0.01)
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    teller.flush()
    assert told == [("life-1", None), ("life-2", "topic/life-2")]
