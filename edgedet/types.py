"""What flows through the pipeline: plain frozen values, without numpy, cheap to make and to compare.

Coordinates are fractions of the full frame unless a name says otherwise: x to the right, y down, [0, 1].
Times that end in `_ns` are CLOCK_MONOTONIC nanoseconds, the clock of picamera2's `SensorTimestamp`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


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
