"""What an MQTT message says: these classes are the contract, and their JSON Schemas come from them.

Consumers may meet further keys in a later version and must pass over them. What is not known is null; numbers are
finite. The bytes are made in `edgedet.outputs.encoding`; the tests hold every message against these schemas.

pydantic is imported by `json_schema` alone: the daemon's hot path and `edgedet detect` do without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

Kind = Literal["detections", "event", "health", "stats", "result"]
KINDS: tuple[Kind, ...] = ("detections", "event", "health", "stats", "result")


@dataclass(frozen=True, slots=True)
class _Between:
    """Bounds of a number in its JSON Schema, by the hook that pydantic looks for: no import of it needed."""

    minimum: float
    maximum: float

    def __get_pydantic_json_schema__(self, core: Any, handler: Any) -> dict[str, Any]:
        schema: dict[str, Any] = handler(core)
        return {**schema, "minimum": self.minimum, "maximum": self.maximum}


Fraction = Annotated[float, _Between(0.0, 1.0)]
BoxCorners = tuple[Fraction, Fraction, Fraction, Fraction]
Backend = Literal["edgetpu", "cpu"]
CameraStateName = Literal["starting", "watching", "degraded", "blind", "off"]


class _Documented:
    """The docstring under a field becomes its description in the JSON Schema."""

    __slots__ = ()
    __pydantic_config__: ClassVar = {"use_attribute_docstrings": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class Head(_Documented):
    """What every JSON payload starts with."""

    schema: Literal[1]
    """Version of this layout: goes up when a key changes its meaning or goes away; new keys do not count."""
    device: str
    """Name of the device, as in the topic."""
    ts: str
    """When published: RFC 3339, UTC, milliseconds."""
    boot_id: str
    """The kernel's id of this boot: `mono_ns` of two messages compare only under the same one."""
    mono_ns: int
    """CLOCK_MONOTONIC when published, nanoseconds."""
    time_synced: bool
    """False while nobody has set the device's clock since it booted: `ts` may be far off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionEntry(_Documented):
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
    backend: Backend
    inference_ms: float
    """The bare invoke."""
    latency_ms: float
    """Capture to publish."""
    detections: tuple[DetectionEntry, ...]
    """Highest score first."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonEntry(_Documented):
    """Why the state is not `ok`."""

    component: str
    """`detector`, `broker`, `system` or the name of a camera."""
    code: str
    """A fixed word for programs; further ones may come."""
    message: str
    """A sentence for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorEntry(_Documented):
    """The accelerator side."""

    backend: Literal["edgetpu", "cpu", "none"]
    model: str | None
    restarts: int
    """Workers that were replaced since the daemon started."""
    fallbacks: int
    """Changes to a less preferred accelerator since the daemon started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraHealthEntry(_Documented):
    """One camera."""

    state: CameraStateName
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


@dataclass(frozen=True, slots=True, kw_only=True)
class PercentilesEntry(_Documented):
    """Of the last half minute, milliseconds."""

    p50: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraStatsEntry(_Documented):
    """One camera."""

    captured_fps: float | None
    processed_fps: float | None
    dropped: int
    """Frames that a newer one replaced, since the daemon started."""
    inference_ms: PercentilesEntry | None
    """Null when no frame was processed lately."""
    latency_ms: PercentilesEntry | None
    """Capture to publish; null when no frame was processed lately."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessEntry(_Documented):
    """The daemon and its workers together."""

    cpu_percent: float | None
    """100 is one core kept busy, since the last message."""
    pss_mb: float | None
    """Proportional memory, MiB."""
    workers: int
    """Child processes that are alive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemEntry(_Documented):
    """The machine."""

    cpu_temp_c: float | None
    mem_available_mb: float | None
    disk_free_mb: float | None
    """Where the state directory lies."""
    undervoltage: bool | None
    throttled: bool | None
    wifi_dbm: float | None
    mem_total_mb: float | None
    memory_stalled_percent: float | None
    """Share of the last ten seconds in which every process waited for memory; null without the kernel's PSI."""
    disk_total_mb: float | None
    """Size of the disk where the state directory lies."""
    undervoltage_since_boot: bool | None
    """Under-voltage now or earlier since the Pi was switched on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeTpuEntry(_Documented):
    """One Edge TPU."""

    device: str
    temp_c: float | None
    usb_mbps: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryEntry(_Documented):
    """What was done to get lost accelerators back, counted since the daemon started."""

    respawns: int
    """Workers started in place of a lost one."""
    reloads: int
    """Those of them that loaded the device's firmware anew."""
    resets: int
    """Devices that the reset helper reset."""
    power_cycles: int
    """Devices whose power the reset helper switched off and on."""
    probes: int
    """Looks for an Edge TPU, or for its model, that was absent before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MqttEntry(_Documented):
    """The link to the broker, since the daemon started."""

    spooled: int
    """Events that wait for the broker."""
    dropped: int
    """Messages that were not sent because the broker was away or slow."""
    reconnects: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StatsPayload(Head):
    """`stats`, every `stats_interval_s`."""

    uptime_s: float
    versions: dict[str, str | None]
    """Of edgedet, Python and what inference runs on."""
    cameras: dict[str, CameraStatsEntry]
    process: ProcessEntry
    system: SystemEntry
    edgetpu: tuple[EdgeTpuEntry, ...]
    detector: RecoveryEntry
    mqtt: MqttEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultPayload(Head):
    """`cmd/<verb>/result`: what became of a command."""

    id: str | None
    """The one that the command came with."""
    ok: bool
    message: str
    """What was done, or why it was not."""


_PAYLOADS: dict[Kind, type[Head]] = {
    "detections": DetectionsPayload,
    "event": EventPayload,
    "health": HealthPayload,
    "stats": StatsPayload,
    "result": ResultPayload,
}


def json_schema(kind: str) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of one kind of payload.

    Raises:
        ValueError: not one of `KINDS`.
    """
    from pydantic import TypeAdapter  # here, not above: costs 60 ms, which only who prints a schema should pay

    payload = {str(name): cls for name, cls in _PAYLOADS.items()}.get(kind)
    if payload is None:
        raise ValueError(f"there is no payload {kind!r}: one of {', '.join(KINDS)}")
    schema = TypeAdapter(payload).json_schema(mode="serialization")
    # pydantic reads attribute docstrings from the class itself, not from its bases.
    schema["properties"].update(TypeAdapter(Head).json_schema(mode="serialization")["properties"])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": f"edgedet {kind}"}
