from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgedet.channel import EndOfStream, Latest, LatestStatistics


async def test_the_newest_of_several_items_is_what_the_consumer_gets() -> None:
    frames = Latest[str]("porch")
    assert frames.put("first") is None
    assert frames.put("second") == "first"
    assert await frames.get() == "second"
    assert frames.statistics() == LatestStatistics(offered=2, taken=1, dropped=1, waiting=0)


async def test_a_consumer_that_waits_is_woken_by_the_next_item() -> None:
    frames = Latest[int]("porch")
    consumer = asyncio.create_task(frames.get())
    await asyncio.sleep(0)
    frames.put(7)
    assert await consumer == 7


async def test_what_came_before_the_end_is_still_delivered_and_then_the_stream_ends() -> None:
    frames = Latest[int]("porch")
    frames.put(1)
    frames.close()
    assert [frame async for frame in frames] == [1]
    with pytest.raises(EndOfStream, match="porch: end of stream"):
        await frames.get()


async def test_a_consumer_that_waits_learns_of_the_end() -> None:
    frames = Latest[int]("porch")
    consumer = asyncio.create_task(frames.get())
    await asyncio.sleep(0)
    frames.close()
    with pytest.raises(EndOfStream):
        await consumer


async def test_an_item_that_comes_after_the_end_goes_straight_back_to_its_owner() -> None:
    frames = Latest[str]("porch")
    frames.close()
    assert frames.put("late") == "late"
    assert frames.take() is None


async def test_a_cancelled_wait_loses_no_item() -> None:
    frames = Latest[int]("porch")
    consumer = asyncio.create_task(frames.get())
    await asyncio.sleep(0)
    frames.put(1)
    consumer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await consumer
    assert await frames.get() == 1


async def test_a_second_consumer_is_a_mistake_that_is_named() -> None:
    frames = Latest[int]("porch")
    first = asyncio.create_task(frames.get())
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="porch has a consumer already"):
        await frames.get()
    frames.put(1)
    assert await first == 1


async def test_who_waits_on_several_channels_hears_of_items_and_of_the_end() -> None:
    heard: list[str] = []
    frames = Latest[int]("porch", on_change=lambda: heard.append("porch"))
    frames.put(1)
    frames.put(2)
    frames.close()
    assert heard == ["porch"] * 3


def test_what_was_taken_in_vain_counts_as_dropped() -> None:
    frames = Latest[int]("porch")
    frames.put(1)
    frames.take()
    frames.give_up()
    assert frames.statistics() == LatestStatistics(offered=1, taken=0, dropped=1, waiting=0)


@given(st.lists(st.sampled_from(["put", "take", "close"])))
def test_every_item_is_taken_once_or_handed_back_once(steps: list[str]) -> None:
    frames = Latest[int]("porch")
    taken: list[int] = []
    handed_back: list[int] = []
    offered = 0
    for step in steps:
        if step == "put":
            back = frames.put(offered := offered + 1)
            handed_back += [back] if back is not None else []
        elif step == "take":
            item = frames.take()
            taken += [item] if item is not None else []
        else:
            frames.close()
    counted = frames.statistics()
    last = frames.take()
    assert sorted([*taken, *handed_back, *([last] if last is not None else [])]) == list(range(1, offered + 1))
    assert taken == sorted(taken)
    assert counted == LatestStatistics(offered, len(taken), len(handed_back), int(last is not None))
