"""The service: cameras in, MQTT out, for ever."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from edgedet.app import composition
from edgedet.app.announcing import Announcer, device_description
from edgedet.app.attending import Attending, say_event
from edgedet.app.crew import Crew
from edgedet.app.edgetpu_watch import EdgeTpuWatch
from edgedet.app.line_totals import LineTotals
from edgedet.app.machine_watch import MachineWatch
from edgedet.app.model_at_work import ModelAtWork
from edgedet.app.overrides import Overrides
from edgedet.app.reloading import difference
from edgedet.app.remote import Remote
from edgedet.app.reporting import Reporter
from edgedet.app.station import CameraStation, Outlets
from edgedet.app.statistics import Statistics, publish_regularly
from edgedet.app.status import StatusBoard
from edgedet.app.tidying import Tidying
from edgedet.clock import Clock
from edgedet.health import CameraFacts, CameraState, Reason
from edgedet.outputs.delivery import EventDelivery, Trouble
from edgedet.outputs.homeassistant import DeviceDescription, birth_topic
from edgedet.outputs.mqtt import BrokerStatus, MqttOutput
from edgedet.outputs.published import PublishedRecord
from edgedet.outputs.topics import Topics
from edgedet.service.journal import Kind, fields
from edgedet.service.machine import SystemMeter
from edgedet.service.notify import Notifier
from edgedet.settings import device_name, state_dir
from edgedet.types import EndReason, Event

if TYPE_CHECKING:
    from edgedet.app.model import Model
    from edgedet.app.watch import CameraWatch
    from edgedet.outputs.commands import Command
    from edgedet.outputs.pace import Pace
    from edgedet.pipeline import Seen
    from edgedet.settings import CameraSettings, Loaded, Settings
    from edgedet.workers.supervisor import Answerer

_log = logging.getLogger(__name__)

_LOOK_AROUND_S = 5.0


class Daemon:
    """One configuration at work. `run` it; `stop` ends it cleanly."""

    def __init__(
        self,
        loaded: Loaded,
        *,
        pace: Pace | None = None,
        on_seen: Callable[[str, Seen], None] | None = None,
        notifier: Notifier | None = None,
    ) -> None:
        """Assign only.

        Args:
            loaded: the configuration.
            pace: how patient the MQTT output is; None: as in service.
            on_seen: told of every frame that was looked at, with its camera, while its pixels are still valid.
            notifier: tells the service manager how the daemon is; None: nobody is told.
        """
        self._settings = loaded.settings
        self._on_seen = on_seen
        self._clock = Clock()
        self.device = device_name(self._settings)
        self.state_dir: Path = state_dir(self._settings)
        mqtt = self._settings.mqtt
        birth = birth_topic(mqtt.homeassistant.prefix) if mqtt.homeassistant.enabled else None
        self.topics = Topics(self.device, mqtt.topic_prefix, birth=birth)
        self._overrides = Overrides(self.state_dir)
        self._totals = LineTotals(self.state_dir)
        self._stopping = asyncio.Event()
        self._crew: Crew | None = None
        connection = composition.broker_connection(mqtt, self.device)
        self.delivery = EventDelivery(
            self.state_dir,
            self.topics,
            self._clock,
            composition.spool_policy(mqtt.spool),
            cameras=tuple(self._settings.cameras),
            on_change=self._on_delivery,
        )
        self.mqtt = MqttOutput(
            connection,
            self.topics,
            cameras=tuple(self._settings.cameras),
            on_command=self._on_command,
            on_status=self._on_broker,
            pace=pace,
            events=self.delivery,
        )
        self._announcer = Announcer(self.mqtt, PublishedRecord(self.state_dir))
        self._tidying = Tidying(connection, self.topics, self._clear_found)
        self._reporter = Reporter(self.device, self.topics, self._clock, self._announcer.send)
        self._remote = Remote(self, self._reporter, self._overrides)
        facts = {name: CameraFacts(CameraState.STARTING) for name in self._settings.cameras}
        self.board = StatusBoard(facts, self._clock, self._reporter.health, self._on_camera_state)
        # One for both: it remembers what either has seen.
        machine = SystemMeter(self.state_dir)
        self.statistics = Statistics(
            self._clock,
            machine,
            self.mqtt.statistics,
            self.delivery.statistics,
            self.worker_pids,
            lambda: self._model.recovery,
        )
        self._model = ModelAtWork(loaded, self.state_dir, self.board, self.statistics.undervoltage)
        self._machine = MachineWatch(machine, self._clock.mono_ns)
        self._edgetpus = EdgeTpuWatch(self._settings.detector, self._clock.mono_ns)
        self._notifier = notifier or Notifier()
        self._attending = Attending(
            self._notifier,
            lambda: self._settings,
            lambda: self.board.health,
            lambda: self.stations,
            lambda: self.delivery.turns,
        )

    @property
    def watches(self) -> dict[str, CameraWatch]:
        """Of the cameras that are at work, by name."""
        return {name: station.watch for name, station in self.stations.items()}

    @property
    def stations(self) -> Mapping[str, CameraStation]:
        """The cameras that are at work, by name."""
        return {} if self._crew is None else self._crew.stations

    @property
    def detector(self) -> Answerer | None:
        """Who looks at frames; None: there is no model yet."""
        return self._model.answerer

    @property
    def settings(self) -> Settings:
        """What the daemon works by, as far as it was taken."""
        return self._settings

    def announce(self) -> None:
        """Describe this device to Home Assistant once more, and say everything that is retained again."""
        self._announcer.announce(self._described(), wanted=self._is_announced)
        self._announcer.repeat()

    def stop(self) -> None:
        """Ask for a clean end."""
        self._notifier.stopping()
        self._stopping.set()

    async def reload(self, loaded: Loaded) -> None:
        """Work by another configuration from now on, as far as cameras go; what is not theirs needs a restart.

        Cameras that are the same go on undisturbed, and so does the link to the broker.

        Raises:
            ConfigError: its model or its labels are wrong; the daemon goes on as before.
        """
        self._model.check(loaded)
        found = difference(self._settings, loaded.settings)
        for section in found.needs_restart:
            _log.warning("%s has changed: that takes effect when edgedet is started again", section)
        self._settings = self._settings.model_copy(update={"cameras": loaded.settings.cameras})
        self._model.check_labels(self._settings.cameras)
        self.mqtt.take_commands_for(self._settings.cameras)
        for name in found.removed:
            if self._crew is not None:
                await self._crew.remove(name)
            self.board.forget_camera(name)
        self._announcer.announce(self._described(), wanted=self._is_announced)
        for name in (*found.added, *found.changed):
            camera = self._settings.cameras[name]
            self._tell_settings(name, camera)
            if name in found.added:
                self.board.camera(name, CameraFacts(CameraState.STARTING))
        if self._crew is not None:
            for name, camera in found.changed.items():
                await self._crew.change(name, camera)
            for name, camera in found.added.items():
                self._crew.add(name, camera)
        told = (f"{len(found.added)} added", f"{len(found.changed)} changed", f"{len(found.removed)} removed")
        _log.info("The configuration was read again: of the cameras %s", ", ".join(told), extra=fields(Kind.RELOADED))

    def worker_pids(self) -> Iterable[int]:
        """Of the children that live."""
        pids = [watch.worker_pid for watch in self.watches.values()]
        return [pid for pid in (*pids, *self._model.pids) if pid is not None]

    async def run(self) -> None:
        """Work until `stop`, or until every source was finite and has ended.

        Raises:
            ConfigError: the model is no detector or not of its twin's shape, or several could be meant.
        """
        self._overrides.load()
        self._totals.load()
        self._model.look()
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.delivery)
            await stack.enter_async_context(self.mqtt)
            stack.callback(self._totals.save)
            self._announcer.begin(self._described(), wanted=self._is_announced)
            for name, camera in self._settings.cameras.items():
                self._tell_settings(name, camera)
            async with asyncio.TaskGroup() as tasks:
                work = tasks.create_task(self._work(), name="work")
                interval_s = self._settings.mqtt.stats_interval_s
                publish_stats = self._attending.step("stats", interval_s, self._publish_stats)
                look_around = self._attending.step("look-around", _LOOK_AROUND_S, self._look_around)
                aside = [
                    tasks.create_task(self.board.run(self._attending.loop("health")), name="health"),
                    tasks.create_task(publish_regularly(interval_s, publish_stats), name="stats"),
                    tasks.create_task(publish_regularly(_LOOK_AROUND_S, look_around), name="look-around"),
                    tasks.create_task(self._attending.run(), name="attending"),
                    # A daemon that is at work and says nothing for ever is worse than one that is started again.
                    tasks.create_task(self.mqtt.lasts(), name="mqtt-lasts"),
                ]
                if self._announcer.is_record_lost:
                    aside.append(tasks.create_task(self._tidying.run(), name="tidying"))
                end = tasks.create_task(self._stopping.wait(), name="end")
                await asyncio.wait((work, end), return_when=asyncio.FIRST_COMPLETED)
                for task in (work, end, *aside):
                    task.cancel()

    async def _work(self) -> None:
        """Detector and cameras, once there is a model."""
        model, detector = await self._model.ready(lambda: self._settings.cameras)
        async with asyncio.TaskGroup() as tasks:
            self._crew = crew = Crew(tasks, partial(self._station, model, detector), self._overrides)
            keeper = tasks.create_task(detector.run(), name="detector")
            try:
                for name, camera in self._settings.cameras.items():
                    crew.add(name, camera)
                await crew.until_all_ended()
            finally:
                keeper.cancel()
                await crew.end()
                for station in crew:
                    station.end(EndReason.RESTART)

    @property
    def _is_announced(self) -> bool:
        return self._settings.mqtt.homeassistant.enabled

    def _described(self) -> DeviceDescription:
        return device_description(self._settings, self.device, self.topics)

    def _clear_found(self, kept: Collection[str]) -> int:
        return self._announcer.clear_found(kept, self._described(), wanted=self._is_announced)

    def _tell_settings(self, name: str, camera: CameraSettings) -> None:
        self._overrides.tell(name, camera.detect)
        self._reporter.camera_settings(name, camera, self._overrides.of(name))

    def _station(self, model: Model, detector: Answerer, name: str, camera: CameraSettings) -> CameraStation:
        outlets = Outlets(
            device=self.device,
            topics=self.topics,
            clock=self._clock,
            totals=self._totals,
            send=self._announcer.send,
            deliver=self._deliver,
            processed=self._processed,
            fact=self.board.camera,
            seen=self._on_seen,
        )
        keeper = composition.snapshot_keeper(name, camera, self.state_dir, self.topics, self._announcer.send)
        return CameraStation(name, camera, self._overrides.of(name), model, detector, outlets, keeper)

    def _processed(self, camera: str, inference_ms: float, latency_ms: float) -> None:
        self.statistics.processed(camera, inference_ms, latency_ms)
        self._attending.processed(camera)

    def _deliver(self, camera: str, event: Event, snapshot: str | None) -> None:
        say_event(camera, event)
        self.delivery.put(camera, event, snapshot)

    def _look_around(self) -> None:
        """What nobody tells of by itself: that the day has changed, that a disk takes no pictures."""
        stations = self.stations.values()
        if self._totals.roll():
            for station in stations:
                station.day_has_changed()
        if self.mqtt.status.connected and not self.mqtt.statistics().waiting:
            self._announcer.delivered()
        self.board.about("machine", *self._machine.reasons())
        self.board.about("edgetpus", *self._edgetpus.reasons())
        self.board.about("cameras", *(reason for station in stations for reason in station.troubles()))

    def _on_broker(self, status: BrokerStatus) -> None:
        self.board.broker(None if status.code is None else Reason("broker", status.code, status.message))
        if status.code is None:
            _log.info("%s%s", status.message[:1].upper(), status.message[1:], extra=fields(component="broker"))
        if status.connected:
            self._tidying.broker_is_there()

    def _on_delivery(self, trouble: Trouble | None) -> None:
        self.board.about("spool", *(() if trouble is None else (Reason("spool", trouble.code, trouble.message),)))

    def _on_camera_state(self, camera: str, state: CameraState) -> None:
        self._reporter.camera_state(camera, state)
        if camera in self.stations:
            self.stations[camera].in_state(state)

    def _on_command(self, command: Command) -> None:
        self._remote.obey(command)

    def _publish_stats(self) -> None:
        self._reporter.statistics(self.statistics.body(self.watches))
