"""One line of JSON an event: what `edgedet detect --events` writes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from edgedet.outputs.events import event_fields

if TYPE_CHECKING:
    from edgedet.types import Event

_NS_PER_S = 1e9


def event_line(source: str, frame: int, pts_s: float, seq: int, event: Event) -> str:
    """Return the line, with its newline. Names are those of the MQTT payload; times are seconds of the source.

    Raises:
        ValueError: a number that is not finite.
    """
    body = {
        "source": source,
        "frame": frame,
        "pts_s": round(pts_s, 4),
        "seq": seq,
        **event_fields(event),
        "started_s": round(event.started_ns / _NS_PER_S, 4),
        "ended_s": None if event.ended_ns is None else round(event.ended_ns / _NS_PER_S, 4),
    }
    return json.dumps(body, separators=(",", ":"), ensure_ascii=not source.isprintable(), allow_nan=False) + "\n"
