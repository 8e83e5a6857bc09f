"""One camera's snapshots: which view of each object is made a picture, and when that picture goes out.

Pictures are made while the object is there, by the camera's worker; by the time that an event is told, its picture
lies ready, or is a few milliseconds away. Detection never waits for any of it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from edgedet.errors import EdgedetError, WorkerLost
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
MAX_LIVES = 32
"""Objects whose picture is held in memory, some 0.2 MB each; beyond it those that come later go without."""
FORGET_NS = 60_000_000_000
"""An object that was not seen for so long makes room for another, whether its end was told or not."""
HANGS_NS = 10_000_000_000
"""A picture that takes longer will not come; nor will others, until the worker is a fresh one."""
MAX_BACKLOG = 8
"""Pictures that wait for a slow disk; beyond it they are not kept."""
ALL = "all"
"""In place of a label, of a picture that was asked for: no object's."""


@dataclass(frozen=True, slots=True)
class SnapshotRules:
    """Which pictures a camera makes."""

    boxes: bool = True
    """Whether the object's outline is drawn."""
    crop: bool = False
    """Whether only the object and a margin around it are kept."""


@dataclass(slots=True)
class _Life:
    """What is known of the looks of one object."""

    last: Sighting | None = None
    best: float | None = None
    """Worth of the view that was made or is being made."""
    jpeg: bytes | None = None
    made: float | None = None
    """Worth of `jpeg`."""
    pending: int = 0
    file: str | None = None
    filed: float | None = None


@dataclass(frozen=True, slots=True)
class _Wish:
    life: _Life
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
        self._files = files
        self._topics = topics
        self._send = send
        self._patience_s = patience_s
        self._lives: dict[str, _Life] = {}
        self._on_topic: dict[str, tuple[str, float | None]] = {}
        self._asked: list[asyncio.Future[bytes | None]] = []
        self._under_way = 0
        self._begun_ns = 0
        self._able = True
        self._news = asyncio.Event()
        self._backlog: deque[_Life] = deque()
        self._writing: asyncio.Task[None] | None = None

    @property
    def trouble(self) -> Reason | None:
        """Why pictures are not kept on disk at the moment; they are published all the same."""
        text = None if self._files is None else self._files.trouble
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
        wishes = self._wishes(seen, tracks, id_of)
        # One frame at a time: each holds a slot that the camera draws its next ones into.
        at_ns = seen.result.stamp.captured_ns
        if self._under_way:
            self._able = self._able and at_ns - self._begun_ns < HANGS_NS
            return
        first = any(wish.life.best is None for wish in wishes)
        if not self._asked and not (wishes and (first or at_ns - self._begun_ns >= EVERY_NS)):
            return
        told = {event.id for event in events}
        urgent = {id(life) for name, life in self._lives.items() if name in told}
        wishes.sort(key=lambda wish: (wish.life.best is not None, id(wish.life) not in urgent, -wish.value))
        self._begun_ns = at_ns
        self._make(seen.frame, wishes)

    async def settle(self, event: Event) -> str | None:
        """Wait a moment for the best view of an event's life, publish and keep it.

        Returns:
            The topic where it is, retained; None: there is no picture.
        """
        try:
            async with asyncio.timeout(self._patience_s):
                while self._comes(event):
                    await self._news.wait()
        except TimeoutError:
            _log.debug("%s: no picture of %s in time", self._camera, event.id)
        life = self._lives.get(event.id)
        if event.kind is EventKind.END:
            self._lives.pop(event.id, None)
        if life is None or life.jpeg is None:
            return None
        topic = self._topics.snapshot(self._camera, event.label)
        # Another object of its label may have had the topic meanwhile.
        if self._on_topic.get(topic) != (event.id, life.made):
            self._on_topic[topic] = (event.id, life.made)
            self._send(Publication(topic, life.jpeg, qos=1, retain=True))
        # On disk the first picture and the last: what comes between would only wear a card out.
        if life.filed is None or (event.kind is EventKind.END and life.filed != life.made):
            self._keep(life)
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
        self._keep(_Life(jpeg=jpeg, made=1.0))
        return topic

    async def close(self, patience_s: float = 2.0) -> None:
        """Wait until what was told is on disk, but not for a disk that hangs."""
        if self._writing is not None:
            await asyncio.wait((self._writing,), timeout=patience_s)

    def _wishes(self, seen: Seen, tracks: Sequence[Track], id_of: Callable[[int], str | None]) -> list[_Wish]:
        """Which objects this frame shows better than any before."""
        wishes = []
        for track in tracks:
            name = None if track.detection is None else id_of(track.id)
            if name is None:
                continue
            at_ns = seen.result.stamp.captured_ns
            life = self._life_of(name, at_ns)
            if life is None:
                continue
            sighting = Sighting(track.score, track.box, at_ns)
            value = worth(sighting, life.last)
            life.last = sighting
            if is_better(value, life.best):
                plain = not (self._rules.boxes or self._rules.crop)
                box = None if plain else track.box
                wishes.append(_Wish(life, value, PictureOrder(box, self._rules.boxes, self._rules.crop)))
        return wishes

    def _life_of(self, name: str, at_ns: int) -> _Life | None:
        """What is known of an object, the one seen last at the end; None for one too many."""
        life = self._lives.pop(name, None)
        if life is None:
            life = _Life()
            if len(self._lives) >= MAX_LIVES:
                longest, other = next(iter(self._lives.items()))
                if other.last is not None and at_ns - other.last.at_ns < FORGET_NS:
                    return None
                del self._lives[longest]
        self._lives[name] = life
        return life

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
            previous = [wish.life.best for wish in wanted]
            for wish in wanted:
                wish.life.best = wish.value
                wish.life.pending += 1
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
        jpeg = None
        try:
            jpeg = future.result()
        except WorkerLost:
            _log.debug("%s: the worker went before a picture was made", self._camera)
        except (EdgedetError, asyncio.CancelledError) as error:
            _log.debug("%s: %s", self._camera, error)
        self._able = jpeg is not None
        for wish, before in zip(wishes, previous, strict=True):
            wish.life.pending -= 1
            if jpeg is None:
                wish.life.best = before
            else:
                wish.life.jpeg, wish.life.made = jpeg, wish.value
        for waiting in asked:
            if not waiting.done():
                waiting.set_result(jpeg)
        self._tell()

    def _comes(self, event: Event) -> bool:
        """Whether there may be a picture, or a better one, in a moment."""
        life = self._lives.get(event.id)
        if life is not None and life.pending:
            return True
        return event.kind is EventKind.NEW and self._able and (life is None or life.jpeg is None)

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    def _keep(self, life: _Life) -> None:
        """Have a picture written; a disk that is too slow loses it, and nothing else."""
        if self._files is None or len(self._backlog) >= MAX_BACKLOG:
            return
        life.filed = life.made
        self._backlog.append(life)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.get_running_loop().create_task(
                self._write(self._files), name=f"snapshots-{self._camera}"
            )

    async def _write(self, files: SnapshotFiles) -> None:
        while self._backlog:
            life = self._backlog.popleft()
            if life.jpeg is not None:
                life.file = await asyncio.to_thread(files.write, life.jpeg, life.file)
