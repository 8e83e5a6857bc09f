"""One camera's snapshots: which view of each object is made a picture, and when that picture goes out.

Pictures are made while the object is there, by the camera's worker; by the time that an event is told, its picture
lies ready, or is a few milliseconds away. Detection never waits for any of it.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from edgedet.app.looks import Look, Looks
from edgedet.app.picture_shelf import PictureShelf, Place
from edgedet.events.best_view import Sighting, is_better, worth
from edgedet.health import Code, Reason
from edgedet.outputs.messages import Publication
from edgedet.outputs.snapshots import SnapshotFiles
from edgedet.outputs.topics import Topics
from edgedet.pipeline import Seen
from edgedet.types import Event, EventKind, Track
from edgedet.workers.frame import Frame
from edgedet.workers.pictures import PictureOrder

_log = logging.getLogger(__name__)

EVERY_NS = 500_000_000
"""A better view is not made more often than this; an object's first picture never waits."""
MAX_A_FRAME = 4
"""Pictures of one frame: those of a crowd come from the next frames."""
HANGS_NS = 10_000_000_000
"""A picture that takes longer will not come; nor will others, until the worker is a fresh one."""
TIDY_EVERY_S = 3600.0
"""How often pictures that have grown too old are looked for, beside every time that one is written."""
RETRY_EVERY_S = 20.0
"""How often a disk that takes no pictures is tried, though there is none to be written."""
ALL = "all"
"""In place of a label: a picture that was asked for is no object's."""


@dataclass(frozen=True, slots=True)
class SnapshotRules:
    """Which pictures a camera makes."""

    boxes: bool = True
    """Whether the object's outline is drawn."""
    crop: bool = False
    """Whether only the object and a margin around it are kept."""


@dataclass(frozen=True, slots=True)
class _Wish:
    look: Look
    value: float
    order: PictureOrder


class SnapshotKeeper:
    """Makes, publishes and keeps the pictures of one camera. All of it on the event loop's thread."""

    def __init__(
        self,
        camera: str,
        rules: SnapshotRules,
        files: SnapshotFiles | None,
        topics: Topics,
        send: Callable[[Publication], None],
        patience_s: float = 1.0,
    ) -> None:
        """Assign only.

        Args:
            camera: its name.
            rules: which pictures are made.
            files: where they are kept; None: only MQTT gets them.
            topics: where they are published.
            send: takes a publication, and never waits.
            patience_s: how long an event waits for its picture at most.
        """
        self._camera = camera
        self._rules = rules
        self._shelf = None if files is None else PictureShelf(files, f"snapshots-{camera}")
        self._topics = topics
        self._send = send
        self._patience_s = patience_s
        self._looks = Looks()
        self._sightings: dict[int, Sighting] = {}
        self._on_topic: dict[str, tuple[str, float | None]] = {}
        self._asked: list[asyncio.Future[bytes | None]] = []
        self._under_way = 0
        self._begun_ns = 0
        self._begun_s = -math.inf
        self._tidied_s = -math.inf
        self._able = True
        self._news = asyncio.Event()

    @property
    def trouble(self) -> Reason | None:
        """Why pictures are not kept on disk at the moment; they are published all the same."""
        text = None if self._shelf is None else self._shelf.files.trouble
        return None if text is None else Reason(self._camera, Code.DISK_FULL, text)

    def offer(
        self, seen: Seen, tracks: Sequence[Track], events: Sequence[Event], id_of: Callable[[int], str | None]
    ) -> None:
        """Look at a frame before it is released: it is made a picture where it shows an object best so far.

        Args:
            seen: the frame and what was found in it.
            tracks: what is there; those without a detection in this frame are not to be seen in it.
            events: what happened in this frame.
            id_of: the life that a track's number stands for, or None where nothing is told of it.
        """
        now_s = asyncio.get_running_loop().time()
        if self._shelf is not None:
            pause_s = TIDY_EVERY_S if self._shelf.files.trouble is None else RETRY_EVERY_S
            if now_s - self._tidied_s >= pause_s:
                self._tidied_s = now_s
                self._shelf.tidy()
        wishes = self._wishes(seen, tracks, id_of)
        told = {event.id for event in events}
        urgent = [look for name in told if (look := self._looks.get(name)) is not None]
        for look in urgent:
            look.told_s = now_s
        # One frame at a time: each holds a slot that the camera draws its next ones into.
        at_ns = seen.result.stamp.captured_ns
        if self._under_way:
            self._able = self._able and at_ns - self._begun_ns < HANGS_NS
            return
        first = any(wish.look.best is None for wish in wishes)
        if not self._asked and not (wishes and (first or at_ns - self._begun_ns >= EVERY_NS)):
            return
        wishes.sort(key=lambda wish: (wish.look.best is not None, wish.look not in urgent, -wish.value))
        self._begun_ns, self._begun_s = at_ns, now_s
        self._make(seen.frame, wishes)

    async def settle(self, event: Event) -> str | None:
        """Wait a moment for the best view of what the event is about, publish and keep it.

        Returns:
            The topic where it is, retained; None: there is no picture.
        """
        loop = asyncio.get_running_loop()
        while (left_s := self._promised_until_s(event) - loop.time()) > 0:
            try:
                async with asyncio.timeout(left_s):
                    await self._news.wait()
            except TimeoutError:
                _log.debug("%s: no picture of %s in time", self._camera, event.id)
        return self.settled(event)

    def settled(self, event: Event) -> str | None:
        """The same without waiting: publish and keep what there is by now."""
        look = self._looks.get(event.id)
        if event.kind is EventKind.END:
            self._looks.forget(event.id)
        if look is None or look.jpeg is None:
            return None
        topic = self._topics.snapshot(self._camera, event.label)
        # Another object of its label may have had the topic meanwhile.
        if self._on_topic.get(topic) != (event.id, look.made):
            self._on_topic[topic] = (event.id, look.made)
            self._send(Publication(topic, look.jpeg, qos=1, retain=True))
        # On disk the first picture and the last: what comes between would only wear a card out.
        late = event.kind is EventKind.END and look.filed != look.made
        if self._shelf is not None and (look.filed is None or late) and self._shelf.put(look.place, look.jpeg):
            look.filed = look.made
        return topic

    async def newest(self) -> bytes | None:
        """The next frame as a whole, without boxes; None where there is none within some seconds."""
        future: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()
        self._asked.append(future)
        try:
            async with asyncio.timeout(5 * self._patience_s):
                return await future
        except TimeoutError:
            return None
        finally:
            if future in self._asked:
                self._asked.remove(future)

    async def take(self) -> str | None:
        """What `cmd/snapshot` does: publish and keep the next frame; the topic, or None where there is no frame."""
        jpeg = await self.newest()
        if jpeg is None:
            return None
        topic = self._topics.snapshot(self._camera, ALL)
        self._send(Publication(topic, jpeg, qos=1, retain=True))
        if self._shelf is not None:
            self._shelf.put(Place(), jpeg)
        return topic

    async def close(self, patience_s: float = 2.0) -> None:
        """Wait until what was told is on disk, but not for a disk that hangs."""
        if self._shelf is not None:
            await self._shelf.close(patience_s)

    def _wishes(self, seen: Seen, tracks: Sequence[Track], id_of: Callable[[int], str | None]) -> list[_Wish]:
        """Which objects this frame shows better than any before."""
        wishes = []
        at_ns = seen.result.stamp.captured_ns
        # By track and not by life: how fast an object is, is known by the time that it is first told of.
        before, self._sightings = self._sightings, {}
        for track in tracks:
            if track.detection is None:
                if track.id in before:
                    self._sightings[track.id] = before[track.id]
                continue
            sighting = self._sightings[track.id] = Sighting(track.score, track.box, at_ns)
            name = id_of(track.id)
            look = None if name is None else self._looks.seen(name, at_ns)
            if look is None:
                continue
            value = worth(sighting, before.get(track.id))
            if is_better(value, look.best):
                plain = not (self._rules.boxes or self._rules.crop)
                box = None if plain else track.box
                wishes.append(_Wish(look, value, PictureOrder(box, self._rules.boxes, self._rules.crop)))
        return wishes

    def _make(self, frame: Frame, wishes: list[_Wish]) -> None:
        by_order: dict[PictureOrder, list[_Wish]] = {}
        asked, self._asked = self._asked, []
        if asked:
            by_order[PictureOrder()] = []
        for wish in wishes:
            if wish.order in by_order or len(by_order) < MAX_A_FRAME:
                by_order.setdefault(wish.order, []).append(wish)
        for order, wanted in by_order.items():
            future = frame.jpeg(order)
            if future is None:
                self._able = frame.full is not None
                self._asked.extend(asked)
                break
            askers = asked if order == PictureOrder() else []
            asked = [] if askers else asked
            self._under_way += 1
            previous = [wish.look.best for wish in wanted]
            for wish in wanted:
                wish.look.best = wish.value
                wish.look.pending += 1
            future.add_done_callback(partial(self._made, wanted, previous, askers))
        self._tell()

    def _made(
        self,
        wishes: list[_Wish],
        previous: list[float | None],
        asked: list[asyncio.Future[bytes | None]],
        future: asyncio.Future[bytes],
    ) -> None:
        """A picture has come, or will not come."""
        self._under_way -= 1
        error = future.exception()
        jpeg = future.result() if error is None else None
        if error is not None:
            _log.debug("%s: no picture: %s", self._camera, error)
        self._able = jpeg is not None
        for wish, before in zip(wishes, previous, strict=True):
            wish.look.pending -= 1
            if jpeg is None:
                wish.look.best = before
            else:
                wish.look.jpeg, wish.look.made = jpeg, wish.value
        for waiting in asked:
            if not waiting.done():
                waiting.set_result(jpeg)
        self._tell()

    def _promised_until_s(self, event: Event) -> float:
        """Until when, on the loop's clock, a picture or a better one may be waited for.

        Counted from when it was asked for, not from when its event's turn has come: a hundred events whose pictures do
        not come are told a second late, and not a hundred seconds.
        """
        look = self._looks.get(event.id)
        if look is None:
            return -math.inf
        if look.pending:
            return self._begun_s + self._patience_s
        if event.kind is EventKind.NEW and look.jpeg is None and self._able:
            return look.told_s + self._patience_s
        return -math.inf

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()
