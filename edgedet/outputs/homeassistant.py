"""Home Assistant's MQTT discovery: the one retained message that makes a device with all its entities. Pure.

`discovery` says what there is. What an entity reads are the ordinary topics of the contract, so that whoever listens
to them by hand sees the same. Its form: https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload

What was published once outlives its configuration, in the broker and in Home Assistant: `departed` names the retained
topics that have to go, and a component that is gone stays in the message as an empty one, which is what makes Home
Assistant remove the entity, whenever it reads it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgedet.outputs.homeassistant_entities import camera_components, device_components
from edgedet.outputs.messages import Publication
from edgedet.outputs.topics import topic_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from edgedet.outputs.topics import Topics


@dataclass(frozen=True, slots=True)
class ZoneDescription:
    """A zone, and for which labels it has entities."""

    name: str
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CameraDescription:
    """A camera, as far as it has entities."""

    name: str
    labels: tuple[str, ...]
    """Those of `detect.objects`."""
    zones: tuple[ZoneDescription, ...] = ()
    lines: tuple[str, ...] = ()
    snapshots: bool = False


@dataclass(frozen=True, slots=True)
class DeviceDescription:
    """Everything that discovery says of one device."""

    device: str
    identifier: str
    """See `edgedet.settings.machine_identifier`: the same for ever on one machine, and no secret."""
    version: str
    topics: Topics
    cameras: tuple[CameraDescription, ...]
    edgetpu: bool = False
    """Whether an Edge TPU is among the accelerators."""
    prefix: str = "homeassistant"
    """Home Assistant's discovery prefix."""


def birth_topic(prefix: str = "homeassistant") -> str:
    """Where Home Assistant says `online` after its start: the discovery is published again then."""
    return f"{prefix}/status"


def discovery_topic(description: DeviceDescription) -> str:
    """Where the discovery is retained."""
    return f"{description.prefix}/device/edgedet_{description.device}/config"


def components(description: DeviceDescription) -> dict[str, dict[str, Any]]:
    """Every entity and trigger, by an id that is its own for ever; each names its `platform`."""
    found = device_components(description.topics, edgetpu=description.edgetpu)
    for camera in description.cameras:
        found |= camera_components(description.topics, camera)
    for name, component in found.items():
        # Home Assistant documents `qos` of the whole device and subscribes with 0 all the same (2025.4).
        component["qos"] = 1
        # A trigger is no entity: Home Assistant knows it by what it is.
        if component["platform"] != "device_automation":
            component["unique_id"] = f"{description.identifier}_{name}"
    return found


def discovery(description: DeviceDescription, gone: Mapping[str, str] | None = None) -> Publication:
    """The retained message.

    `gone` are components of earlier configurations (id and platform) that are to be removed; those that are there
    again are left alone. It is remembered for good (see `PublishedRecord`): Home Assistant may have been off.
    """
    now = components(description)
    removed = {name: {"platform": platform} for name, platform in (gone or {}).items() if name not in now}
    body = {
        "device": {
            "identifiers": [description.identifier],
            "name": description.device,
            "manufacturer": "edgedet",
            "model": "Object detection",
            "sw_version": description.version,
        },
        "origin": {"name": "edgedet", "sw_version": description.version},
        "availability": [{"topic": description.topics.availability}],
        "components": {**now, **removed},
    }
    payload = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
    return Publication(discovery_topic(description), payload, qos=1, retain=True)


def departed(before: Iterable[str], now: DeviceDescription, *, announced: bool = True) -> tuple[str, ...]:
    """Which of the retained topics `before` nobody keeps up any more, in their order.

    Those of a camera, a zone or a line that the configuration no longer has, those of snapshots that are off, and
    everything under another name or prefix of the device. `announced`: whether discovery is on; if it is not, its
    topic is among those that go, and Home Assistant forgets the device.
    """
    kept = discovery_topic(now) if announced else None
    return tuple(topic for topic in before if topic != kept and not _is_kept_up(topic, now))


def _is_kept_up(topic: str, now: DeviceDescription) -> bool:
    below = topic.removeprefix(f"{now.topics.base}/")
    if below == topic:
        return False
    cameras = {camera.name: camera for camera in now.cameras}
    match below.split("/"):
        case ["availability" | "health"]:
            return True
        case [name, *rest] if name in cameras:
            return _is_kept_up_by(cameras[name], rest)
    return False


def stale_counts(before: Iterable[str], now: DeviceDescription) -> tuple[str, ...]:
    """Which of the retained topics `before` are counts of labels that are told only from their first object on.

    What another run of the daemon counted there would stand for now until such an object comes.
    """
    cameras = {camera.name: camera for camera in now.cameras}
    found = []
    for topic in before:
        below = topic.removeprefix(f"{now.topics.base}/")
        name, *rest = below.split("/")
        if below != topic and name in cameras and _is_stale_count(cameras[name], rest):
            found.append(topic)
    return tuple(found)


def _is_stale_count(camera: CameraDescription, below: list[str]) -> bool:
    match below:
        case ["objects", label, *_]:
            return label not in _levels(camera.labels)
        case ["zones", zone, label]:
            return any(known.name == zone and label not in _levels(known.labels) for known in camera.zones)
    return False


def _levels(labels: Iterable[str]) -> set[str]:
    return {"all", *map(topic_name, labels)}


def _is_kept_up_by(camera: CameraDescription, below: list[str]) -> bool:
    match below:
        case ["zones", zone, _]:
            return zone in {known.name for known in camera.zones}
        case ["lines", line, _]:
            return line in camera.lines
        case ["snapshot", _]:
            return camera.snapshots
    return True
