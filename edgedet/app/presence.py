"""What stays on the broker in this device's name: Home Assistant's description of it, and nothing of former cameras."""

from __future__ import annotations

from importlib import metadata
from typing import TYPE_CHECKING

from edgedet.outputs.homeassistant import (
    CameraDescription,
    DeviceDescription,
    ZoneDescription,
    components,
    departed,
    discovery,
)
from edgedet.outputs.messages import Publication
from edgedet.outputs.published import PublishedRecord
from edgedet.settings import machine_identifier

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edgedet.outputs.topics import Topics
    from edgedet.settings import CameraSettings, Settings


class Presence:
    """Knows what was published as retained, in this run and in earlier ones. `load` before use."""

    def __init__(self, device: str, topics: Topics, state_dir: Path, send: Callable[[Publication], None]) -> None:
        self._device = device
        self._topics = topics
        self._send = send
        self._record = PublishedRecord(state_dir)

    def load(self) -> None:
        """Read what earlier runs have left on the broker."""
        self._record.load()

    def send(self, message: Publication) -> None:
        """Hand a message on, and remember it if it stays on the broker."""
        if message.retain:
            self._record.note(message)
        self._send(message)

    def announce(self, settings: Settings) -> None:
        """Describe this device to Home Assistant, and take away what the configuration has no more."""
        described = _described(settings, self._device, self._topics)
        announced = settings.mqtt.homeassistant.enabled
        for topic in departed(self._record.topics, described, announced=announced):
            self.send(Publication(topic, b"", qos=1, retain=True))
        if announced:
            self._record.add_components(components(described))
            self.send(discovery(described, self._record.components))


def _described(settings: Settings, device: str, topics: Topics) -> DeviceDescription:
    return DeviceDescription(
        device=device,
        identifier=machine_identifier(device),
        version=metadata.version("edgedet"),
        topics=topics,
        cameras=tuple(_camera(name, camera) for name, camera in settings.cameras.items()),
        edgetpu="edgetpu" in settings.detector.accelerators,
        prefix=settings.mqtt.homeassistant.prefix,
    )


def _camera(name: str, camera: CameraSettings) -> CameraDescription:
    labels = tuple(camera.detect.objects)
    zones = tuple(
        ZoneDescription(zone, labels if rules.labels is None else tuple(rules.labels))
        for zone, rules in camera.zones.items()
    )
    return CameraDescription(name, labels, zones, tuple(camera.lines), camera.snapshots.enabled)
