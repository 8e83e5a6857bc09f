import asyncio

import pytest

from edgedet.workers.turns import Share, Turns


async def serve_all(wants: dict[str, float], turns: int) -> list[str]:
    """Cameras that always have a next frame, on a detector with one slot; who was served, in order."""
    slots, log = Turns(1), list[str]()

    async def camera(name: str, share: Share) -> None:
        while True:
            await slots.take(share)
            log.append(name)
            loop.call_later(0.0, slots.give_back)

    loop = asyncio.get_running_loop()
    tasks = [loop.create_task(camera(name, Share(weight))) for name, weight in wants.items()]
    while len(log) < turns:
        await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return log[:turns]


async def test_cameras_that_want_the_same_get_the_same() -> None:
    log = await serve_all({"a": 5, "b": 5, "c": 5}, 300)
    assert [log.count(name) for name in "abc"] == [pytest.approx(100, abs=2)] * 3


async def test_each_camera_gets_its_share_of_what_it_wants() -> None:
    log = await serve_all({"fast": 20, "middle": 10, "slow": 5}, 700)
    assert [log.count(name) for name in ("fast", "middle", "slow")] == [
        pytest.approx(n, abs=5) for n in (400, 200, 100)
    ]


async def test_a_camera_that_was_silent_does_not_save_up_turns() -> None:
    slots, busy, late = Turns(100), Share(1), Share(1)
    for _ in range(90):
        await slots.take(busy)
    await slots.take(late)
    assert late.served == pytest.approx(busy.served, abs=1.0)


async def test_a_slot_is_not_lost_with_one_who_leaves_at_that_moment() -> None:
    slots, loop = Turns(1), asyncio.get_running_loop()
    await slots.take(Share())
    leaving, staying = loop.create_task(slots.take(Share())), loop.create_task(slots.take(Share()))
    await asyncio.sleep(0)
    slots.give_back()
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    await asyncio.wait_for(staying, 1)


async def test_everybody_is_let_go_when_there_are_no_slots_any_more() -> None:
    slots, loop = Turns(1), asyncio.get_running_loop()
    await slots.take(Share())
    waiting = [loop.create_task(slots.take(Share())) for _ in range(3)]
    await asyncio.sleep(0)
    slots.release_all()
    await asyncio.wait_for(asyncio.gather(*waiting), 1)
