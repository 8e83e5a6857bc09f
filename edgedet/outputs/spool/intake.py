"""The way of a message into the backlog: it gets its number and its place there, in the order of its coming."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import replace
from typing import TYPE_CHECKING

from edgedet.outputs.events import record_body
from edgedet.outputs.spool.entry import STEP, Entry, Missing, Numbering, Times

if TYPE_CHECKING:
    from collections.abc import Iterable

    from edgedet.clock import Clock
    from edgedet.outputs.spool.backlog import Backlog
    from edgedet.outputs.spool.numbers import Numbers


class Intake:
    """Puts messages into the backlog; those for which no number is reserved yet wait before it."""

    def __init__(self, backlog: Backlog, numbers: Numbers, clock: Clock) -> None:
        self._backlog = backlog
        self._numbers = numbers
        self._clock = clock
        self._unnumbered: deque[Entry] = deque()
        self._place = 0

    def start(self, newest: int) -> None:
        """Go on behind the place that was given last."""
        self._place = newest

    def __len__(self) -> int:
        """Messages that wait for a number."""
        return len(self._unnumbered)

    @property
    def waiting(self) -> Counter[str]:
        """The same, by camera."""
        return Counter(entry.camera for entry in self._unnumbered)

    def take(self, camera: str, body: str, times: Times) -> None:
        """Take a message."""
        self._unnumbered.append(Entry(0, camera, body, times))
        self.number()

    def tell_missing(self, camera: str, missing: Missing) -> None:
        """Take a gap record; its number is the last of those that it tells of."""
        self._add(_gap(camera, missing, self._clock))

    def number(self) -> None:
        """Give numbers, as far as they are reserved."""
        while self._unnumbered and (number := self._numbers.take(self._unnumbered[0].camera)) is not None:
            entry = self._unnumbered.popleft()
            entry.seq = number
            self._add(entry)

    def number_unwritten(self) -> None:
        """Give numbers that the disk does not take: it may come back or not, events go on."""
        while self._unnumbered:
            camera = self._unnumbered[0].camera
            skipped = self._numbers.go_on_unwritten(camera, self.waiting[camera], self.now_ms())
            if skipped is not None:
                self.tell_missing(camera, skipped)
            self.number()

    def leave_behind(self, cameras: Iterable[str]) -> None:
        """Number above all that earlier processes may have given without writing it down."""
        for camera in cameras:
            skipped = self._numbers.go_on_unwritten(camera, 1, self.now_ms())
            if skipped is not None:
                self.tell_missing(camera, replace(skipped, lost=None))

    def numberings(self, reserved: dict[str, int]) -> dict[str, Numbering]:
        """What the disk should know of cameras that are `reserved` up to somewhere."""
        unsettled = self._backlog.unsettled()
        return {
            camera: Numbering(end, unsettled.get(camera, self._numbers.next_of(camera)))
            for camera, end in reserved.items()
        }

    def final_numberings(self, *, in_memory: bool) -> dict[str, Numbering]:
        """What the next process should know after a clean stop; `in_memory`: what waits is lost with this one."""
        lost: Counter[str] = Counter()
        left = self._backlog.unsaved.values() if in_memory else ()
        for entry in left:
            lost[entry.camera] += 1 if entry.missing is None else entry.missing.lost or 0
        unsettled = self._backlog.unsettled() if in_memory else {}
        ends = {camera: self._numbers.next_of(camera) for camera in self._numbers.cameras}
        return {camera: Numbering(end, unsettled.get(camera, end), lost[camera]) for camera, end in ends.items()}

    def now_ms(self) -> int:
        """The wall clock, milliseconds."""
        return (self._clock.mono_ns() + self._clock.offset_ns()) // 1_000_000

    def _add(self, entry: Entry) -> None:
        self._place += STEP
        entry.order = self._place
        self._backlog.add(entry)


def gap_after(entry: Entry, missing: Missing, *, clock: Clock) -> Entry:
    """Return the record that stands in the place of an entry."""
    gap = _gap(entry.camera, missing, clock)
    gap.order = entry.order + 1
    return gap


def _gap(camera: str, missing: Missing, clock: Clock) -> Entry:
    body = record_body(camera, "gap", from_seq=missing.first, to_seq=missing.last, lost=missing.lost)
    return Entry(0, camera, body, Times(clock.boot_id, clock.mono_ns()), missing.last, missing)
