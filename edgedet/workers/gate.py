"""Which pictures are worth the detector's time: all while something moves or is followed, few otherwise."""

from __future__ import annotations

HOLD_S = 3.0
"""So long after the last motion, every picture is still looked at: who stops for a moment is not gone."""
_LEEWAY = 0.1
"""Share of the idle interval by which a picture may be early, so that a camera's own rate does not stretch it."""


class Gate:
    """Open or nearly shut, for one camera. Without numpy: both the camera worker and the daemon have one."""

    def __init__(self, idle_fps: float, hold_s: float = HOLD_S) -> None:
        """Assign only.

        Args:
            idle_fps: frames a second that pass while nothing moves, above 0.
            hold_s: how long it stays open after motion, seconds.
        """
        self._idle_ns = (1.0 - _LEEWAY) * 1e9 / idle_fps
        self._hold_ns = hold_s * 1e9
        self._moved_ns: int | None = None
        self._passed_ns: int | None = None
        self.attending = False
        """Whether something is being followed: then everything passes."""

    def opens(self, now_ns: int, *, moving: bool) -> bool:
        """Whether this picture is looked at.

        Args:
            now_ns: when it was taken, on any clock that is always the same one.
            moving: whether something moves in it.
        """
        if moving:
            self._moved_ns = now_ns
        if self.attending or self._lately(self._moved_ns, now_ns, self._hold_ns):
            self._passed_ns = now_ns
            return True
        if self._lately(self._passed_ns, now_ns, self._idle_ns):
            return False
        self._passed_ns = now_ns
        return True

    @staticmethod
    def _lately(then_ns: int | None, now_ns: int, within_ns: float) -> bool:
        # A clock that has jumped back says nothing about how long ago it was.
        return then_ns is not None and 0 <= now_ns - then_ns < within_ns
