"""A state directory that is full, read-only or full of rubbish: events go on, and it is said and mended."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.delivering import Delivery, Listener, RememberingBroker, heard_all, until


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[RememberingBroker]:
    folder = tmp_path / "broker"
    folder.mkdir()
    with RememberingBroker(folder) as running:
        yield running


class Volume:
    """A file system of its own for the state directory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def remount(self, options: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{options}", str(self.folder)], check=True)

    def fill(self) -> None:
        with (self.folder / "ballast").open("wb", buffering=0) as stream, contextlib.suppress(OSError):
            while True:
                stream.write(bytes(4096))

    def empty(self) -> None:
        (self.folder / "ballast").unlink()


@pytest.fixture
def volume(tmp_path: Path) -> Iterator[Volume]:
    folder = tmp_path / "state"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "edgedet-test", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"only root may mount a file system of its own: {done.stderr.strip()}")
    yield Volume(folder)
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("mode", ["spill", "strict"])
async def test_a_disk_that_fills_up_is_said_and_nothing_is_lost_once_there_is_room_again(
    broker: RememberingBroker, volume: Volume, tmp_path: Path, mode: str
) -> None:
    with Listener(broker.port) as listener:
        async with Delivery(broker.port, volume.folder, tmp_path / "events.log", mode=mode) as delivery:
            await delivery.until_connected()
            await delivery.do("put", 10, 1000)
            await broker.remember()
            broker.kill()
            volume.fill()
            await delivery.do("put", 1500, 3000)
            await delivery.until_trouble("disk_full")
            volume.empty()
            await delivery.until_trouble(None)
            # What waited in memory is on disk now, and outlives a kill.
            await delivery.kill()
            await delivery.start()
            broker.start()
            await delivery.until_delivered()
            await heard_all(listener, delivery)
        listener.check_promises()


async def test_with_a_full_disk_from_the_start_events_are_delivered_from_memory(
    broker: RememberingBroker, volume: Volume, tmp_path: Path
) -> None:
    volume.fill()
    with Listener(broker.port) as listener:
        async with Delivery(broker.port, volume.folder, tmp_path / "events.log") as delivery:
            for _ in range(2):
                await delivery.until_trouble("disk_full")
                await delivery.do("put", 100, 1000)
                await delivery.until_delivered()
                await delivery.quit()
                await delivery.start()
            volume.empty()
            await delivery.until_trouble(None)
            await delivery.do("put", 100, 1000)
            await heard_all(listener, delivery)
        listener.check_promises()


@pytest.mark.parametrize("mode", ["spill", "strict"])
async def test_a_read_only_disk_stops_nothing_and_what_lay_there_is_delivered(
    broker: RememberingBroker, volume: Volume, tmp_path: Path, mode: str
) -> None:
    with Listener(broker.port) as listener:
        async with Delivery(broker.port, volume.folder, tmp_path / "events.log", mode=mode) as delivery:
            await delivery.until_connected()
            await broker.remember()
            broker.kill()
            await delivery.do("put", 10, 1000)
            await delivery.quit()
            broker.start()
            volume.remount("ro")
            await delivery.start()
            await delivery.until_trouble("disk_unwritable")
            await delivery.do("put", 100, 1000)
            await delivery.until_delivered()
            volume.remount("rw")
            await delivery.until_trouble(None)
            await delivery.do("put", 100, 1000)
            await delivery.until_delivered()
            await delivery.kill()
            await delivery.start()
            await delivery.do("put", 2, 1000)
            await heard_all(listener, delivery)
        listener.check_promises()
        assert listener.repeats <= 2


async def test_rubbish_in_the_place_of_the_file_is_moved_aside_and_numbers_go_on_above_all_earlier_ones(
    broker: RememberingBroker, tmp_path: Path
) -> None:
    file = tmp_path / "state" / "spool.db"
    with Listener(broker.port) as listener:
        async with Delivery(broker.port, tmp_path / "state", tmp_path / "events.log") as delivery:
            await delivery.do("put", 10, 1000)
            await delivery.until_delivered()
            await delivery.quit()
            file.write_bytes(b"not a database" * 1000)
            await delivery.start()
            await delivery.until_trouble("spool_damaged")
            assert (tmp_path / "state" / "spool.db.damaged").read_bytes().startswith(b"not a database")
            await delivery.do("put", 10, 1000)
            await heard_all(listener, delivery)
            await delivery.kill()
            await delivery.start()
            await delivery.until_trouble(None)
        listener.check_promises()
        gap = next(told for told in listener.camera("porch") if told["type"] == "gap")
        assert gap["from_seq"] == 1
        assert gap["lost"] is None


async def test_a_file_that_is_damaged_while_it_is_used_is_replaced_and_a_gap_tells_of_what_was_in_it(
    broker: RememberingBroker, tmp_path: Path
) -> None:
    file = tmp_path / "state" / "spool.db"
    with Listener(broker.port) as listener:
        async with Delivery(broker.port, tmp_path / "state", tmp_path / "events.log", mode="strict") as delivery:
            await delivery.until_connected()
            await broker.remember()
            broker.kill()
            # More than SQLite has in its cache.
            await delivery.do("put", 8000, 8000)
            await asyncio.sleep(1)
            for part in (file, file.with_name("spool.db-wal")):
                size = part.stat().st_size
                with part.open("r+b") as stream:
                    stream.write(b"rubbish\0" * (size // 8))
            broker.start()
            await delivery.until_trouble("spool_damaged")
            await delivery.do("put", 10, 1000)
            await delivery.until_delivered()
            newest = {key for key, _, _ in delivery.logged()[-10:]}
            await until(lambda: newest <= listener.ids, "the newest arrive")
            await delivery.quit()
        listener.check_promises()
        gaps = [told for told in listener.events if told["type"] == "gap"]
        assert len(gaps) == 2
        heard = len(listener.ids)
        assert heard >= 500
        assert sum(told["lost"] for told in gaps) == 8010 - heard


async def test_a_spool_of_another_version_is_put_aside(broker: RememberingBroker, tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    with contextlib.closing(sqlite3.connect(state / "spool.db")) as database:
        database.execute("PRAGMA user_version=9")
    async with Delivery(broker.port, state, tmp_path / "events.log") as delivery:
        await delivery.until_trouble("spool_damaged")
        assert (state / "spool.db.damaged").exists()
