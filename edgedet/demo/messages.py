"""MQTT messages and health as one line each, for people."""

from __future__ import annotations

import json
from typing import Any

from edgedet.demo.record import Record
from edgedet.demo.subscriber import Heard

_HEAD = ("schema", "device", "ts", "boot_id", "mono_ns", "time_synced")
"""What every payload starts with, and nobody reads twice."""
_SAYS_LITTLE = ("camera", "width", "height", "captured_ns", "class_id", "track_id", "versions", "system", "edgetpu")


def payload_line(heard: Heard) -> str:
    """The payload without what it always says; a mark stands where something was left out."""
    text = heard.payload.decode(errors="replace")
    if not text.startswith("{"):
        return text or "(empty)"
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return "{…" + _without_braces(_brief({key: v for key, v in value.items() if key not in _HEAD})) + "}"


def health_line(record: Record) -> str:
    """`degraded: broker: broker_unreachable`, as the `health` topic said last."""
    health = record.json("health")
    if health is None:
        return "no health yet"
    reasons = health.get("reasons") or []
    words = ", ".join(f"{reason.get('component')}: {reason.get('code')}" for reason in reasons)
    return f"{health.get('state')}{f' ({words})' if words else ''}"


def figures(record: Record) -> dict[str, str]:
    """Rates, latency and cost, as the `stats` topic said last; a dash where nothing is known."""
    stats = record.json("stats") or {}
    camera = (stats.get("cameras") or {}).get(record.camera) or {}
    process = stats.get("process") or {}
    return {
        "captured": _number(camera.get("captured_fps"), "/s"),
        "processed": _number(camera.get("processed_fps"), "/s"),
        "dropped": str(camera.get("dropped", "-")),
        "latency": _percentiles(camera.get("latency_ms")),
        "inference": _percentiles(camera.get("inference_ms")),
        "cpu": _number(process.get("cpu_percent"), " %", digits=0),
        "memory": _number(process.get("pss_mb"), " MB", digits=0),
    }


def _percentiles(value: Any) -> str:
    if not isinstance(value, dict):
        return "-"
    return f"p50 {value.get('p50', 0):.1f}, p99 {value.get('p99', 0):.1f} ms"


def _number(value: Any, unit: str, digits: int = 1) -> str:
    return f"{value:.{digits}f}{unit}" if isinstance(value, int | float) else "-"


def _brief(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _brief(inner) for key, inner in value.items() if key not in _SAYS_LITTLE}
    if isinstance(value, list):
        return [_brief(inner) for inner in value]
    return round(value, 2) if isinstance(value, float) else value


def _without_braces(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)[1:-1]
