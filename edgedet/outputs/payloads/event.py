"""`<camera>/events`: the lives of objects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edgedet.outputs.payloads.head import BoxCorners, Fraction, Head


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPayload(Head):
    """`<camera>/events`: a step in the life of an object, or of the record itself (`gap`, `clock`)."""

    seq: int
    """Counts up by one per camera and survives restarts. A repeat of a message has the same one; a `gap` has the last
    one of its range, so that no number is left without an explanation."""
    id: str | None
    """One for the whole life of an object."""
    camera: str
    type: Literal["new", "update", "end", "zone_enter", "zone_leave", "line_cross", "gap", "clock"]
    label: str | None
    track_id: int | None
    score: Fraction | None
    """In the frame that this is about."""
    top_score: Fraction | None
    """The best so far."""
    box: BoxCorners | None
    zone: str | None
    """Of `zone_enter` and `zone_leave`."""
    line: str | None
    """Of `line_cross`."""
    direction: Literal["in", "out"] | None
    """Of `line_cross`: `in` is from the line's left to its right."""
    zones: tuple[str, ...]
    """Where the object is now."""
    entered_zones: tuple[str, ...]
    """Where it has been."""
    loitering: tuple[str, ...]
    """Zones in which it has stayed longer than is usual there."""
    captured_at: str | None
    """RFC 3339: when the picture was taken."""
    started: str | None
    ended: str | None
    end_reason: Literal["left", "restart", "blind", "off"] | None
    stationary: bool | None
    snapshot: str | None
    """Topic of the best view, published before this event."""
    age_s: float
    """Capture to publish."""
    replayed: bool
    """True when it waited for the broker: do not ring a bell for it."""
    from_seq: int | None = None
    """Of `gap`: first number that is missing."""
    to_seq: int | None = None
    """Of `gap`: last number that is missing."""
    lost: int | None = None
    """Of `gap`: how many events those numbers were; 0: they were never used; null: nobody knows, since the daemon was
    killed."""
    offset_s: float | None = None
    """Of `clock`: by how much the wall clock was set."""
