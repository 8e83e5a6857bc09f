"""Which of several Edge TPUs each keeper has: the library only knows numbers, and they shift when one is pulled."""

from __future__ import annotations

from collections.abc import Sequence

from edgedet.accelerators.devices import EdgeTpu

ANY = ""
"""The first device of any kind, for a machine where sysfs shows none."""


class Claims:
    """Keepers and the devices that they hold or wait for.

    A device is known by its port where sysfs shows it, else by the name that the library is asked for.
    """

    def __init__(self) -> None:
        self._places: dict[int, str] = {}

    @property
    def alone(self) -> bool:
        """Whether there is only one keeper."""
        return len(self._places) < 2

    def choose(
        self, keeper: int, names: Sequence[str], seen: Sequence[EdgeTpu], *, elsewhere: bool = False
    ) -> str | None:
        """What the keeper is to ask the library for: its own device again if it can, else one that nobody has.

        Args:
            keeper: its number.
            names: the devices that are wanted, as the library numbers them now; none: any.
            seen: those that the kernel sees now.
            elsewhere: another than before, where there is one.

        Returns:
            The name; None: the others have all of them.
        """
        ports = {tpu.name: tpu.port for tpu in seen}
        taken = {place for other, place in self._places.items() if other != keeper}
        own = self._places.get(keeper)
        free = {place: name for name in names or (ANY,) if (place := ports.get(name, name)) not in taken}
        if not free:
            return None
        others = [place for place in free if place != own]
        place = own if own in free and not (elsewhere and others) else others[0]
        self._places[keeper] = place
        return free[place]

    def opened(self, keeper: int, seen: Sequence[EdgeTpu]) -> None:
        """The keeper has its device; one that was asked for as any becomes the one that is seen by now."""
        if self._places.get(keeper) == ANY:
            taken = set(self._places.values())
            self._places[keeper] = next((tpu.port for tpu in seen if tpu.port not in taken), ANY)

    def name_of(self, keeper: int, seen: Sequence[EdgeTpu]) -> str:
        """What the library calls the keeper's device now; empty: it is not seen."""
        place = self._places.get(keeper)
        return next((tpu.name for tpu in seen if tpu.port == place), "")
