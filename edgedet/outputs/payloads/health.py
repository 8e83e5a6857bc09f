"""`health`: is the device looking, and if not, why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edgedet.outputs.payloads.head import Documented, Head


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonEntry(Documented):
    """Why the state is not `ok`."""

    component: str
    """`detector`, `broker`, `system` or the name of a camera."""
    code: str
    """A fixed word for programs; further ones may come."""
    message: str
    """A sentence for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorEntry(Documented):
    """The accelerator side."""

    backend: Literal["edgetpu", "cpu", "none"]
    model: str | None
    """Its file's name, such as `yolov8n.tflite`; the compiled one's where an Edge TPU answers; null without one."""
    restarts: int
    """Workers that were replaced since the daemon started."""
    fallbacks: int
    """Changes to a less preferred accelerator since the daemon started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraHealthEntry(Documented):
    """One camera."""

    state: Literal["starting", "watching", "degraded", "blind", "off"]
    last_frame_at: str | None
    """RFC 3339; null before the first frame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthPayload(Head):
    """`health`, retained: is the device looking, and if not, why."""

    state: Literal["ok", "degraded", "blind"]
    """`blind`: no enabled camera is watching."""
    since: str
    """RFC 3339: when this state began."""
    reasons: tuple[ReasonEntry, ...]
    detector: DetectorEntry
    cameras: dict[str, CameraHealthEntry]
