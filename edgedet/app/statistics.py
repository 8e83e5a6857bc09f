"""`stats`: what the parts of the running daemon measure, put together at intervals."""

from __future__ import annotations

import asyncio
import platform
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from importlib import metadata

from edgedet.accelerators.devices import find
from edgedet.app.watch import CameraWatch
from edgedet.clock import Clock
from edgedet.outputs.delivery import DeliveryStatistics
from edgedet.outputs.mqtt import MqttStatistics
from edgedet.service.machine import ProcessMeter, SystemMeter
from edgedet.service.stats import CameraMeter
from edgedet.workers.states import Recovery

_NS_PER_S = 1e9


@dataclass(slots=True)
class _Captured:
    """How many frames a source had given when it was last asked."""

    frames: int
    at_ns: int


class Statistics:
    """Collects the figures of one daemon."""

    def __init__(
        self,
        clock: Clock,
        machine: SystemMeter,
        mqtt: Callable[[], MqttStatistics],
        events: Callable[[], DeliveryStatistics],
        worker_pids: Callable[[], Iterable[int]],
        recovery: Callable[[], Recovery],
    ) -> None:
        self._clock = clock
        self._mqtt = mqtt
        self._events = events
        self._worker_pids = worker_pids
        self._recovery = recovery
        self._process = ProcessMeter()
        self._system = machine
        self._started_ns = clock.stamp().mono_ns
        self._meters: dict[str, CameraMeter] = {}
        self._captured: dict[str, _Captured] = {}
        self._versions = _versions()

    def processed(self, camera: str, inference_ms: float, latency_ms: float) -> None:
        """A frame has been looked at and told about."""
        meter = self._meters.setdefault(camera, CameraMeter())
        meter.processed(self._clock.stamp().mono_ns, inference_ms=inference_ms, latency_ms=latency_ms)

    def undervoltage(self) -> bool | None:
        """Whether the Pi says that its power supply is too weak; None: unknown."""
        return self._system.read().undervoltage

    def body(self, watches: Mapping[str, CameraWatch]) -> dict[str, object]:
        """What the `stats` payload says beyond its head."""
        now_ns = self._clock.stamp().mono_ns
        mqtt, events = self._mqtt(), self._events()
        return {
            "uptime_s": round((now_ns - self._started_ns) / _NS_PER_S, 1),
            "versions": self._versions,
            "cameras": {name: self._camera(name, watch, now_ns) for name, watch in watches.items()},
            "process": self._process.read(now_ns, self._worker_pids()).body(),
            "system": self._system.read().body(),
            "edgetpu": [{"device": tpu.name, "temp_c": tpu.temp_c, "usb_mbps": tpu.usb_mbps} for tpu in find()],
            "detector": asdict(self._recovery()),
            "mqtt": {
                "spooled": events.spooled,
                "dropped": mqtt.dropped + events.dropped,
                "reconnects": mqtt.reconnects,
            },
        }

    def _camera(self, name: str, watch: CameraWatch, now_ns: int) -> dict[str, object]:
        before = self._captured.get(name)
        self._captured[name] = _Captured(watch.captured, now_ns)
        captured_fps = None
        if before is not None and now_ns > before.at_ns:
            captured_fps = (watch.captured - before.frames) * _NS_PER_S / (now_ns - before.at_ns)
        meter = self._meters.setdefault(name, CameraMeter())
        return meter.figures(now_ns, captured_fps=captured_fps, dropped=watch.dropped).body()


async def publish_regularly(interval_s: float, publish: Callable[[], None]) -> None:
    """Call `publish` every `interval_s`, the first time after a tenth of it, for ever."""
    await asyncio.sleep(interval_s / 10)
    while True:
        publish()
        await asyncio.sleep(interval_s)


def _versions() -> dict[str, str | None]:
    versions: dict[str, str | None] = {"python": platform.python_version()}
    for name in ("edgedet", "ai-edge-litert", "tflite-runtime", "numpy", "av"):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = None
    return versions
