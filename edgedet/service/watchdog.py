"""Progress of every loop, so that a watchdog is fed by work that is done and not by a timer that still fires.

Each loop has a `Beat`: it calls it whenever it has got on. A loop that has nothing to do because something outside is
not there (a camera, a broker, a detector) rests: that is a state, told by health, and no lack of progress.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from edgedet.service.notify import Notifier


class Beat:
    """One loop's. Call it at each step; within `limit_s` of a step the next one is due, unless the loop rests."""

    def __init__(self, name: str, limit_s: float, now_s: Callable[[], float]) -> None:
        self.name = name
        self.limit_s = limit_s
        self._now_s = now_s
        self._since_s = now_s()
        self._resting = False
        self.count = 0
        """Steps so far."""

    def __call__(self) -> None:
        """The loop has got on; the next step is due within the limit."""
        self.count += 1
        self._since_s = self._now_s()
        self._resting = False

    def rest(self) -> None:
        """Nothing is to be done until the next step, or until `due`."""
        self._resting = True

    def due(self) -> None:
        """There is work from now on; says nothing new where the loop did not rest."""
        if self._resting:
            self._since_s = self._now_s()
            self._resting = False

    @property
    def late_s(self) -> float:
        """How long the next step is overdue; 0.0 or less: it is not."""
        return 0.0 if self._resting else self._now_s() - self._since_s - self.limit_s


class Beats:
    """Those of all loops."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        """`now_s`: a monotonic clock in seconds; tests bring their own."""
        self._now_s = now_s
        self._beats: dict[str, Beat] = {}

    def of(self, name: str, limit_s: float) -> Beat:
        """Return the beat of a loop, made at the first time; a step is due within `limit_s` from then on."""
        beat = self._beats.get(name)
        if beat is None:
            beat = self._beats[name] = Beat(name, limit_s, self._now_s)
        return beat

    def forget(self, name: str) -> None:
        """A loop is over."""
        self._beats.pop(name, None)

    def late(self) -> tuple[str, ...]:
        """Names of the loops that should have got on by now."""
        return tuple(beat.name for beat in self._beats.values() if beat.late_s > 0)


class Attendance:
    """Tells systemd of the start, of the state, and, as long as every loop gets on, that the daemon is alive.

    `look` several times within the watchdog's limit, from the loop that is to be watched.
    """

    def __init__(
        self,
        notifier: Notifier,
        beats: Beats,
        *,
        is_ready: Callable[[], bool],
        status: Callable[[], str],
        on_late: Callable[[tuple[str, ...]], None],
    ) -> None:
        """Assign only.

        Args:
            notifier: who tells systemd.
            beats: the loops whose progress counts.
            is_ready: whether the start is done; asked until it is.
            status: one line on how the daemon is.
            on_late: told of the loops that are late, once each time that others are.
        """
        self._notifier = notifier
        self._beats = beats
        self._is_ready = is_ready
        self._status = status
        self._on_late = on_late
        self._ready = False
        self._late: tuple[str, ...] = ()

    def look(self) -> None:
        """One look: what is due is told."""
        if not self._ready:
            self._ready = self._is_ready()
            if self._ready:
                self._notifier.ready(self._status())
        else:
            self._notifier.status(self._status())
        late = self._beats.late()
        if not late:
            self._notifier.alive()
        elif late != self._late:
            self._on_late(late)
        self._late = late
