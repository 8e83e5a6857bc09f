"""What `edgedet watch` knows of each device, from what it publishes. Pure: a message in, lines for people out.

Anybody may publish on a broker: names that cannot be ours are passed over, text is shown without control characters,
and there is an end to how much is remembered.
"""

from __future__ import annotations

import json
import re
from collections import deque
from dataclasses import dataclass, field
from typing import Any

LOOKING = frozenset({"watching", "degraded"})
"""States of a camera in which its counts are of now."""
_NAME = re.compile(r"[a-z0-9_-]{1,32}")
_MOST = 200
"""Devices, cameras of a device and labels of a camera."""
_EVENTS = 8
_LONGEST = 120


@dataclass(slots=True)
class CameraView:
    """One camera, as it was told of last."""

    state: str = ""
    """Empty until something is known."""
    counts: dict[str, int] = field(default_factory=dict)
    """By label, `all` among them."""
    fps: float | None = None
    """Processed, frames a second."""
    latency_ms: float | None = None
    """Median of capture to publish."""
    last_event: str = ""

    @property
    def looks(self) -> bool:
        """Whether counts and figures are of now."""
        return self.state in LOOKING


@dataclass(slots=True)
class DeviceView:
    """One device, as it was told of last."""

    availability: str = ""
    health: str = ""
    reasons: tuple[str, ...] = ()
    backend: str = ""
    model: str = ""
    facts: str = ""
    """Of the machine: temperature, memory, what waits for the broker."""
    cameras: dict[str, CameraView] = field(default_factory=dict)


class Watched:
    """All devices below one prefix."""

    def __init__(self, prefix: str) -> None:
        self._above = f"{prefix}/"
        self.devices: dict[str, DeviceView] = {}
        self.events: deque[str] = deque(maxlen=_EVENTS)
        """The last ones of all devices, newest last."""

    def take(self, topic: str, payload: bytes) -> str | None:
        """Learn from a message; what is new in it, as a line, or None."""
        below = topic.removeprefix(self._above)
        device, *rest = below.split("/")
        if below == topic or not rest or not all(_NAME.fullmatch(level) for level in (device, *rest)):
            return None
        if device not in self.devices and (len(self.devices) >= _MOST or not payload):
            return None
        view = self.devices.setdefault(device, DeviceView())
        said = self._of_device(device, view, rest, payload) if len(rest) == 1 else self._of_camera(view, rest, payload)
        if not view.availability and not view.health and not view.cameras and not payload:
            del self.devices[device]
        if said and len(rest) > 1 and rest[1] == "events":
            self.events.append(f"{device} {said}")
        return f"{device} {said}" if said else None

    def _of_device(self, device: str, view: DeviceView, below: list[str], payload: bytes) -> str | None:
        match below:
            case ["availability"]:
                before, view.availability = view.availability, clean(payload.decode("utf-8", "replace"))
                return view.availability if view.availability != before else None
            case ["health"]:
                return _take_health(view, _object(payload))
            case ["stats"]:
                return _take_stats(view, _object(payload))
        return None

    def _of_camera(self, view: DeviceView, below: list[str], payload: bytes) -> str | None:
        name, *what = below
        if what == ["state"] and not payload:
            view.cameras.pop(name, None)
            return f"{name} is gone"
        if name not in view.cameras and (len(view.cameras) >= _MOST or not payload):
            return None
        camera = view.cameras.setdefault(name, CameraView())
        match what:
            case ["state"]:
                before, camera.state = camera.state, clean(payload.decode("utf-8", "replace"))
                return f"{name} is {camera.state}" if camera.state != before else None
            case ["objects", label]:
                return _take_count(name, camera, label, payload)
            case ["events"]:
                return _take_event(name, camera, _object(payload))
        return None


def clean(text: str) -> str:
    """A text from anywhere, for a terminal: one line without control characters, not endless."""
    return "".join(letter if letter.isprintable() else "�" for letter in text[:_LONGEST])


def _take_count(name: str, camera: CameraView, label: str, payload: bytes) -> str | None:
    if not re.fullmatch(rb"\d{1,6}", payload):
        camera.counts.pop(label, None)
        return None
    before, now = camera.counts.get(label), int(payload)
    if before == now or (before is None and len(camera.counts) >= _MOST):
        return None
    camera.counts[label] = now
    return f"{name} {label} {now}" if label != "all" else None


def _take_health(view: DeviceView, body: dict[str, Any]) -> str | None:
    before = (view.health, view.reasons)
    reasons = [reason for reason in _list(body, "reasons") if isinstance(reason, dict)]
    view.health = _text(body, "state")
    view.reasons = tuple(
        f"{_text(reason, 'component')}: {_text(reason, 'code')}: {_text(reason, 'message')}" for reason in reasons[:20]
    )
    detector = _dict(body, "detector")
    view.backend, view.model = _text(detector, "backend"), _text(detector, "model")
    if before == (view.health, view.reasons) or not view.health:
        return None
    return f"health {view.health}" + "".join(f"; {reason}" for reason in view.reasons)


def _take_stats(view: DeviceView, body: dict[str, Any]) -> str | None:
    lines = []
    for name, figures in _dict(body, "cameras").items():
        if not isinstance(figures, dict) or name not in view.cameras:
            continue
        camera = view.cameras[name]
        camera.fps = _number(figures, "processed_fps")
        camera.latency_ms = _number(_dict(figures, "latency_ms"), "p50")
        if camera.fps is not None:
            latency = "" if camera.latency_ms is None else f", {camera.latency_ms:.0f} ms"
            lines.append(f"{name} {camera.fps:.1f} frames a second{latency}")
    system, mqtt = _dict(body, "system"), _dict(body, "mqtt")
    process = _dict(body, "process")
    known = (
        ("{:.0f} °C", _number(system, "cpu_temp_c")),
        ("CPU {:.0f} %", _number(process, "cpu_percent")),
        ("{:.0f} MB", _number(process, "pss_mb")),
        ("{:.0f} events wait", _number(mqtt, "spooled") or None),
        ("{:.0f} messages dropped", _number(mqtt, "dropped") or None),
    )
    view.facts = ", ".join(words.format(value) for words, value in known if value is not None)
    return "; ".join(lines) or None


def _take_event(name: str, camera: CameraView, body: dict[str, Any]) -> str | None:
    kind = _text(body, "type")
    if not kind:
        return None
    score = _number(body, "score")
    words = [kind, _text(body, "label"), "" if score is None else f"{score:.2f}"]
    words += [_text(body, key) for key in ("zone", "line", "direction", "end_reason")]
    lost, age_s = _number(body, "lost"), _number(body, "age_s")
    if lost is not None:
        words.append(f"({lost:.0f} events lost)")
    if body.get("replayed") is True and age_s is not None:
        words.append(f"({age_s:.0f} s ago, waited for the broker)")
    camera.last_event = " ".join(word for word in words if word)
    return f"{name} {camera.last_event}"


def _object(payload: bytes) -> dict[str, Any]:
    try:
        found = json.loads(payload)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _dict(body: dict[str, Any], key: str) -> dict[str, Any]:
    value = body.get(key)
    return value if isinstance(value, dict) else {}


def _list(body: dict[str, Any], key: str) -> list[Any]:
    value = body.get(key)
    return value if isinstance(value, list) else []


def _text(body: dict[str, Any], key: str) -> str:
    value = body.get(key)
    return clean(value) if isinstance(value, str) else ""


def _number(body: dict[str, Any], key: str) -> float | None:
    value = body.get(key)
    return (
        float(value) if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e12 else None
    )
