"""What flows through the pipeline: plain frozen values, without numpy, cheap to make and to compare.

Coordinates are fractions of the full frame unless a name says otherwise: x to the right, y down, [0, 1].
Times that end in `_ns` are CLOCK_MONOTONIC nanoseconds, the clock of picamera2's `SensorTimestamp`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in fractions of the full frame, corners `(x1, y1)` top left and `(x2, y2)` bottom right."""

    x1: float
    y1: float
    x2: float
    y2: float

    @property
    def area(self) -> float:
        """Share of the frame that the box covers, in [0, 1]; zero for an inverted box."""
        return max(0.0, self.x2 - self.x1) * max(0.0, self.y2 - self.y1)


@dataclass(frozen=True, slots=True)
class Detection:
    """One object in one frame, as the model saw it."""

    label: str
    class_id: int
    """Index of the class in the model's own list."""
    score: float
    """Confidence in [0, 1]."""
    box: Box


class PixelFormat(Enum):
    """How the full view of a frame lies in memory."""

    NONE = 0
    """No full view was asked for."""
    I420 = 1
    """Planes Y, U, V without padding; chroma at half size, rounded up. Height x width x 1.5 bytes."""
    RGB24 = 2
    """Interleaved R, G, B, without padding. Height x width x 3 bytes."""


@dataclass(frozen=True, slots=True)
class ViewSize:
    """Width and height of a picture, in pixels."""

    width: int
    height: int


@dataclass(frozen=True, slots=True)
class FrameStamp:
    """What is known of a frame without its pixels."""

    seq: int
    """Number of the frame in its source, from 0. A gap means frames that were dropped, by design."""
    captured_ns: int
    """CLOCK_MONOTONIC when the frame was exposed (picamera2) or came out of the decoder (all others)."""
    pts_s: float
    """Presentation time in the source, seconds from its start; 0.0 for a still picture."""
    width: int
    """Width of the full frame, pixels, after EXIF orientation."""
    height: int
    """Height of the full frame, pixels, after EXIF orientation."""
    name: str = ""
    """Which of several pictures this is (`folder/name.jpg`); empty for a stream."""
    moving: bool = True
    """False when the motion gate is on and nothing moved in this picture."""
    night: bool = False
    """Whether the picture was taken in the dark, as far as it shows (see `workers/light.py`)."""


@dataclass(frozen=True, slots=True)
class Inference:
    """What one frame cost in the detector worker, in milliseconds, and who did it."""

    backend: str
    """`edgetpu` or `cpu`."""
    prepare_ms: float
    """Quantising the picture into the input tensor."""
    invoke_ms: float
    """The bare `invoke()`."""
    decode_ms: float
    """Reading the output tensors: threshold, NMS, inverse letterbox."""


@dataclass(frozen=True, slots=True)
class FrameResult:
    """A frame that was looked at. An empty tuple means that nothing was seen, never that nobody looked."""

    stamp: FrameStamp
    inference: Inference
    detections: tuple[Detection, ...]
    """Highest score first."""


@dataclass(frozen=True, slots=True)
class Track:
    """One object over time, as it is known after a frame."""

    id: int
    """Counts up from 1 within the life of a tracker."""
    label: str
    """As most of its detections say, weighted by their scores: one that is seen as a cat for a frame stays a dog."""
    class_id: int
    score: float
    """Of the detection in this frame; of the last one while it is coasting."""
    box: Box
    """Where it is, or while it is coasting, where it should be."""
    confirmed: bool
    """Seen often and long enough to be told of."""
    detection: int | None
    """Index of its detection in this frame; None while it is coasting."""
    first_ns: int
    """When it was first seen: a frame's `captured_ns`, or what stands in its place for a recording."""
    seen_ns: int
    """When it was last seen."""


class EventKind(StrEnum):
    """A step in the life of an object."""

    NEW = "new"
    UPDATE = "update"
    END = "end"
    ZONE_ENTER = "zone_enter"
    ZONE_LEAVE = "zone_leave"
    LINE_CROSS = "line_cross"


class EndReason(StrEnum):
    """Why a life is over."""

    LEFT = "left"
    RESTART = "restart"
    """The daemon ended while the object was there."""
    BLIND = "blind"
    """It was not there any more when the camera looked again."""
    OFF = "off"
    """The camera was switched off."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that is worth telling, without number and wall time: those are given where it leaves the device."""

    id: str
    """One for the whole life of an object."""
    kind: EventKind
    label: str
    track_id: int
    score: float
    """In the frame that this is about, in [0, 1]."""
    top_score: float
    """The best so far."""
    box: Box
    captured_ns: int
    """Of the frame that this is about."""
    started_ns: int
    """Of the first frame of the object."""
    ended_ns: int | None = None
    """Of the last frame of the object; only of `end`."""
    end_reason: EndReason | None = None
    zone: str | None = None
    """Of `zone_enter` and `zone_leave`."""
    line: str | None = None
    """Of `line_cross`."""
    direction: str | None = None
    """Of `line_cross`: `in` is from the line's left to its right, otherwise `out`."""
    zones: tuple[str, ...] = ()
    """Where the object is now, in the order of the configuration."""
    entered_zones: tuple[str, ...] = ()
    """Where it has been, in the order of its coming."""
    loitering: tuple[str, ...] = ()
    """Zones in which it has stayed longer than is usual there."""
    stationary: bool = False
