"""What an automation of Home Assistant can wait for directly: device triggers, and how things are called there.

A trigger is a message and no state: nothing that could come back from `unavailable` and look new.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

from edgedet.outputs.topics import topic_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from edgedet.outputs.homeassistant import CameraDescription
    from edgedet.outputs.topics import Topics

_YES = "yes"


def triggers(topics: Topics, camera: CameraDescription) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every trigger of a camera, by an id that is its own."""
    label_is = "value_json.label == '{}'"
    for level, label in distinct(camera.labels):
        yield level, _trigger(topics, camera.name, "appeared", label, "new", label_is.format(_quoted(label)))
    for zone in camera.zones:
        for level, label in distinct(zone.labels):
            there = f"value_json.zone == '{zone.name}' and " + label_is.format(_quoted(label))
            for kind, words in (("zone_enter", "came in"), ("zone_leave", "left")):
                where = f"{zone.name} {label}"
                yield f"{zone.name}:{level}:{kind}", _trigger(topics, camera.name, words, where, kind, there)
    for line in camera.lines:
        for direction in ("in", "out"):
            there = f"value_json.line == '{line}' and value_json.direction == '{direction}'"
            where = f"{line} {direction}"
            yield f"{line}:{direction}", _trigger(topics, camera.name, "crossed", where, "line_cross", there)


def _trigger(topics: Topics, camera: str, words: str, what: str, kind: str, condition: str) -> dict[str, Any]:
    new = f"not value_json.replayed and value_json.type == '{kind}' and {condition}"
    return {
        "platform": "device_automation",
        "automation_type": "trigger",
        "type": words,
        "subtype": spoken(camera, what),
        "topic": topics.events(camera),
        "value_template": f"{{{{ '{_YES}' if {new} else 'no' }}}}",
        "payload": _YES,
    }


def distinct(labels: Iterable[str]) -> list[tuple[str, str]]:
    """Each label with its topic level; of two that share one, the first."""
    found: dict[str, str] = {}
    for label in labels:
        found.setdefault(topic_name(label), label)
    return list(found.items())


def spoken(*names: str) -> str:
    """`Porch drive person`, of names as they are in topics."""
    words = chain.from_iterable(name.replace("_", " ").replace("-", " ").split() for name in names)
    return " ".join(words).capitalize()


def _quoted(label: str) -> str:
    r"""A label inside quotes in a template: `'` and `\` are written so that it stays one text."""
    return label.replace("\\", "\\\\").replace("'", "\\'")
