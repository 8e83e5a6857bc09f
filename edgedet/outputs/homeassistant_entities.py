"""What Home Assistant shows of a device and of each camera: entities and triggers, as discovery describes them.

Three kinds, by when they are available:

- what a camera saw (occupancy, counts, frame rate) only while the device is online and the camera looks: a blind
  camera is `unavailable`, never 0;
- what is known or set without looking (its state, its problem, the switch, the threshold) while the device is online:
  a switch that vanishes with the camera it switched off could not switch it on;
- the last event and the last picture as long as the broker is there: they were true when they came. An event that
  turned `unavailable` and back would look like a new one to an automation that watches its state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgedet.outputs.homeassistant_triggers import distinct, spoken, triggers

if TYPE_CHECKING:
    from edgedet.outputs.homeassistant import CameraDescription
    from edgedet.outputs.topics import Topics

Components = dict[str, dict[str, Any]]

CAMERA_STATES = ("starting", "watching", "degraded", "blind", "off")
EVENT_TYPES = ("new", "end", "zone_enter", "zone_leave", "line_cross")
"""Of a life's events; `update` says nothing that an automation could wait for."""

_LOOKING = "{{ 'online' if value in ('watching', 'degraded') else 'offline' }}"
_BLIND = "{{ 'ON' if value in ('blind', 'degraded') else 'OFF' }}"
_OCCUPIED = "{{ 'ON' if value | int(0) > 0 else 'OFF' }}"
_EVENT_KEYS = (
    "id", "seq", "label", "track_id", "score", "top_score", "zone", "line", "direction", "zones", "loitering",
    "end_reason", "captured_at", "snapshot",
)  # fmt: skip
# What waited for the broker is told with `replayed`: it goes into the record of whoever listens, and rings no bell.
_EVENT = (
    "{% if not value_json.replayed and value_json.type in ("
    + ", ".join(f"'{kind}'" for kind in EVENT_TYPES)
    + ") %}{{ {'event_type': value_json.type, "
    + ", ".join(f"'{key}': value_json.{key}" for key in _EVENT_KEYS)
    + "} | tojson }}{% endif %}"
)
_NO_OWN_AVAILABILITY: dict[str, Any] = {"availability": []}


def device_components(topics: Topics, *, edgetpu: bool) -> Components:
    """Of the device itself."""
    found: Components = {
        "problem": _problem(
            "Problem", topics.health, "{{ 'OFF' if value_json.state == 'ok' else 'ON' }}", "value_json.reasons"
        ),
        "accelerator:problem": _problem(
            "Accelerator problem", topics.health, _any_reason_of("detector"), _reasons_of("detector")
        ),
        "accelerator": {
            "platform": "sensor",
            "name": "Accelerator",
            "state_topic": topics.health,
            "value_template": "{{ value_json.detector.backend }}",
            "device_class": "enum",
            "options": ["edgetpu", "cpu", "none"],
            "entity_category": "diagnostic",
        },
        "cpu:temperature": _temperature("CPU temperature", topics.stats, "{{ value_json.system.cpu_temp_c }}"),
        "undervoltage": {
            "platform": "binary_sensor",
            "name": "Under-voltage",
            "state_topic": topics.stats,
            # Null where the machine cannot tell: `None` is Home Assistant's word for unknown.
            "value_template": "{{ {true: 'ON', false: 'OFF'}.get(value_json.system.undervoltage) }}",
            "device_class": "problem",
            "entity_category": "diagnostic",
        },
        "restart_detector": {
            "platform": "button",
            "name": "Restart detector",
            "command_topic": topics.device_command("restart_detector"),
            "payload_press": "{}",
            "device_class": "restart",
            "entity_category": "config",
        },
    }
    if edgetpu:
        found["edgetpu:temperature"] = _temperature(
            "Edge TPU temperature",
            topics.stats,
            "{{ value_json.edgetpu | map(attribute='temp_c') | select('number') | sort | last | default(None) }}",
        )
    return found


def camera_components(topics: Topics, camera: CameraDescription) -> Components:
    """Of one camera."""
    name = camera.name
    looking = _while_looking(topics, name)
    found: Components = {f"{name}:{key}": part for key, part in _camera_itself(topics, name).items()}
    found |= {f"{name}:{key}": {**part, **looking} for key, part in _figures(topics, name).items()}
    for level, label in distinct(camera.labels):
        found |= _counted(f"{name}:objects:{level}", spoken(name, label), topics.objects(name, label), looking)
        if camera.snapshots:
            found[f"{name}:snapshot:{level}"] = _picture(topics, name, label, f"{spoken(name, label)} snapshot")
    if camera.snapshots:
        found[f"{name}:snapshot:all"] = _picture(topics, name, "all", spoken(name, "picture"))
        found[f"{name}:take_snapshot"] = {
            "platform": "button",
            "name": spoken(name, "take picture"),
            "command_topic": topics.device_command("snapshot"),
            "payload_press": f'{{"camera":"{name}"}}',
            **looking,
        }
    for zone in camera.zones:
        for level, label in distinct(zone.labels):
            key, words = f"{name}:zones:{zone.name}:{level}", spoken(name, zone.name, label)
            found |= _counted(key, words, topics.zone(name, zone.name, label), looking)
    for line in camera.lines:
        for direction in ("in", "out"):
            found[f"{name}:lines:{line}:{direction}"] = {
                "platform": "sensor",
                "name": spoken(name, line, direction),
                "state_topic": topics.line(name, line, direction),
                "state_class": "total_increasing",
                **looking,
            }
    found |= {f"{name}:on:{key}": trigger for key, trigger in triggers(topics, camera)}
    return found


def _picture(topics: Topics, camera: str, label: str, name: str) -> dict[str, Any]:
    return {
        "platform": "image",
        "name": name,
        "image_topic": topics.snapshot(camera, label),
        "content_type": "image/jpeg",
        **_NO_OWN_AVAILABILITY,
    }


def _camera_itself(topics: Topics, camera: str) -> Components:
    """What is told of a camera and asked of it whether it looks or not."""
    state = topics.camera_state(camera)
    return {
        "problem": {
            **_problem(spoken(camera, "problem"), topics.health, _BLIND, _reasons_of(camera)),
            "state_topic": state,
        },
        "state": {
            "platform": "sensor",
            "name": spoken(camera, "state"),
            "state_topic": state,
            # The topic of a camera that was taken out is emptied, which is no state.
            "value_template": "{{ value or None }}",
            "device_class": "enum",
            "options": list(CAMERA_STATES),
            "entity_category": "diagnostic",
        },
        "detect": {
            "platform": "switch",
            "name": spoken(camera, "detection"),
            "state_topic": topics.setting(camera, "detect"),
            "command_topic": topics.camera_command(camera, "detect"),
        },
        "min_score": {
            "platform": "number",
            "name": spoken(camera, "minimum score"),
            "state_topic": topics.setting(camera, "min_score"),
            "command_topic": topics.camera_command(camera, "min_score"),
            "min": 0,
            "max": 1,
            "step": 0.01,
            "mode": "box",
            "entity_category": "config",
        },
        "event": {
            "platform": "event",
            "name": spoken(camera, "event"),
            "state_topic": topics.events(camera),
            "event_types": list(EVENT_TYPES),
            "value_template": _EVENT,
            **_NO_OWN_AVAILABILITY,
        },
    }


def _figures(topics: Topics, camera: str) -> Components:
    of_camera = f"(value_json.cameras['{camera}'] | default({{}}, true))"
    shared = {
        "platform": "sensor",
        "state_topic": topics.stats,
        "state_class": "measurement",
        "entity_category": "diagnostic",
    }
    return {
        "fps": {
            **shared,
            "name": spoken(camera, "frame rate"),
            "value_template": f"{{{{ {of_camera}.processed_fps | default(None) }}}}",
            "unit_of_measurement": "fps",
            "suggested_display_precision": 1,
        },
        "latency": {
            **shared,
            "name": spoken(camera, "latency"),
            "value_template": f"{{{{ ({of_camera}.latency_ms | default({{}}, true)).p50 | default(None) }}}}",
            "unit_of_measurement": "ms",
            "device_class": "duration",
            "suggested_display_precision": 0,
        },
    }


def _counted(key: str, name: str, topic: str, availability: dict[str, Any]) -> Components:
    """Whether something is there, and how many."""
    return {
        key: {
            "platform": "binary_sensor",
            "name": name,
            "state_topic": topic,
            "value_template": _OCCUPIED,
            "device_class": "occupancy",
            **availability,
        },
        f"{key}:count": {
            "platform": "sensor",
            "name": f"{name} count",
            "state_topic": topic,
            "state_class": "measurement",
            **availability,
        },
    }


def _problem(name: str, topic: str, template: str, reasons: str) -> dict[str, Any]:
    return {
        "platform": "binary_sensor",
        "name": name,
        "state_topic": topic,
        "value_template": template,
        "json_attributes_topic": topic,
        "json_attributes_template": _as_reasons(reasons),
        "device_class": "problem",
        "entity_category": "diagnostic",
    }


def _temperature(name: str, topic: str, template: str) -> dict[str, Any]:
    return {
        "platform": "sensor",
        "name": name,
        "state_topic": topic,
        "value_template": template,
        "device_class": "temperature",
        "unit_of_measurement": "°C",
        "state_class": "measurement",
        "suggested_display_precision": 0,
        "entity_category": "diagnostic",
    }


def _reasons_of(component: str) -> str:
    return f"value_json.reasons | selectattr('component', 'eq', '{component}') | list"


def _any_reason_of(component: str) -> str:
    return f"{{{{ 'ON' if {_reasons_of(component)} | count > 0 else 'OFF' }}}}"


def _as_reasons(reasons: str) -> str:
    return f"{{{{ {{'reasons': {reasons}}} | tojson }}}}"


def _while_looking(topics: Topics, camera: str) -> dict[str, Any]:
    """Available while the device is online and this camera looks."""
    state = {"topic": topics.camera_state(camera), "value_template": _LOOKING}
    return {"availability": [{"topic": topics.availability}, state], "availability_mode": "all"}
