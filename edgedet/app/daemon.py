"""The service: cameras in, MQTT out, for ever."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from edgedet.accelerators.devices import find
from edgedet.app import composition
from edgedet.app.answering import answerer, detector_facts, files_of
from edgedet.app.model_check import check_model
from edgedet.app.model_files import ModelFiles
from edgedet.app.overrides import Overrides
from edgedet.app.publishing import CameraPublisher
from edgedet.app.statistics import Statistics, publish_regularly
from edgedet.app.status import StatusBoard
from edgedet.app.watch import CameraWatch
from edgedet.clock import Clock
from edgedet.errors import ConfigError, ModelError, ModelMissing
from edgedet.health import CameraFacts, CameraState, Code, DetectorFacts, Health, Reason
from edgedet.health import DetectorState as Answering
from edgedet.outputs.encoding import encode
from edgedet.outputs.messages import Publication
from edgedet.outputs.mqtt import BrokerStatus, MqttOutput
from edgedet.outputs.topics import Topics
from edgedet.settings import device_name, state_dir
from edgedet.workers.states import DetectorState, Phase, Recovery
from edgedet.workers.supervisor import Answerer

if TYPE_CHECKING:
    from edgedet.app.preference import Files
    from edgedet.outputs.commands import Command
    from edgedet.outputs.pace import Pace
    from edgedet.pipeline import Seen
    from edgedet.settings import Loaded, ModelChoice

_log = logging.getLogger(__name__)

_LOOK_FOR_MODEL_S = 2.0
_TELL_LAST_FRAME_S = 1.0
"""How often the time of a camera's last frame is noted for `health`."""


class Daemon:
    """One configuration at work. `run` it; `stop` ends it cleanly."""

    def __init__(
        self,
        loaded: Loaded,
        *,
        pace: Pace | None = None,
        on_seen: Callable[[str, Seen], None] | None = None,
    ) -> None:
        """Assign only.

        Args:
            loaded: the configuration.
            pace: how patient the MQTT output is; None: as in service.
            on_seen: told of every frame that was looked at, with its camera, while its pixels are still valid.
        """
        self._loaded = loaded
        self._settings = loaded.settings
        self._pace = pace
        self._on_seen = on_seen
        self._clock = Clock()
        self.device = device_name(self._settings)
        self.state_dir: Path = state_dir(self._settings)
        self.topics = Topics(self.device, self._settings.mqtt.topic_prefix)
        self._overrides = Overrides(self.state_dir)
        self._stopping = asyncio.Event()
        self._publishers: dict[str, CameraPublisher] = {}
        self._told_ns: dict[str, int] = {}
        self._files: ModelFiles | None = None
        self.detector: Answerer | None = None
        self.watches: dict[str, CameraWatch] = {}
        connection = composition.broker_connection(self._settings.mqtt, self.device)
        self.mqtt = MqttOutput(
            connection,
            self.topics,
            cameras=tuple(self._settings.cameras),
            on_command=self._on_command,
            on_status=self._on_broker,
            pace=pace,
        )
        self.board = StatusBoard(self._first_facts(), self._clock, self._publish_health, self._publish_state)
        self.statistics = Statistics(
            self._clock,
            self.state_dir,
            self.mqtt.statistics,
            self.worker_pids,
            lambda: self.detector.recovery if self.detector else Recovery(),
        )

    def stop(self) -> None:
        """Ask for a clean end."""
        self._stopping.set()

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
        choice = self._loaded.resolve_model(self.state_dir)
        files = None
        if choice is not None:
            for warning in check_model(self._loaded, choice).warnings:
                _log.warning("%s", warning)
            files = files_of(self._settings.detector, choice)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.mqtt)
            for name in self._settings.cameras:
                self._publish_settings(name)
            async with asyncio.TaskGroup() as tasks:
                work = tasks.create_task(self._work(choice, files), name="work")
                aside = [
                    tasks.create_task(self.board.run(), name="health"),
                    tasks.create_task(
                        publish_regularly(self._settings.mqtt.stats_interval_s, self._publish_stats), name="stats"
                    ),
                ]
                end = tasks.create_task(self._stopping.wait(), name="end")
                await asyncio.wait((work, end), return_when=asyncio.FIRST_COMPLETED)
                for task in (work, end, *aside):
                    task.cancel()

    async def _work(self, choice: ModelChoice | None, files: Files | None) -> None:
        """Detector and cameras, once there is a model."""
        if files is None:
            choice, files = await self._wait_for_model(choice)
        self._files = ModelFiles(choice, files)
        model = files.model
        self.detector = detector = answerer(self._settings.detector, self._files, self._on_detector)
        self._on_detector(detector.state)
        for name, camera in self._settings.cameras.items():
            self.watches[name] = CameraWatch(
                composition.camera_spec(name, camera, model, detector),
                composition.watch_order(camera, self._overrides.of(name), model),
                detector,
                model.labels,
                partial(self.board.camera, name),
                partial(self._on_frame, name),
            )
            self._publishers[name] = CameraPublisher(
                name, self.device, self.topics, self._clock, composition.publish_rules(camera), self.mqtt.send
            )
        async with asyncio.TaskGroup() as tasks:
            keeper = tasks.create_task(detector.run(), name="detector")
            running = [tasks.create_task(watch.run(), name=f"camera-{name}") for name, watch in self.watches.items()]
            await asyncio.wait(running)
            keeper.cancel()

    async def _wait_for_model(self, choice: ModelChoice | None) -> tuple[ModelChoice | None, Files]:
        """Blind, and saying so, until a model comes; it is taken without a restart."""
        refused = ""
        while True:
            reason = refused or _why_missing(choice, self.state_dir, self._settings.detector.accelerators)
            facts = DetectorFacts(Answering.DOWN, "none", None, 0, 0, (Reason("detector", Code.MODEL_MISSING, reason),))
            self.board.detector(facts)
            await asyncio.sleep(_LOOK_FOR_MODEL_S)
            refused = ""
            try:
                choice = self._loaded.resolve_model(self.state_dir)
                files = files_of(self._settings.detector, choice)
                if files is not None:
                    return choice, files
            except ModelMissing:
                continue
            except (ModelError, ConfigError) as error:
                # It may still be on its way: a copy that is not finished is no model yet.
                refused = " ".join(str(error).split())

    def _first_facts(self) -> dict[str, CameraFacts]:
        return {name: CameraFacts(CameraState.STARTING) for name in self._settings.cameras}

    def _on_frame(self, camera: str, seen: Seen) -> None:
        watch = self.watches[camera]
        latency_ms = self._publishers[camera].publish(seen.result, watch.order.filters)
        self.statistics.processed(camera, seen.result.inference.invoke_ms, latency_ms)
        stamp = self._clock.stamp()
        late = stamp.mono_ns - self._told_ns.get(camera, 0) > _TELL_LAST_FRAME_S * 1e9
        if late or not self.board.camera_fact(camera).state.looks:
            self._told_ns[camera] = stamp.mono_ns
            watch.watching(stamp.ts)
        if self._on_seen is not None:
            self._on_seen(camera, seen)

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

    def _on_command(self, command: Command) -> None:
        camera = command.camera
        if camera is None:
            message = self._restart_detector()
            body = {"id": command.id, "ok": message is None, "message": message or "the detector worker is replaced"}
            self.mqtt.send(Publication(self.topics.result(command.verb), json.dumps(body).encode(), qos=1))
            return
        override = self._overrides.of(camera)
        if command.verb == "detect":
            override = replace(override, detect=bool(command.value))
        elif command.verb == "min_score" and command.value is not None:
            override = replace(override, min_score=float(command.value))
        self._overrides.set(camera, override)
        _log.info("%s: %s set to %s by command", camera, command.verb, command.value)
        self._publish_settings(camera)
        if camera in self.watches and self._files is not None:
            order = composition.watch_order(self._settings.cameras[camera], override, self._files.files.model)
            self.watches[camera].change(order)

    def _restart_detector(self) -> str | None:
        """Replace the worker; why not, where there is none."""
        if self.detector is None or self.detector.state.phase is not Phase.UP:
            return "there is no detector worker at the moment"
        self.detector.restart("restart was asked for by command")
        return None

    def _publish_health(self, health: Health) -> None:
        payload = encode(self.device, self._clock.stamp(), health.body())
        self.mqtt.send(Publication(self.topics.health, payload, qos=1, retain=True))

    def _publish_state(self, camera: str, state: CameraState) -> None:
        self.mqtt.send(Publication(self.topics.camera_state(camera), str(state).encode(), qos=1, retain=True))

    def _publish_settings(self, camera: str) -> None:
        """The state topics of what can be set by command."""
        configured, override = self._settings.cameras[camera].detect, self._overrides.of(camera)
        enabled = configured.enabled if override.detect is None else override.detect
        min_score = configured.min_score if override.min_score is None else override.min_score
        for verb, value in (("detect", "ON" if enabled else "OFF"), ("min_score", f"{min_score:g}")):
            self.mqtt.send(Publication(self.topics.setting(camera, verb), value.encode(), qos=1, retain=True))

    def _publish_stats(self) -> None:
        payload = encode(self.device, self._clock.stamp(), self.statistics.body(self.watches))
        self.mqtt.send(Publication(self.topics.stats, payload))


def _why_missing(choice: ModelChoice | None, folder: Path, accelerators: tuple[str, ...]) -> str:
    if choice is None:
        return f"There is no model: name one under detector.model, or put a .tflite file into {folder / 'models'}."
    files = {"cpu": choice.cpu, "edgetpu": choice.edgetpu}
    waited_for = [str(file) for kind in accelerators if (file := files[kind]) is not None]
    if not waited_for:
        return f"The model {choice.name} has no file for {' or '.join(accelerators)}; one beside it is taken."
    return f"{' or '.join(waited_for)} is not there; it is taken as soon as it comes."
