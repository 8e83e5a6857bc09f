"""`seq` of each camera: counts up, survives a kill, is never given twice. Pure.

Numbers are reserved on disk in blocks before they are used, so that an SD card is not written for each event. After a
kill counting goes on behind the block; what of it may never have been used a `gap` record tells. A clean stop gives the
rest of the block back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgedet.outputs.spool.entry import Missing, Numbering

if TYPE_CHECKING:
    from collections.abc import Mapping

AHEAD = 1000
"""Numbers in a block: a write for each half of it, and a jump of at most so many after a kill."""


@dataclass(slots=True)
class _Camera:
    next: int
    reserved: int
    """Below: numbers that may be given."""
    written: bool = False
    """Whether that is on disk."""


class Numbers:
    """Gives each camera its numbers."""

    def __init__(self, ahead: int = AHEAD) -> None:
        self._ahead = ahead
        self._cameras: dict[str, _Camera] = {}
        self._first = 1

    def start_at(self, first: int) -> None:
        """Cameras that nothing is known of begin here: what was given before is not known any more."""
        self._first = first

    def continue_from(self, camera: str, found: Numbering) -> Missing | None:
        """Go on behind what an earlier process reserved; what of it will not come."""
        self._cameras[camera] = _Camera(found.reserved, found.reserved, written=True)
        if found.settled >= found.reserved:
            return None
        return Missing(found.settled, found.reserved - 1, found.lost)

    @property
    def cameras(self) -> tuple[str, ...]:
        """Those that have numbers."""
        return tuple(self._cameras)

    def next_of(self, camera: str) -> int:
        """The number that comes next."""
        return self._of(camera).next

    def take(self, camera: str) -> int | None:
        """Return the next number; None: a block has to be reserved first."""
        numbers = self._of(camera)
        if numbers.next >= numbers.reserved:
            return None
        numbers.next += 1
        return numbers.next - 1

    def wanted(self, waiting: Mapping[str, int]) -> dict[str, int]:
        """Return up to where each camera has to be reserved, where it has to be; `waiting` have no number yet."""
        wanted = {}
        for camera in [*self._cameras, *(name for name in waiting if name not in self._cameras)]:
            numbers, more = self._of(camera), waiting.get(camera, 0)
            if not numbers.written or numbers.next + more + self._ahead // 2 > numbers.reserved:
                wanted[camera] = max(numbers.reserved, numbers.next + more + self._ahead)
        return wanted

    def granted(self, camera: str, reserved: int) -> None:
        """Note that a block is on disk."""
        numbers = self._of(camera)
        numbers.reserved = max(numbers.reserved, reserved)
        numbers.written = True

    def go_on_unwritten(self, camera: str, waiting: int, now_ms: int) -> Missing | None:
        """Give out numbers that the disk does not take; those that are left out on the way, if any.

        The time in milliseconds is above every number that another run of the same kind has given: a consumer that
        drops repeats must not drop a new event. Only a clock that was set back could repeat one.
        """
        numbers = self._of(camera)
        if numbers.next + waiting <= numbers.reserved:
            return None
        before = numbers.next
        numbers.next = max(numbers.next + 1, now_ms)
        numbers.reserved = numbers.next + max(self._ahead, waiting)
        numbers.written = False
        return Missing(before, numbers.next - 1, 0)

    def forget_reserved(self) -> None:
        """The file is gone: every block has to be reserved again before more numbers are given."""
        for numbers in self._cameras.values():
            numbers.reserved = numbers.next
            numbers.written = False

    def _of(self, camera: str) -> _Camera:
        return self._cameras.setdefault(camera, _Camera(self._first, self._first))
