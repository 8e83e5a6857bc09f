"""The service: cameras in, MQTT out, for ever."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from edgedet.accelerators.devices import find
from edgedet.app import composition
from edgedet.app.announcing import Announcer, device_description
from edgedet.app.answering import answerer, detector_facts, files_of
from edgedet.app.asked_labels import lacking
from edgedet.app.attending import Attending, say_event
from edgedet.app.awaiting import wait_for_model
from edgedet.app.crew import Crew
from edgedet.app.line_totals import LineTotals
from edgedet.app.machine_watch import MachineWatch
from edgedet.app.model_check import check_model
from edgedet.app.model_files import ModelFiles
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
from edgedet.workers.states import DetectorState, Recovery
from edgedet.workers.supervisor import Answerer

if TYPE_CHECKING:
    from edgedet.app.preference import Files
    from edgedet.app.watch import CameraWatch
    from edgedet.outputs.commands import Command
    from edgedet.outputs.pace import Pace
    from edgedet.pipeline import Seen
    from edgedet.settings import CameraSettings, Loaded, ModelChoice, Settings

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
        self._loaded = loaded
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
        self._files: ModelFiles | None = None
        self.detector: Answerer | None = None
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
        self.statistics = Statistics(
            self._clock,
            self.state_dir,
            self.mqtt.statistics,
            self.delivery.statistics,
            self.worker_pids,
            lambda: self.detector.recovery if self.detector else Recovery(),
        )
        self._machine = MachineWatch(SystemMeter(self.state_dir), self._clock.mono_ns)
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
        choice = loaded.resolve_model(self.state_dir)
        if choice is not None:
            check_model(loaded, choice)
        found = difference(self._settings, loaded.settings)
        for section in found.needs_restart:
            _log.warning("%s has changed: that takes effect when edgedet is started again", section)
        self._settings = self._settings.model_copy(update={"cameras": loaded.settings.cameras})
        self._check_labels()
        self.mqtt.take_commands_for(self._settings.cameras)
        for name in found.removed:
            if self._crew is not None:
                await self._crew.remove(name)
            self.board.forget_camera(name)
        self._announcer.announce(self._described(), wanted=self._is_announced)
        for name in (*found.added, *found.changed):
            camera = self._settings.cameras[name]
            self._reporter.camera_settings(name, camera, self._overrides.of(name))
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
        detectors = self.detector.pids if self.detector else ()
        return [pid for pid in (*pids, *detectors) if pid is not None]

    async def run(self) -> None:
        """Work until `stop`, or until every source was finite and has ended.

        Raises:
            ConfigError: the model is no detector or not of its twin's shape, or several could be meant.
        """
        self._overrides.load()
        self._totals.load()
        choice = self._loaded.resolve_model(self.state_dir)
        files = None
        if choice is not None:
            for warning in check_model(self._loaded, choice).warnings:
                _log.warning("%s", warning)
            files = files_of(self._settings.detector, choice)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.delivery)
            await stack.enter_async_context(self.mqtt)
            stack.callback(self._totals.save)
            self._announcer.begin(self._described(), wanted=self._is_announced)
            for name, camera in self._settings.cameras.items():
                self._reporter.camera_settings(name, camera, self._overrides.of(name))
            async with asyncio.TaskGroup() as tasks:
                work = tasks.create_task(self._work(choice, files), name="work")
                interval_s = self._settings.mqtt.stats_interval_s
                publish_stats = self._attending.step("stats", interval_s, self._publish_stats)
                look_around = self._attending.step("look-around", _LOOK_AROUND_S, self._look_around)
                aside = [
                    tasks.create_task(self.board.run(self._attending.loop("health")), name="health"),
                    tasks.create_task(publish_regularly(interval_s, publish_stats), name="stats"),
                    tasks.create_task(publish_regularly(_LOOK_AROUND_S, look_around), name="look-around"),
                    tasks.create_task(self._attending.run(), name="attending"),
                ]
                if self._announcer.is_record_lost:
                    aside.append(tasks.create_task(self._tidying.run(), name="tidying"))
                end = tasks.create_task(self._stopping.wait(), name="end")
                await asyncio.wait((work, end), return_when=asyncio.FIRST_COMPLETED)
                for task in (work, end, *aside):
                    task.cancel()

    async def _work(self, choice: ModelChoice | None, files: Files | None) -> None:
        """Detector and cameras, once there is a model."""
        if files is None:
            choice, files = await wait_for_model(self._loaded, self.state_dir, choice, self.board.detector)
        self._files = ModelFiles(choice, files)
        self._check_labels()
        self.detector = detector = answerer(self._settings.detector, self._files, self._on_detector)
        self._on_detector(detector.state)
        async with asyncio.TaskGroup() as tasks:
            self._crew = crew = Crew(tasks, self._station, self._overrides)
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

    def _station(self, name: str, camera: CameraSettings) -> CameraStation:
        if self.detector is None or self._files is None:
            raise RuntimeError("a camera begins once there is a detector")
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
        override, model = self._overrides.of(name), self._files.files.model
        return CameraStation(name, camera, override, model, self.detector, outlets, keeper)

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
        self.board.about("cameras", *(reason for station in stations for reason in station.troubles()))

    def _check_labels(self) -> None:
        """Say what is asked for that the model at work does not have: it may have come after the configuration."""
        if self._files is not None:
            model = self._files.files.model
            self.board.asked_in_vain(lacking(self._settings.cameras, model.labels, model.path.name))

    def _on_detector(self, state: DetectorState) -> None:
        if self._files is None:
            return
        wanted = "edgetpu" in self._settings.detector.accelerators
        facts = detector_facts(
            state,
            self._files.files,
            edgetpu_wanted=wanted,
            seen=find() if wanted else (),
            undervoltage=self.statistics.undervoltage() if state.doubt else None,
        )
        self.board.detector(facts)

    def _on_broker(self, status: BrokerStatus) -> None:
        self.board.broker(None if status.code is None else Reason("broker", status.code, status.message))
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
