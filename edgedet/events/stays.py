"""One object and one zone: when it has come, when it has gone, whether it loiters."""

from __future__ import annotations

from enum import Enum, auto

from edgedet.events.ground import Zone

_LEAST_SIGHTINGS = 2


class Step(Enum):
    """What is to be told of a zone."""

    ENTER = auto()
    LEAVE = auto()


class Stay:
    """What is known of one object in one zone. Times are nanoseconds of looking, see `Lives`."""

    __slots__ = ("_passed_ns", "_sightings", "_since_ns", "entered", "visit_ns", "within")

    def __init__(self, now_ns: int) -> None:
        self.entered = False
        """Its coming was told, its going not yet."""
        self.within = False
        """Where it was last seen."""
        self._since_ns = now_ns
        self._passed_ns = now_ns
        self._sightings = 0
        self.visit_ns: int | None = None
        """Since when it is in the area, but for flickers; None: it is not, and nothing is to be decided."""

    def step(
        self, zone: Zone, now_ns: int, *, within: bool | None, told: bool, passed_ns: int | None = None
    ) -> Step | None:
        """Take a frame in which the object is in the area or not; None: it was not seen in it.

        What is not seen stays where it was. A single sighting inside brings nobody in, however long ago it is.
        Before an object is `told` of at all, its time in the area runs, and nothing more. `passed_ns` is when it came
        to the side that it is on now, where that was before it was seen there.
        """
        if within is not None:
            if within is not self.within:
                self.within, self._since_ns, self._sightings = within, now_ns, 0
                self._passed_ns = now_ns if passed_ns is None else passed_ns
            self._sightings += 1
        if not self.within:
            return None if self.visit_ns is None else self._outside(zone, now_ns)
        if self.visit_ns is None:
            self.visit_ns = self._passed_ns
        if self.entered or not told or (within is None and self._sightings < _LEAST_SIGHTINGS):
            return None
        if not self._holds(zone.inertia_ns, now_ns) or now_ns - self.visit_ns < zone.dwell_ns:
            return None
        self.entered = True
        return Step.ENTER

    def _holds(self, inertia_ns: int, now_ns: int) -> bool:
        """Whether it has been on its side for so long.

        From when it passed the edge on, if it was seen on that side twice: once may be a box that is wrong.
        """
        since_ns = self._passed_ns if self._sightings >= _LEAST_SIGHTINGS else self._since_ns
        return now_ns - since_ns >= inertia_ns

    def _outside(self, zone: Zone, now_ns: int) -> Step | None:
        if not self._holds(zone.inertia_ns, now_ns):
            return None
        self.visit_ns = None
        if not self.entered:
            return None
        self.entered = False
        return Step.LEAVE

    def loiters(self, zone: Zone, now_ns: int) -> bool:
        """Whether it is inside, and for longer than is usual here."""
        if zone.loiter_ns is None or not self.entered or self.visit_ns is None:
            return False
        return now_ns - self.visit_ns >= zone.loiter_ns
