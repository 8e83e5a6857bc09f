"""What a message of `<camera>/events` says: an event, made ready when it happens, and stamped when it leaves.

Everything but number and times is put into text once; the times are counted from the monotonic clock at each
sending, so that a wall clock that was set in between is right in whatever still waited.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from edgedet.clock import rfc3339
from edgedet.outputs.encoding import SCHEMA_VERSION, quoted

if TYPE_CHECKING:
    from edgedet.clock import Stamp
    from edgedet.outputs.spool.entry import Entry
    from edgedet.types import Event

_NS_PER_S = 1e9


def event_body(camera: str, event: Event, snapshot: str | None) -> str:
    """Return what an event says but for number and times: the inside of a JSON object.

    Raises:
        ValueError: a number that is not finite.
    """
    return _inside({"camera": camera, **event_fields(event), "snapshot": snapshot})


def event_fields(event: Event) -> dict[str, object]:
    """Return what an event says of its object, without number and times, by the names of the contract."""
    box = event.box
    return {
        "id": event.id,
        "type": str(event.kind),
        "label": event.label,
        "track_id": event.track_id,
        "score": round(event.score, 5),
        "top_score": round(event.top_score, 5),
        "box": [round(corner, 5) for corner in (box.x1, box.y1, box.x2, box.y2)],
        "zone": event.zone,
        "line": event.line,
        "direction": event.direction,
        "zones": event.zones,
        "entered_zones": event.entered_zones,
        "loitering": event.loitering,
        "end_reason": None if event.end_reason is None else str(event.end_reason),
        "stationary": event.stationary,
    }


def restart_body(body: str) -> str:
    """Turn the last event of a life into its end, since the daemon ended while the object was there."""
    said = json.loads(f"{{{body}}}")
    return _inside(
        {
            **said,
            "type": "end",
            "end_reason": "restart",
            "zone": None,
            "line": None,
            "direction": None,
            "snapshot": None,
        }
    )


def record_body(camera: str, kind: str, **told: float | None) -> str:
    """Return what a record of the delivery itself (`gap`, `clock`) says but for number and times."""
    nothing = dict.fromkeys(
        ("label", "track_id", "score", "top_score", "box", "zone", "line", "direction", "end_reason", "stationary")
    )
    lists: dict[str, list[str]] = {"zones": [], "entered_zones": [], "loitering": []}
    return _inside({"id": None, "camera": camera, "type": kind, **nothing, **lists, "snapshot": None, **told})


def event_payload(device: str, stamp: Stamp, entry: Entry, *, offset_ns: int, age_s: float, replayed: bool) -> bytes:
    """Return the message. `offset_ns` is wall minus monotonic in the boot in which the entry was made."""
    times = entry.times
    return (
        f'{{"schema":{SCHEMA_VERSION},"device":{quoted(device)},"ts":"{stamp.ts}","boot_id":"{stamp.boot_id}",'
        f'"mono_ns":{stamp.mono_ns},"time_synced":{"true" if stamp.time_synced else "false"},'
        f'"seq":{entry.seq},{entry.body},"captured_at":{_at(times.captured_ns, offset_ns)},'
        f'"started":{_at(times.started_ns, offset_ns)},"ended":{_at(times.ended_ns, offset_ns)},'
        f'"age_s":{age_s:.3f},"replayed":{"true" if replayed else "false"}}}'
    ).encode("utf-8", "backslashreplace")


def _at(mono_ns: int | None, offset_ns: int) -> str:
    return "null" if mono_ns is None else f'"{rfc3339((mono_ns + offset_ns) / _NS_PER_S)}"'


def _inside(body: dict[str, object]) -> str:
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False, allow_nan=False)[1:-1]
