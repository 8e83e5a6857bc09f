"""When a camera's pictures are made and told: the keeper alone, with a worker that answers when the test says so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from edgedet.app.looks import MAX_LOOKS
from edgedet.app.snapshots import EVERY_NS, HANGS_NS, MAX_A_FRAME, SnapshotKeeper, SnapshotRules
from edgedet.errors import WorkerError, WorkerLost
from edgedet.health import Code
from edgedet.outputs.messages import Publication
from edgedet.outputs.snapshots import SnapshotFiles, SnapshotLimits
from edgedet.outputs.topics import Topics
from edgedet.pipeline import Seen
from edgedet.types import Box, Event, EventKind, FrameResult, FrameStamp, Inference, Track
from edgedet.workers.frame import Frame
from edgedet.workers.pictures import PictureOrder

TOPIC = "edgedet/pi/porch/snapshot/person"
WITH_BOXES = SnapshotRules()
STEP_NS = EVERY_NS + 1


class Worker:
    """Notes what is asked of it; `answer` makes the oldest picture."""

    def __init__(self) -> None:
        self.orders: list[PictureOrder] = []
        self.waiting: list[asyncio.Future[bytes]] = []
        self.able = True

    def ask(self, order: PictureOrder) -> asyncio.Future[bytes] | None:
        if not self.able:
            return None
        self.orders.append(order)
        self.waiting.append(asyncio.get_running_loop().create_future())
        return self.waiting[-1]

    async def answer(self, jpeg: bytes = b"a picture") -> None:
        self.waiting.pop(0).set_result(jpeg)
        await asyncio.sleep(0)

    async def fail(self, error: Exception) -> None:
        self.waiting.pop(0).set_exception(error)
        await asyncio.sleep(0)


class HeldFrame:
    """As much of a frame as the keeper looks at."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    @property
    def full(self) -> memoryview | None:
        return memoryview(b"pixels") if self._worker.able else None

    def jpeg(self, order: PictureOrder) -> asyncio.Future[bytes] | None:
        return self._worker.ask(order)


class Setting:
    """A keeper, its worker, and what it published."""

    def __init__(self, rules: SnapshotRules = WITH_BOXES, files: SnapshotFiles | None = None) -> None:
        self.worker = Worker()
        self.sent: list[Publication] = []
        self.keeper = SnapshotKeeper("porch", rules, files, Topics("pi"), self.sent.append, patience_s=0.2)
        self.now_ns = 10**12

    def notice(self, tracks: Sequence[Track]) -> None:
        """A frame before anything is told of them: it is known then that they stand."""
        self._offer(tracks, (), lambda _: None)

    def show(self, tracks: Sequence[Track], events: Sequence[Event] = (), after_ns: int = STEP_NS) -> None:
        self.now_ns += after_ns
        self._offer(tracks, events, life_of)

    def _offer(self, tracks: Sequence[Track], events: Sequence[Event], id_of: Callable[[int], str | None]) -> None:
        stamp = FrameStamp(0, self.now_ns, 0.0, 640, 480)
        result = FrameResult(stamp, Inference("cpu", 0, 0, 0), ())
        frame = cast("Frame", HeldFrame(self.worker))
        self.keeper.offer(Seen(frame, result, 0), tracks, events, id_of)


def life_of(track_id: int) -> str | None:
    return f"life-{track_id}" if track_id < 900 else None


def track(side: float = 0.2, number: int = 1, score: float = 0.8, detection: int | None = 0) -> Track:
    box = Box(0.5 - side / 2, 0.5 - side / 2, 0.5 + side / 2, 0.5 + side / 2)
    return Track(number, "person", 0, score, box, True, detection, 0, 0)


def event(kind: EventKind, number: int = 1, label: str = "person") -> Event:
    return Event(f"life-{number}", kind, label, number, 0.8, 0.8, Box(0.4, 0.4, 0.6, 0.6), 0, 0)


async def test_the_picture_is_published_before_its_event_goes_out() -> None:
    at = Setting()
    new = event(EventKind.NEW)
    at.show([track()], [new])
    telling = asyncio.ensure_future(at.keeper.settle(new))
    await asyncio.sleep(0)
    assert not telling.done()
    assert at.sent == []
    await at.worker.answer(b"jpeg")
    assert await telling == TOPIC
    assert at.sent == [Publication(TOPIC, b"jpeg", 1, retain=True)]


async def test_at_the_end_what_is_there_goes_out_without_waiting_for_more(tmp_path: Path) -> None:
    files = SnapshotFiles(tmp_path, "porch", SnapshotLimits())
    at = Setting(files=files)
    at.show([track(0.1)], [event(EventKind.NEW)])
    await at.worker.answer(b"small")
    at.show([track(0.4)])
    assert at.keeper.settled(event(EventKind.END)) == TOPIC
    assert [sent.payload for sent in at.sent] == [b"small"]
    await at.keeper.close()
    assert [path.read_bytes() for path in files.folder.iterdir()] == [b"small"]


async def test_a_better_view_is_published_with_the_next_event_and_only_once() -> None:
    at = Setting()
    at.show([track(0.1)], [event(EventKind.NEW)])
    await at.worker.answer(b"small")
    assert await at.keeper.settle(event(EventKind.NEW)) == TOPIC
    assert await at.keeper.settle(event(EventKind.ZONE_ENTER)) == TOPIC
    at.show([track(0.3)])
    await at.worker.answer(b"large")
    assert await at.keeper.settle(event(EventKind.UPDATE)) == TOPIC
    assert await at.keeper.settle(event(EventKind.END)) == TOPIC
    assert [sent.payload for sent in at.sent] == [b"small", b"large"]


async def test_a_worse_view_takes_no_pictures_place() -> None:
    at = Setting()
    at.notice([track(0.3)])
    at.show([track(0.3)], [event(EventKind.NEW)])
    await at.worker.answer(b"good")
    for side in (0.29, 0.1, 0.31):
        at.show([track(side)])
    assert len(at.worker.orders) == 1


async def test_a_picture_is_told_again_where_another_object_had_its_topic() -> None:
    at = Setting()
    at.show([track(0.2, 1), track(0.3, 2)], [event(EventKind.NEW, 1), event(EventKind.NEW, 2)])
    await at.worker.answer(b"two")
    await at.worker.answer(b"one")
    for number in (1, 2, 1):
        assert await at.keeper.settle(event(EventKind.UPDATE, number)) == TOPIC
    assert [sent.payload for sent in at.sent] == [b"one", b"two", b"one"]


async def test_a_label_that_was_voted_otherwise_gets_the_picture_on_its_own_topic() -> None:
    at = Setting()
    at.show([track()], [event(EventKind.NEW)])
    await at.worker.answer()
    await at.keeper.settle(event(EventKind.NEW))
    assert await at.keeper.settle(event(EventKind.UPDATE, label="traffic light")) == TOPIC.replace(
        "person", "traffic_light"
    )


async def test_a_still_view_takes_the_place_of_a_blurred_one_of_the_same_size() -> None:
    at = Setting()
    for left in (0.0, 0.3, 0.6, 0.6):
        at.show([replace(track(), box=Box(left, 0.4, left + 0.2, 0.6))], after_ns=STEP_NS // 4)
    assert len(at.worker.orders) == 1, "the first sight of it"
    await at.worker.answer(b"blurred")
    at.show([replace(track(), box=Box(0.6, 0.4, 0.8, 0.6))])
    await at.worker.answer(b"still")
    assert await at.keeper.settle(event(EventKind.UPDATE)) == TOPIC
    assert [sent.payload for sent in at.sent] == [b"still"]


async def test_only_one_frame_at_a_time_is_held_for_pictures() -> None:
    at = Setting()
    at.show([track(0.1)])
    at.show([track(0.4)])
    at.show([track(0.4, 2)])
    assert len(at.worker.orders) == 1
    await at.worker.answer()
    at.show([track(0.4), track(0.4, 2)])
    assert len(at.worker.orders) == 2


async def test_ever_better_views_are_made_at_a_measured_pace() -> None:
    at = Setting()
    for step in range(100):
        at.show([track(0.005 * (step + 1))], after_ns=33_000_000)
        while at.worker.waiting:
            await at.worker.answer()
    assert 3 <= len(at.worker.orders) <= 8


async def test_the_first_picture_of_an_object_does_not_wait_for_that_pace() -> None:
    at = Setting()
    at.show([track(0.3, 1)])
    await at.worker.answer()
    at.show([track(0.3, 2)], after_ns=1_000_000)
    assert len(at.worker.orders) == 2


async def test_a_crowd_gets_its_pictures_from_several_frames_those_just_told_first() -> None:
    at = Setting()
    crowd = [track(0.1 + number / 100, number) for number in range(1, 11)]
    at.notice(crowd)
    at.show(crowd, [event(EventKind.NEW, 3)])
    assert len(at.worker.orders) == MAX_A_FRAME
    assert at.worker.orders[0].box == crowd[2].box
    for _ in range(2):
        while at.worker.waiting:
            await at.worker.answer()
        at.show(crowd)
    assert len(at.worker.orders) == 10


async def test_a_whole_picture_without_boxes_serves_every_object_in_it() -> None:
    at = Setting(SnapshotRules(boxes=False, crop=False))
    at.show([track(0.1, number) for number in range(1, 11)])
    assert at.worker.orders == [PictureOrder()]
    await at.worker.answer(b"all of them")
    for number in range(1, 11):
        assert await at.keeper.settle(event(EventKind.NEW, number)) == TOPIC


@pytest.mark.parametrize(("boxes", "crop"), [(True, False), (True, True), (False, True)])
async def test_the_picture_is_made_as_the_rules_say(*, boxes: bool, crop: bool) -> None:
    at = Setting(SnapshotRules(boxes, crop))
    at.show([track()])
    assert at.worker.orders == [PictureOrder(track().box, boxes, crop)]


async def test_what_is_not_told_of_or_not_to_be_seen_gets_no_picture() -> None:
    at = Setting()
    at.show([track(number=900), track(detection=None)])
    assert at.worker.orders == []


async def test_without_a_full_view_no_event_waits() -> None:
    at = Setting()
    at.worker.able = False
    at.show([track()], [event(EventKind.NEW)])
    async with asyncio.timeout(0.1):
        assert await at.keeper.settle(event(EventKind.NEW)) is None
    assert at.sent == []


async def test_an_event_of_what_was_never_shown_does_not_wait() -> None:
    async with asyncio.timeout(0.1):
        assert await Setting().keeper.settle(event(EventKind.NEW)) is None


@pytest.mark.parametrize("error", [WorkerLost("killed"), WorkerError("no encoder")])
async def test_a_picture_that_cannot_be_made_lets_the_event_go_at_once_and_is_tried_again(error: Exception) -> None:
    at = Setting()
    at.show([track()], [event(EventKind.NEW)])
    telling = asyncio.ensure_future(at.keeper.settle(event(EventKind.NEW)))
    await asyncio.sleep(0)
    await at.worker.fail(error)
    async with asyncio.timeout(0.1):
        assert await telling is None
    at.show([track()])
    await at.worker.answer(b"later")
    assert await at.keeper.settle(event(EventKind.UPDATE)) == TOPIC


async def test_a_hundred_events_whose_pictures_do_not_come_wait_together_and_not_in_turn() -> None:
    at = Setting()
    events = [event(EventKind.NEW, number) for number in range(1, MAX_LOOKS + 1)]
    at.show([track(number=number) for number in range(1, MAX_LOOKS + 1)], events)
    begun_s = asyncio.get_running_loop().time()
    assert [await at.keeper.settle(new) for new in events] == [None] * MAX_LOOKS
    assert asyncio.get_running_loop().time() - begun_s < 0.2 * MAX_LOOKS / 3


async def test_a_worker_that_never_answers_costs_the_later_events_no_time() -> None:
    at = Setting()
    at.show([track()], [event(EventKind.NEW)])
    assert await at.keeper.settle(event(EventKind.NEW)) is None
    at.show([track(number=2)], [event(EventKind.NEW, 2)], after_ns=HANGS_NS)
    async with asyncio.timeout(0.1):
        assert await at.keeper.settle(event(EventKind.NEW, 2)) is None


async def test_more_objects_than_are_remembered_neither_push_each_other_out_nor_fail() -> None:
    at = Setting(SnapshotRules(boxes=False))
    at.notice([track(number=number) for number in range(1, MAX_LOOKS + 20)])
    for _ in range(5):
        at.show([track(number=number) for number in range(1, MAX_LOOKS + 20)])
        while at.worker.waiting:
            await at.worker.answer()
    assert len(at.worker.orders) == 1
    assert await at.keeper.settle(event(EventKind.NEW, 1)) == TOPIC
    assert await at.keeper.settle(event(EventKind.NEW, MAX_LOOKS + 1)) is None


async def test_lives_whose_end_was_never_told_make_room() -> None:
    at = Setting()
    for number in range(1, 200):
        at.show([track(number=number)], [event(EventKind.NEW, number)], after_ns=61_000_000_000)
        await at.worker.answer(b"%d" % number)
        assert await at.keeper.settle(event(EventKind.NEW, number)) == TOPIC


async def test_an_object_leaves_one_file_which_is_its_best_view(tmp_path: Path) -> None:
    files = SnapshotFiles(tmp_path, "porch", SnapshotLimits())
    at = Setting(files=files)
    for kind, side in ((EventKind.NEW, 0.1), (EventKind.UPDATE, 0.2), (EventKind.END, 0.4)):
        at.show([track(side)], [event(kind)])
        await at.worker.answer(kind.encode())
        await at.keeper.settle(event(kind))
    await at.keeper.close()
    assert [path.read_bytes() for path in files.folder.iterdir()] == [b"end"]


async def test_what_was_kept_too_long_goes_with_the_first_frame_though_nothing_is_there(tmp_path: Path) -> None:
    files = SnapshotFiles(tmp_path, "porch", SnapshotLimits())
    files.folder.mkdir(parents=True)
    (files.folder / "20200131T120000Z-000001.jpg").touch()
    at = Setting(files=files)
    at.show([])
    await at.keeper.close()
    assert list(files.folder.iterdir()) == []


async def test_a_disk_that_takes_nothing_is_a_reason_and_costs_no_publication(tmp_path: Path) -> None:
    (tmp_path / "snapshots").write_text("in the way")
    at = Setting(files=SnapshotFiles(tmp_path, "porch", SnapshotLimits()))
    assert at.keeper.trouble is None
    at.show([track()], [event(EventKind.NEW)])
    await at.worker.answer()
    assert await at.keeper.settle(event(EventKind.NEW)) == TOPIC
    await at.keeper.close()
    assert at.keeper.trouble is not None
    assert (at.keeper.trouble.component, at.keeper.trouble.code) == ("porch", Code.DISK_FULL)


async def test_the_next_frame_is_given_whole_and_bare_to_whoever_asks() -> None:
    at = Setting()
    asking = [asyncio.ensure_future(at.keeper.newest()) for _ in range(2)]
    await asyncio.sleep(0)
    at.show([])
    assert at.worker.orders == [PictureOrder()]
    await at.worker.answer(b"the scene")
    assert [await asked for asked in asking] == [b"the scene"] * 2


async def test_who_asks_while_a_picture_is_made_gets_the_frame_after_it() -> None:
    at = Setting()
    at.show([track()])
    asking = asyncio.ensure_future(at.keeper.newest())
    await asyncio.sleep(0)
    at.show([])
    await at.worker.answer(b"an object")
    at.show([])
    await at.worker.answer(b"the scene")
    assert await asking == b"the scene"


async def test_asking_a_camera_that_gives_no_frames_ends_without_a_picture() -> None:
    at = Setting()
    assert await at.keeper.newest() is None
    at.show([])
    assert at.worker.orders == [], "nobody waits any more"


async def test_a_picture_that_was_asked_for_is_published_and_kept(tmp_path: Path) -> None:
    files = SnapshotFiles(tmp_path, "porch", SnapshotLimits())
    at = Setting(files=files)
    taking = asyncio.ensure_future(at.keeper.take())
    await asyncio.sleep(0)
    at.show([])
    await at.worker.answer(b"the scene")
    assert await taking == "edgedet/pi/porch/snapshot/all"
    assert at.sent == [Publication("edgedet/pi/porch/snapshot/all", b"the scene", 1, retain=True)]
    await at.keeper.close()
    assert [path.read_bytes() for path in files.folder.iterdir()] == [b"the scene"]
