"""`<camera>/detections`: what was seen in one frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edgedet.outputs.payloads.head import BoxCorners, Documented, Fraction, Head


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionEntry(Documented):
    """One object in one frame."""

    label: str
    class_id: int
    """Index of the class in the model's own list."""
    score: Fraction
    box: BoxCorners
    """x1, y1, x2, y2 in fractions of the full frame, x to the right, y down."""
    track_id: int | None
    """Null until the track is confirmed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionsPayload(Head):
    """`<camera>/detections`: one processed frame. No entry: nothing was seen, never that nobody looked."""

    camera: str
    frame: int
    """Number of the frame in its source; a gap means frames that a newer one replaced."""
    width: int
    """Of the full frame, pixels."""
    height: int
    """Of the full frame, pixels."""
    captured_ns: int
    """CLOCK_MONOTONIC of the picture, nanoseconds."""
    backend: Literal["edgetpu", "cpu"]
    inference_ms: float
    """The bare invoke."""
    latency_ms: float
    """Capture to publish."""
    detections: tuple[DetectionEntry, ...]
    """Highest score first."""
