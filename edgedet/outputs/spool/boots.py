"""What the monotonic times of entries mean on the wall, in this boot and in earlier ones."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from edgedet.outputs.spool.entry import BootClock

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edgedet.clock import Clock, Stamp
    from edgedet.outputs.spool.entry import Times

_STEP_NS = 1_000_000_000
"""A wall clock that is off by more than it is ever slewed between two looks was set."""
_UNKNOWN = BootClock(0, synced=False)


@dataclass(frozen=True, slots=True)
class Reading:
    """An entry's times, read at the moment of its sending."""

    stamp: Stamp
    """Now; not `time_synced` where the clock of the entry's own boot was never set."""
    offset_ns: int
    """Wall minus monotonic in the entry's boot."""
    age_ns: int
    """Since the picture, or since it was handed over where there is none."""
    waited_ns: int
    """Since it was handed over."""


class Boots:
    """Follows the wall clock of this boot, and remembers what those of earlier ones said last.

    Within a boot times are read at each sending, so that a clock that was set meanwhile is right in all that waits.
    An entry of an earlier boot keeps what was known then.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._earlier: dict[str, BootClock] = {}
        self._here = BootClock(0, synced=False)
        self.written = False
        """Whether what `known` says is on disk."""

    def start(self, earlier: Mapping[str, BootClock]) -> None:
        """Take what an earlier process knew."""
        self._earlier = dict(earlier)
        self._here = self._look()
        self.written = False

    @property
    def known(self) -> dict[str, BootClock]:
        """What is worth remembering."""
        return {**self._earlier, self._clock.boot_id: self._here}

    def step_ns(self) -> int:
        """Look at the clock; by how much somebody has set it since the last look, 0 where nobody has."""
        before, self._here = self._here, self._look()
        moved_ns = self._here.offset_ns - before.offset_ns
        stepped = abs(moved_ns) >= _STEP_NS
        self.written = self.written and not stepped and self._here.synced == before.synced
        return moved_ns if stepped else 0

    def read(self, times: Times) -> Reading:
        """Read an entry's times now."""
        stamp, offset_ns = self._clock.stamp(), self._clock.offset_ns()
        since_ns = times.put_ns if times.captured_ns is None else times.captured_ns
        if times.boot_id == stamp.boot_id:
            return Reading(stamp, offset_ns, stamp.mono_ns - since_ns, stamp.mono_ns - times.put_ns)
        there = self._earlier.get(times.boot_id, _UNKNOWN)
        # It is older than this boot, whatever the clocks say.
        age_ns = max(stamp.mono_ns, stamp.mono_ns + offset_ns - since_ns - there.offset_ns)
        synced = stamp.time_synced and there.synced
        return Reading(replace(stamp, time_synced=synced), there.offset_ns, age_ns, age_ns)

    def kept_ns(self, times: Times) -> int:
        """How long an entry has been kept; 0 where a clock that nobody has set makes that unknowable."""
        now_ns = self._clock.mono_ns()
        if times.boot_id == self._clock.boot_id:
            return now_ns - times.put_ns
        there = self._earlier.get(times.boot_id, _UNKNOWN)
        if not (self._here.synced and there.synced):
            return 0
        return now_ns + self._here.offset_ns - times.put_ns - there.offset_ns

    def _look(self) -> BootClock:
        return BootClock(self._clock.offset_ns(), self._clock.stamp().time_synced)
