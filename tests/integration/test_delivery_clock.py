"""A wall clock that is set while events wait: stamps are right when they leave, order and timers do not care."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from integration.delivering import Delivery, Listener, RememberingBroker, heard_all

LIBRARIES = ("/usr/lib/*/faketime/libfaketime.so.1", "/usr/local/lib/faketime/libfaketime.so.1")


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[RememberingBroker]:
    folder = tmp_path / "broker"
    folder.mkdir()
    with RememberingBroker(folder) as running:
        yield running


@pytest.fixture
def library() -> str:
    for pattern in LIBRARIES:
        for found in Path("/").glob(pattern.lstrip("/")):
            return str(found)
    pytest.skip("libfaketime is not installed: apt install faketime, or make test")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("set_to", "moved"), [("+1095d", timedelta(days=1095)), ("-1h", timedelta(hours=-1))], ids=["3 years", "-1 hour"]
)
async def test_a_clock_that_is_set_changes_the_stamps_of_what_waits_and_nothing_else(
    broker: RememberingBroker, library: str, tmp_path: Path, set_to: str, moved: timedelta
) -> None:
    clock = tmp_path / "clock"
    clock.write_text("+0")
    environment = {
        "LD_PRELOAD": library,
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        # CLOCK_MONOTONIC does not jump when the wall clock is set.
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    with Listener(broker.port) as listener:
        async with Delivery(broker.port, tmp_path / "state", tmp_path / "events.log") as delivery:
            await delivery.quit()
            await delivery.start(**environment)
            await delivery.until_connected()
            await broker.remember()
            broker.kill()
            before = await delivery.do("put", 20, 100)
            await asyncio.sleep(2)
            # At once, as a whole: the library must not read a file that is still empty.
            (tmp_path / "next").write_text(set_to)
            (tmp_path / "next").replace(clock)
            await asyncio.sleep(1)
            told = await delivery.do("put", 20, 100)
            assert told["dropped"] == before["dropped"] == 0
            right = datetime.now(tz=UTC) + moved
            broker.start()
            await delivery.until_delivered()
            await heard_all(listener, delivery)
            assert (await delivery.do("stat"))["connected"]
        listener.check_promises()
    for camera in ("porch", "yard"):
        events = listener.camera(camera)
        assert [event["type"] for event in events] == ["end"] * 10 + ["clock"] + ["end"] * 10
        assert events[10]["offset_s"] == pytest.approx(moved.total_seconds(), abs=2)
        for event in events[:10] + events[11:]:
            assert abs(at(event["ts"]) - right) < timedelta(seconds=30)
            assert timedelta(0) <= right - at(event["captured_at"]) < timedelta(seconds=30)
            assert 0 <= event["age_s"] < 30
