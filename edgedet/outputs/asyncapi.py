"""Everything that edgedet says and hears over MQTT, as one AsyncAPI 3 document, for programs that make code or pages.

Addresses come from `Topics` and payloads from the classes that are published, so it cannot say anything else.
Specification: https://www.asyncapi.com/docs/reference/specification/v3.0.0
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Literal

from edgedet.outputs.commands import MAX_BYTES
from edgedet.outputs.payloads import KINDS, json_schema
from edgedet.outputs.topics import Topics

_NAME: dict[str, Any] = {"type": "string", "pattern": "^[a-z0-9_-]{1,32}$"}
_PARAMETERS: dict[str, tuple[str, dict[str, Any]]] = {
    "prefix": ("`mqtt.topic_prefix` of the configuration.", {"default": "edgedet"}),
    "device": ("`device` of the configuration: 1 to 32 of a-z, 0-9, - and _.", {}),
    "camera": ("A camera of the configuration.", {}),
    "label": ("A class of the model as a topic level (`traffic light` is `traffic_light`), or `all`.", {}),
    "zone": ("A zone of the camera.", {}),
    "line": ("A line of the camera.", {}),
    "direction": ("`in` is from the line's left to its right.", {"enum": ["in", "out"]}),
}
_TOPICS = Topics("x-device", "x-prefix")
_CAMERA, _LABEL = "x-camera", "x-label"
_COUNT = {"type": "integer", "minimum": 0}
_SCORE = {"type": "number", "minimum": 0, "maximum": 1}
_SWITCH = {"type": "string", "enum": ["ON", "OFF"]}
_REQUEST_ID = {"type": ["string", "null"], "maxLength": 64, "description": "Comes back with the answer."}
_JSON, _TEXT, _JPEG = "application/json", "text/plain", "image/jpeg"


@dataclass(frozen=True, slots=True)
class _Channel:
    """One kind of topic, and what is said on it."""

    name: str
    topic: str
    """With `x-camera` and the like where a name stands."""
    summary: str
    schema: dict[str, Any]
    content: str = _TEXT
    qos: Literal[0, 1] = 1
    retain: bool = True
    heard: bool = False
    """A command: edgedet receives it, everything else it sends."""
    answer: str = ""
    """The channel on which a command is answered."""


def asyncapi_document() -> dict[str, Any]:
    """The document, as plain data."""
    channels = _channels()
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "edgedet",
            "version": version("edgedet"),
            "description": "Object detection on a Raspberry Pi, over MQTT. Pass over keys that you do not know.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": _JSON,
        "servers": {
            "broker": {"host": "localhost:1883", "protocol": "mqtt", "description": "`mqtt.url` of the configuration."}
        },
        "channels": {channel.name: _channel(channel) for channel in channels},
        "operations": {
            ("receive" if channel.heard else "send") + channel.name[0].upper() + channel.name[1:]: _operation(channel)
            for channel in channels
        },
        "components": {
            "messages": {channel.name: _message(channel) for channel in channels},
            "schemas": _payload_schemas(),
        },
    }


def _channels() -> tuple[_Channel, ...]:
    return (*_of_the_device(), *_of_a_camera(), *_commands())


def _of_the_device() -> tuple[_Channel, ...]:
    states = {"type": "string", "enum": ["online", "offline"]}
    return (
        _Channel(
            "availability", _TOPICS.availability, "Whether the daemon is there; the broker says `offline`.", states
        ),
        _Channel("health", _TOPICS.health, "Whether the device is looking, and if not, why.", _ref("health"), _JSON),
        _Channel("stats", _TOPICS.stats, "Figures of the last half minute.", _ref("stats"), _JSON, 0, retain=False),
    )


def _of_a_camera() -> tuple[_Channel, ...]:
    states = {"type": "string", "enum": ["starting", "watching", "degraded", "blind", "off"]}
    detections, events = _ref("detections"), _ref("event")
    objects, active = _TOPICS.objects(_CAMERA, _LABEL), _TOPICS.active_objects(_CAMERA, _LABEL)
    zone, line = _TOPICS.zone(_CAMERA, "x-zone", _LABEL), _TOPICS.line(_CAMERA, "x-line", "x-direction")
    picture = {"type": "string", "format": "binary"}
    detect, min_score = _TOPICS.setting(_CAMERA, "detect"), _TOPICS.setting(_CAMERA, "min_score")
    return (
        _Channel("cameraState", _TOPICS.camera_state(_CAMERA), "Whether this camera is looking.", states),
        _Channel("detections", _TOPICS.detections(_CAMERA), "One processed frame.", detections, _JSON, 0, retain=False),
        _Channel("events", _TOPICS.events(_CAMERA), "At least once, in order of `seq`.", events, _JSON, retain=False),
        _Channel("objects", objects, "Confirmed objects now; not current while the camera is blind or off.", _COUNT),
        _Channel("activeObjects", active, "Those that are not stationary.", _COUNT),
        _Channel("zone", zone, "Confirmed objects in a zone now.", _COUNT),
        _Channel("line", line, "Crossings since local midnight.", _COUNT),
        _Channel("snapshot", _TOPICS.snapshot(_CAMERA, _LABEL), "Best view of the last event.", picture, _JPEG),
        _Channel("detectState", detect, "Whether detection is switched on.", _SWITCH),
        _Channel("minScoreState", min_score, "Scores below do not count.", _SCORE),
    )


def _commands() -> tuple[_Channel, ...]:
    def command(name: str, topic: str, summary: str, schema: dict[str, Any], content: str, answer: str) -> _Channel:
        note = f"{summary} At most {MAX_BYTES} bytes; retained ones are ignored, others outside the schema refused."
        return _Channel(name, topic, note, schema, content, retain=False, heard=True, answer=answer)

    def asked(*required: str) -> dict[str, Any]:
        properties: dict[str, Any] = {**dict.fromkeys(required, _NAME), "id": _REQUEST_ID}
        return {
            "type": "object", "properties": properties, "required": list(required), "additionalProperties": False,
        }  # fmt: skip

    answer = _ref("result")
    detect, min_score = _TOPICS.camera_command(_CAMERA, "detect"), _TOPICS.camera_command(_CAMERA, "min_score")
    restart, snapshot = _TOPICS.device_command("restart_detector"), _TOPICS.device_command("snapshot")
    restarted, taken = _TOPICS.result("restart_detector"), _TOPICS.result("snapshot")
    return (
        command("setDetect", detect, "Switch detection; survives a restart.", _SWITCH, _TEXT, "detectState"),
        command("setMinScore", min_score, "In place of the configured one; survives.", _SCORE, _TEXT, "minScoreState"),
        command("restartDetector", restart, "Replace the worker; may be empty.", asked(), _JSON, "detectorRestarted"),
        command("takeSnapshot", snapshot, "Publish a picture now.", asked("camera"), _JSON, "snapshotTaken"),
        _Channel("detectorRestarted", restarted, "The answer to it.", answer, _JSON, retain=False),
        _Channel("snapshotTaken", taken, "The answer to it.", answer, _JSON, retain=False),
    )


def _channel(channel: _Channel) -> dict[str, Any]:
    address = channel.topic
    used = [name for name in _PARAMETERS if f"x-{name}" in address.split("/")]
    for name in used:
        address = address.replace(f"x-{name}", f"{{{name}}}")
    parameters = {name: {"description": _PARAMETERS[name][0], **_PARAMETERS[name][1]} for name in used}
    return {
        "address": address,
        "messages": {channel.name: {"$ref": f"#/components/messages/{channel.name}"}},
        "parameters": parameters,
    }


def _operation(channel: _Channel) -> dict[str, Any]:
    found: dict[str, Any] = {
        "action": "receive" if channel.heard else "send",
        "channel": {"$ref": f"#/channels/{channel.name}"},
        "summary": channel.summary,
        "bindings": {"mqtt": {"qos": channel.qos, "retain": channel.retain, "bindingVersion": "0.2.0"}},
    }
    return {**found, "reply": {"channel": {"$ref": f"#/channels/{channel.answer}"}}} if channel.answer else found


def _message(channel: _Channel) -> dict[str, Any]:
    return {"name": channel.name, "contentType": channel.content, "payload": channel.schema}


def _ref(kind: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{kind}"}


def _payload_schemas() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for kind in KINDS:
        schema = json_schema(kind)
        schema.pop("$schema")
        found |= {name: _as_draft_7(inner) for name, inner in schema.pop("$defs", {}).items()}
        found[kind] = _as_draft_7(schema)
    return found


def _as_draft_7(schema: Any) -> Any:
    """In the words of AsyncAPI, which knows JSON Schema draft 7 and refers to all schemas in one place."""
    if isinstance(schema, list):
        return [_as_draft_7(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: _as_draft_7(value) for key, value in schema.items()}
    if isinstance(reference := found.get("$ref"), str):
        found["$ref"] = reference.replace("#/$defs/", "#/components/schemas/")
    if "prefixItems" in found:
        found["items"] = found.pop("prefixItems")
    return found
