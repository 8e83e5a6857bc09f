"""What Home Assistant is told of a configuration, and the taking away of what an earlier one left on the broker."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Protocol

from edgedet.outputs.homeassistant import (
    CameraDescription,
    DeviceDescription,
    ZoneDescription,
    components,
    departed,
    discovery,
    stale_counts,
)
from edgedet.settings import machine_identifier

if TYPE_CHECKING:
    from collections.abc import Collection

    from edgedet.outputs.messages import Publication
    from edgedet.outputs.published import PublishedRecord
    from edgedet.outputs.topics import Topics
    from edgedet.settings import CameraSettings, Settings


class Broker(Protocol):
    """As far as it is needed here: `MqttOutput`."""

    def send(self, message: Publication) -> None:
        """Publish, now or when the broker is there."""

    def forget(self, *topics: str) -> None:
        """Take retained topics away."""

    def repeat_states(self) -> None:
        """Publish every retained message once more."""


class Announcer:
    """Everything retained goes through `send`, so that it can be taken away when its configuration has gone."""

    def __init__(self, broker: Broker, record: PublishedRecord) -> None:
        self._broker = broker
        self._record = record
        self._gone: tuple[str, ...] = ()

    def announce(self, now: DeviceDescription, *, wanted: bool) -> None:
        """At the start and after every change of the configuration. `wanted`: whether Home Assistant is told."""
        self._gone = departed(self._record.topics, now, announced=wanted)
        if wanted:
            self._record.add_components(components(now))
            self.send(discovery(now, self._record.components))
        # After it: an entity that is gone does not hear that its topic is emptied.
        self._broker.forget(*self._gone)

    def begin(self, now: DeviceDescription, *, wanted: bool) -> None:
        """At the start, before anything is published: also clears counts that stand for nothing any more."""
        self._record.load()
        self.announce(now, wanted=wanted)
        stale = stale_counts(self._record.topics, now)
        self._gone += stale
        self._broker.forget(*stale)

    @property
    def is_record_lost(self) -> bool:
        """Whether only the broker knows what an earlier installation has left there."""
        return self._record.is_lost

    def clear_found(self, topics: Collection[str], now: DeviceDescription, *, wanted: bool) -> int:
        """Take away what the broker was found to keep and nobody keeps up; says how many topics that are."""
        own = set(self._record.topics)
        found = [topic for topic in topics if topic not in own]
        gone = dict.fromkeys(departed(found, now, announced=wanted) + stale_counts(found, now))
        # Remembered until the broker has heard of it.
        self._record.add_found(gone)
        self._gone += tuple(gone)
        self._broker.forget(*gone)
        return len(gone)

    def send(self, message: Publication) -> None:
        """Publish, and remember it if it is retained."""
        self._record.note(message)
        self._broker.send(message)

    def repeat(self) -> None:
        """Home Assistant has started: everything once more."""
        self._broker.repeat_states()

    def delivered(self) -> None:
        """The broker has got everything: what was taken away need not be remembered any more."""
        self._record.forget(self._gone)
        self._gone = ()


def device_description(settings: Settings, device: str, topics: Topics) -> DeviceDescription:
    """What discovery says of a configuration."""
    return DeviceDescription(
        device=device,
        identifier=machine_identifier(device),
        version=version("edgedet"),
        topics=topics,
        cameras=tuple(_camera(name, camera) for name, camera in settings.cameras.items()),
        edgetpu="edgetpu" in settings.detector.accelerators,
        prefix=settings.mqtt.homeassistant.prefix,
    )


def _camera(name: str, camera: CameraSettings) -> CameraDescription:
    labels = tuple(camera.detect.objects)
    return CameraDescription(
        name,
        labels,
        tuple(
            ZoneDescription(zone, labels if area.labels is None else area.labels) for zone, area in camera.zones.items()
        ),
        tuple(camera.lines),
        camera.snapshots.enabled,
    )
