"""What a worker and the daemon say to each other: one datagram a message, first byte its kind, little endian.

Every message that comes once a frame is a fixed struct; what is said once in a life is JSON. Nothing is pickled, so
that a child which has lost its mind can at worst send numbers.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from edgedet.types import Box, Detection, FrameStamp, PixelFormat

MAX_MESSAGE = 65536
"""Bytes. The largest is a result with `MAX_DETECTIONS` boxes."""
MAX_DETECTIONS = 2000


class Kind(IntEnum):
    """First byte of every message."""

    START = 1
    """Daemon to worker, JSON: what to do. Always the first message."""
    OPENED = 2
    """Worker to daemon, JSON: the device is open, this is what it is."""
    FAILED = 3
    """Worker to daemon, JSON: an error, told as `message`, `hint`, `kind`, `code`. The worker ends after it."""
    NOTE = 4
    """Worker to daemon, JSON: in `message` a camera's warning for the user, or what a detector is about to load."""
    TICKET = 5
    """Camera to daemon: a frame lies in this slot, which is the daemon's until it is released."""
    RELEASE = 6
    """Daemon to camera: the slot is free again."""
    ENDED = 7
    """Camera to daemon: the source has ended by itself."""
    SUBMIT = 8
    """Daemon to detector: look at this slot."""
    RESULT = 9
    """Detector to daemon: what was seen; the slot is the daemon's again."""
    SIGHT = 10
    """Camera to daemon, JSON: in `code` what is wrong with the picture from now on (`camera_dark`, …), or null."""
    ENCODE = 11
    """Daemon to camera: make a JPEG of what lies in this slot; see `pictures`."""
    PICTURE = 12
    """Camera to daemon: where it lies, or why there is none."""
    ATTEND = 13
    """Daemon to camera: something is being followed from now on, so that every frame is wanted, or nothing is."""


def pack_json(kind: Kind, body: dict[str, Any]) -> bytes:
    """A message that is said once in a life."""
    return bytes((kind,)) + json.dumps(body, separators=(",", ":")).encode()


def unpack_json(message: bytes) -> dict[str, Any]:
    """The body of such a message.

    Raises:
        ValueError: it is no JSON object.
    """
    body = json.loads(message[1:])
    if not isinstance(body, dict):
        raise ValueError("a worker's message is no JSON object")
    return body


# kind, pixel format, slot, frame number, captured_ns, pts_s, width, height, what is true of it; then the picture's name
# in UTF-8
_TICKET = struct.Struct("<BBHQQdIIB")
_MOVING, _NIGHT = 1, 2
_RELEASE = struct.Struct("<BH")
_ATTEND = struct.Struct("<B?")
_ENDED = struct.Struct("<BQ")
# kind, slot, ticket number, width, height, min_score, iou, max_detections; then the wanted classes as a bitmap
_SUBMIT = struct.Struct("<BHQIIffI")
# kind, instance, ticket number, detections, values that were no numbers, prepare ns, invoke ns, decode ns
_RESULT = struct.Struct("<BHQIIQQQ")
_DETECTION = struct.Struct("<I5f")


@dataclass(frozen=True, slots=True)
class Ticket:
    """A frame that lies in a camera's slot."""

    slot: int
    pixel_format: PixelFormat
    stamp: FrameStamp


def pack_ticket(ticket: Ticket) -> bytes:
    """See `Kind.TICKET`."""
    stamp = ticket.stamp
    head = _TICKET.pack(
        Kind.TICKET,
        ticket.pixel_format.value,
        ticket.slot,
        stamp.seq,
        stamp.captured_ns,
        stamp.pts_s,
        stamp.width,
        stamp.height,
        _MOVING * stamp.moving | _NIGHT * stamp.night,
    )
    return head + stamp.name.encode("utf-8", "surrogateescape")


def unpack_ticket(message: bytes) -> Ticket:
    """The reverse of `pack_ticket`."""
    _, pixel_format, slot, seq, captured_ns, pts_s, width, height, true = _TICKET.unpack_from(message)
    name = message[_TICKET.size :].decode("utf-8", "surrogateescape")
    moving, night = bool(true & _MOVING), bool(true & _NIGHT)
    stamp = FrameStamp(seq, captured_ns, pts_s, width, height, name, moving=moving, night=night)
    return Ticket(slot, PixelFormat(pixel_format), stamp)


def pack_release(slot: int) -> bytes:
    """See `Kind.RELEASE`."""
    return _RELEASE.pack(Kind.RELEASE, slot)


def unpack_release(message: bytes) -> int:
    """The slot that is free again."""
    slot: int = _RELEASE.unpack(message)[1]
    return slot


def pack_attend(*, following: bool) -> bytes:
    """See `Kind.ATTEND`."""
    return _ATTEND.pack(Kind.ATTEND, following)


def unpack_attend(message: bytes) -> bool:
    """Whether something is being followed."""
    following: bool = _ATTEND.unpack(message)[1]
    return following


def pack_ended(frames: int) -> bytes:
    """See `Kind.ENDED`."""
    return _ENDED.pack(Kind.ENDED, frames)


def unpack_ended(message: bytes) -> int:
    """How many frames the source had."""
    frames: int = _ENDED.unpack(message)[1]
    return frames


@dataclass(frozen=True, slots=True)
class Limits:
    """Which of a model's answers count, for one camera."""

    min_score: float
    """In [0, 1]; equal counts."""
    iou: float
    """Two boxes of one class that overlap more than this are one object, in [0, 1]."""
    max_detections: int
    class_bitmap: bytes = b""
    """Bit n (lowest first) says whether class n is wanted; empty: every class."""


def bitmap_of(classes: frozenset[int]) -> bytes:
    """Classes as a bitmap, bit n of the whole (lowest first) for class n; at least one byte."""
    bits = sum(1 << class_id for class_id in classes)
    return bits.to_bytes(max(1, (bits.bit_length() + 7) // 8), "little")


def classes_of(bitmap: bytes) -> frozenset[int] | None:
    """The reverse of `bitmap_of`; None for an empty bitmap, which means every class."""
    if not bitmap:
        return None
    bits = int.from_bytes(bitmap, "little")
    return frozenset(index for index in range(bits.bit_length()) if bits >> index & 1)


@dataclass(frozen=True, slots=True)
class Submission:
    """A frame that the detector is to look at."""

    slot: int
    ticket: int
    """Number that the result repeats; counted per worker life."""
    width: int
    """Of the full frame, pixels: the letterbox follows from it."""
    height: int
    limits: Limits


def pack_submit(submission: Submission) -> bytes:
    """See `Kind.SUBMIT`."""
    limits = submission.limits
    head = _SUBMIT.pack(
        Kind.SUBMIT,
        submission.slot,
        submission.ticket,
        submission.width,
        submission.height,
        limits.min_score,
        limits.iou,
        limits.max_detections,
    )
    return head + limits.class_bitmap


def unpack_submit(message: bytes) -> Submission:
    """The reverse of `pack_submit`."""
    _, slot, ticket, width, height, min_score, iou, max_detections = _SUBMIT.unpack_from(message)
    limits = Limits(min_score, iou, max_detections, message[_SUBMIT.size :])
    return Submission(slot, ticket, width, height, limits)


@dataclass(frozen=True, slots=True)
class RawResult:
    """A detector's answer before the labels are put to it."""

    instance: int
    ticket: int
    invalid: int
    """How many of the model's values were no finite numbers and were left out."""
    prepare_ns: int
    invoke_ns: int
    decode_ns: int
    boxes: bytes
    """The detections, packed."""
    backend: str = ""
    """Who answered, `cpu` or `edgetpu`: not sent, since the daemon knows whom it asked."""


def pack_result(result: RawResult) -> bytes:
    """See `Kind.RESULT`. `boxes` is already packed: records of `<I5f`, class id, score, x1, y1, x2, y2."""
    head = _RESULT.pack(
        Kind.RESULT,
        result.instance,
        result.ticket,
        len(result.boxes) // _DETECTION.size,
        result.invalid,
        result.prepare_ns,
        result.invoke_ns,
        result.decode_ns,
    )
    return head + result.boxes


def unpack_result(message: bytes, backend: str = "") -> RawResult:
    """The reverse of `pack_result`, of a worker of that backend.

    Raises:
        ValueError: the length does not fit the count.
    """
    _, instance, ticket, count, invalid, prepare_ns, invoke_ns, decode_ns = _RESULT.unpack_from(message)
    boxes = message[_RESULT.size :]
    if len(boxes) != count * _DETECTION.size:
        raise ValueError(f"a result of {count} detections with {len(boxes)} bytes")
    return RawResult(instance, ticket, invalid, prepare_ns, invoke_ns, decode_ns, boxes, backend)


def detections_of(boxes: bytes, labels: tuple[str, ...]) -> tuple[Detection, ...]:
    """The packed detections with their names, in the order in which they came."""
    return tuple(
        Detection(
            labels[class_id] if class_id < len(labels) else f"class_{class_id}",
            class_id,
            score,
            Box(x1, y1, x2, y2),
        )
        for class_id, score, x1, y1, x2, y2 in _DETECTION.iter_unpack(boxes)
    )
