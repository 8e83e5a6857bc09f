"""What commands over MQTT do. None of them takes a path, a URL, a program or a configuration."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from edgedet.errors import UsageError
from edgedet.outputs.commands import Command
from edgedet.service.journal import fields
from edgedet.workers.states import Phase

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from edgedet.app.daemon import Daemon
    from edgedet.app.overrides import Overrides
    from edgedet.app.reporting import Reporter

_log = logging.getLogger(__name__)


class Remote:
    """Does to the daemon what a valid command asks for, and answers."""

    def __init__(self, daemon: Daemon, reporter: Reporter, overrides: Overrides) -> None:
        self._daemon = daemon
        self._reporter = reporter
        self._overrides = overrides
        self._errands: set[asyncio.Task[None]] = set()

    def obey(self, command: Command) -> None:
        """Never waits: what takes a while is answered later."""
        match command:
            case Command(verb="announce"):
                self._daemon.announce()
            case Command(verb="restart_detector"):
                problem = self._restart_detector()
                self._reporter.answer(command, problem or "the detector worker is replaced", ok=problem is None)
            case Command(verb="snapshot", camera=str(camera)):
                self._in_background(self._take_snapshot(command, camera), f"snapshot-{camera}")
            case Command(camera=str(camera)):
                self._set(camera, command)

    def _set(self, camera: str, command: Command) -> None:
        override = self._overrides.of(camera)
        if command.verb == "detect":
            override = replace(override, detect=bool(command.value))
        elif command.verb == "min_score" and command.value is not None:
            override = replace(override, min_score=float(command.value))
        self._overrides.set(camera, override)
        about = fields(camera=camera, component=camera)
        _log.info("%s: %s set to %s by command", camera, command.verb, command.value, extra=about)
        self._reporter.camera_settings(camera, self._daemon.settings.cameras[camera], override)
        station = self._daemon.stations.get(camera)
        if station is not None:
            station.order(override)

    def _restart_detector(self) -> str | None:
        """Replace the worker; why not, where there is none."""
        detector = self._daemon.detector
        if detector is None or detector.state.phase is not Phase.UP:
            return "there is no detector worker at the moment"
        detector.restart("restart was asked for by command")
        return None

    async def _take_snapshot(self, command: Command, camera: str) -> None:
        station = self._daemon.stations.get(camera)
        try:
            topic = None if station is None else await station.snapshot()
        except UsageError as error:
            self._reporter.answer(command, f"{error.message}. {error.hint}", ok=False)
        else:
            self._reporter.answer(command, topic or f"{camera} gives no picture at the moment", ok=topic is not None)

    def _in_background(self, work: Coroutine[object, object, None], name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)
