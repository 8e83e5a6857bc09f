"""The grammar of MQTT topics: what is published where, and what a command topic means.

Names of devices, cameras, zones and lines are `[a-z0-9_-]{1,32}` and checked by the configuration; they are
checked here once more, because a name with `/`, `+` or `#` in it would turn into another topic.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

_NAME = re.compile(r"[a-z0-9_-]{1,32}")
_PREFIX = re.compile(r"[^/+#\x00]+(?:/[^/+#\x00]+)*")
NAME_LENGTH = 32

CAMERA_COMMANDS = ("detect", "min_score")
"""Verbs under a camera: `<camera>/<verb>/set`, answered on `<camera>/<verb>/state`."""
DEVICE_COMMANDS = ("restart_detector", "snapshot")
"""Verbs of the device: `cmd/<verb>`, answered on `cmd/<verb>/result`."""


@lru_cache(maxsize=1024)
def topic_name(label: str) -> str:
    """Return a label as a topic level, `[a-z0-9_-]{1,32}`: `traffic light` becomes `traffic_light`.

    Two labels that fall together share their topics; a label of which nothing is left is `label`.
    """
    plain = unicodedata.normalize("NFKD", label).encode("ascii", "ignore").decode("ascii").lower()
    name = re.sub(r"[^a-z0-9-]+", "_", plain).strip("_")[:NAME_LENGTH].rstrip("_")
    return name or "label"


@dataclass(frozen=True, slots=True)
class CommandTopic:
    """What a topic of ours asks for; `camera` is None for the device's own commands."""

    camera: str | None
    verb: str


class Topics:
    """Every topic of one device."""

    def __init__(self, device: str, prefix: str = "edgedet", *, birth: str | None = None) -> None:
        """Take the device's name and the prefix, which may have several levels.

        `birth` is where Home Assistant says that it has started, if that is to be heard.

        Raises:
            ValueError: a name that cannot be a topic level.
        """
        if not _PREFIX.fullmatch(prefix):
            raise ValueError(f"{prefix!r} cannot start a topic: no '+', no '#', no empty level")
        self.device = device
        self.birth = birth
        self.base = f"{prefix}/{_checked(device)}"
        self.availability = f"{self.base}/availability"
        self.health = f"{self.base}/health"
        self.stats = f"{self.base}/stats"

    def camera_state(self, camera: str) -> str:
        """Whether this camera is looking."""
        return f"{self.base}/{_checked(camera)}/state"

    def detections(self, camera: str) -> str:
        """One message a processed frame."""
        return f"{self.base}/{_checked(camera)}/detections"

    def events(self, camera: str) -> str:
        """The life of every object."""
        return f"{self.base}/{_checked(camera)}/events"

    def objects(self, camera: str, label: str) -> str:
        """Count of confirmed objects of a label; `all` counts every label."""
        return f"{self.base}/{_checked(camera)}/objects/{topic_name(label)}"

    def active_objects(self, camera: str, label: str) -> str:
        """Count of those that are not stationary."""
        return f"{self.objects(camera, label)}/active"

    def zone(self, camera: str, zone: str, label: str) -> str:
        """Count of confirmed objects in a zone; `all` counts every label."""
        return f"{self.base}/{_checked(camera)}/zones/{_checked(zone)}/{topic_name(label)}"

    def line(self, camera: str, line: str, direction: str) -> str:
        """Count of crossings since midnight; `direction` is `in` or `out`."""
        return f"{self.base}/{_checked(camera)}/lines/{_checked(line)}/{_checked(direction)}"

    def snapshot(self, camera: str, label: str) -> str:
        """JPEG of the best view."""
        return f"{self.base}/{_checked(camera)}/snapshot/{topic_name(label)}"

    def setting(self, camera: str, verb: str) -> str:
        """Where a setting of a camera (`detect`, `min_score`) is published."""
        return f"{self.base}/{_checked(camera)}/{_checked(verb)}/state"

    def camera_command(self, camera: str, verb: str) -> str:
        """Where a setting of a camera is changed."""
        return f"{self.base}/{_checked(camera)}/{_checked(verb)}/set"

    def device_command(self, verb: str) -> str:
        """Where something is asked of the device."""
        return f"{self.base}/cmd/{_checked(verb)}"

    def result(self, verb: str) -> str:
        """Where a device command is answered."""
        return f"{self.base}/cmd/{_checked(verb)}/result"

    def subscriptions(self) -> tuple[str, ...]:
        """Filters that cover every command, and Home Assistant's birth."""
        return (
            *(f"{self.base}/+/{verb}/set" for verb in CAMERA_COMMANDS),
            *(f"{self.base}/cmd/{verb}" for verb in DEVICE_COMMANDS),
            *((self.birth,) if self.birth else ()),
        )

    def parse_command(self, topic: str) -> CommandTopic | None:
        """Return what a command topic asks for; None for any other topic."""
        below = topic.removeprefix(f"{self.base}/")
        if below == topic:
            return None
        match below.split("/"):
            case ["cmd", verb] if verb in DEVICE_COMMANDS:
                return CommandTopic(None, verb)
            case [camera, verb, "set"] if verb in CAMERA_COMMANDS and _NAME.fullmatch(camera):
                return CommandTopic(camera, verb)
        return None


@lru_cache(maxsize=1024)
def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} cannot be a topic level: names are 1 to 32 of a-z, 0-9, '_' and '-'")
    return name
