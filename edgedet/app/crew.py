"""The cameras that are at work: each a task, which can be added, changed and taken away while the others go on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from edgedet.types import EndReason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from edgedet.app.overrides import Overrides
    from edgedet.app.station import CameraStation
    from edgedet.settings import CameraSettings


class Crew:
    """Use it inside of a task group; an error of one camera that it cannot mend itself ends the group."""

    def __init__(
        self,
        tasks: asyncio.TaskGroup,
        new_station: Callable[[str, CameraSettings], CameraStation],
        overrides: Overrides,
    ) -> None:
        self._tasks = tasks
        self._new_station = new_station
        self._overrides = overrides
        self.stations: dict[str, CameraStation] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._changed = asyncio.Event()
        self._replacing = asyncio.Lock()

    def __iter__(self) -> Iterator[CameraStation]:
        return iter(tuple(self.stations.values()))

    def add(self, name: str, camera: CameraSettings) -> None:
        """Let a camera begin."""
        station = self.stations[name] = self._new_station(name, camera)
        self._running[name] = self._tasks.create_task(station.run(), name=f"camera-{name}")
        self._changed.set()

    async def remove(self, name: str) -> None:
        """End a camera: its worker, and the lives of what it saw."""
        async with self._replacing:
            await self._take_away(name)

    async def change(self, name: str, camera: CameraSettings) -> None:
        """Give a camera other settings; it goes on with the same worker where that can be."""
        station = self.stations[name]
        if station.can_become(camera):
            station.change(camera, self._overrides.of(name))
            return
        async with self._replacing:
            await self._take_away(name)
            self.add(name, camera)

    async def until_all_ended(self) -> None:
        """Wait until every source was finite and has ended."""
        while True:
            self._changed.clear()
            async with self._replacing:
                running = [task for task in self._running.values() if not task.done()]
            if not running:
                return
            changed = asyncio.get_running_loop().create_task(self._changed.wait(), name="crew-changed")
            await asyncio.wait((*running, changed), return_when=asyncio.FIRST_COMPLETED)
            changed.cancel()

    async def end(self) -> None:
        """End every camera."""
        for task in self._running.values():
            task.cancel()
        if self._running:
            await asyncio.wait(self._running.values())

    async def _take_away(self, name: str) -> None:
        task, station = self._running.pop(name), self.stations.pop(name)
        self._changed.set()
        task.cancel()
        await asyncio.wait((task,))
        station.end(EndReason.OFF)
