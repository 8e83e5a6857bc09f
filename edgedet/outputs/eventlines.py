"""One line of JSON an event: what `edgedet detect --events` writes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgedet.types import Event

_NS_PER_S = 1e9


def event_line(source: str, frame: int, pts_s: float, seq: int, event: Event) -> str:
    """Return the line, with its newline. Names and order are those of the MQTT payload; times are seconds.

    Raises:
        ValueError: a number that is not finite.
    """
    box = event.box
    body = {
        "source": source,
        "frame": frame,
        "pts_s": round(pts_s, 4),
        "seq": seq,
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
        "started_s": round(event.started_ns / _NS_PER_S, 4),
        "ended_s": None if event.ended_ns is None else round(event.ended_ns / _NS_PER_S, 4),
        "end_reason": None if event.end_reason is None else str(event.end_reason),
        "stationary": event.stationary,
    }
    return json.dumps(body, separators=(",", ":"), ensure_ascii=not source.isprintable(), allow_nan=False) + "\n"
