"""What a camera worker makes of each picture before anybody is asked to look at it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgedet.workers.gate import Gate
from edgedet.workers.light import Light, looks_like_night
from edgedet.workers.motion import Motion
from edgedet.workers.sight import Sight

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgedet.cameras import Shot


class Observer:
    """Judges the pictures of one source: faults, day or night, motion. What is not asked for costs nothing."""

    def __init__(self, *, live: bool, idle_fps: float | None) -> None:
        """Assign only.

        Args:
            live: whether the source runs by itself. One that does not is looked at in order, and deterministically:
                the daemon has the gate then, since only it knows which answers are still to come.
            idle_fps: frames a second that are wanted while nothing moves; None: motion does not matter.
        """
        self._live = live
        # A clip may well show black, and a picture is still: only what runs by itself can be expected to go on.
        self._sight = Sight() if live else None
        self._light = Light()
        self._motion = Motion() if idle_fps is not None else None
        self._gate = Gate(idle_fps) if idle_fps is not None and live else None
        self.fault: str | None = None
        """What is wrong with the last picture, a health code."""
        self.moving = True
        """See `FrameStamp.moving`."""
        self.night = False
        """See `FrameStamp.night`."""

    def attend(self, *, following: bool) -> None:
        """From now on something is being followed, or nothing is."""
        if self._gate is not None:
            self._gate.attending = following

    def see_unmasked(self, window: NDArray[np.uint8], shot: Shot) -> None:
        """Judge what the camera shows. `window` is the detect view without its letterbox."""
        if self._sight is not None:
            self.fault = self._sight.look(window, shot.captured_ns)
        # Each of several still pictures has its own time of day.
        self.night = (
            looks_like_night(window, otherwise=False)
            if shot.name
            else self._light.is_night(window, self._time_ns(shot))
        )

    def see_masked(self, window: NDArray[np.uint8], shot: Shot) -> None:
        """Judge what may be looked at. `window` as before, with the masks on it."""
        if self._motion is not None and not shot.name:
            following = self._gate is not None and self._gate.attending
            self.moving = self._motion.look(window, self._time_ns(shot), watched=following)

    def wants(self, shot: Shot) -> bool:
        """Whether the picture that was just judged is to be handed over."""
        return self._gate is None or self._gate.opens(shot.captured_ns, moving=self.moving)

    def _time_ns(self, shot: Shot) -> int:
        """A recording is judged by its own time, however fast it is read."""
        return shot.captured_ns if self._live else round(shot.pts_s * 1e9)
