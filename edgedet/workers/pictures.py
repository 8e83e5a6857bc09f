"""What is asked of a camera worker's picture encoder and what it answers: a JPEG of a frame that lies in a slot.

The slot stays the daemon's while it is asked, so nothing draws over the picture. The JPEG comes back in the same slot,
behind the full view, and the answer says where: a message of that size would wait for room in the socket, and the
camera's next frame with it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from edgedet.types import Box, PixelFormat
from edgedet.workers.protocol import Kind

JPEG_AT_MULTIPLE = 4096
"""The JPEG begins on such a multiple behind the full view, in bytes."""

# kind, pixel format, slot, request, width, height, widest, quality, crop, drawn, has a box; then the box
_ENCODE = struct.Struct("<BBHIIIIBBBB4f")
# kind, slot, request, offset in the slot's full view, length; then why there is none, in UTF-8
_PICTURE = struct.Struct("<BHIII")
_MAX_REASON = 400


@dataclass(frozen=True, slots=True)
class PictureOrder:
    """Which picture of a frame is wanted."""

    box: Box | None = None
    """The object that it is about, in fractions of the frame; None: the whole frame is."""
    draw: bool = False
    """Whether the outline of `box` is drawn."""
    crop: bool = False
    """Whether only `box` and a margin around it are kept."""
    widest: int = 1920
    """Pixels; a wider picture is made smaller by a whole factor."""
    quality: int = 85
    """Of the JPEG, 1 to 100."""


@dataclass(frozen=True, slots=True)
class PictureRequest:
    """An order, and where its frame lies."""

    number: int
    """Repeated in the answer; counted per worker life."""
    slot: int
    pixel_format: PixelFormat
    width: int
    """Of the full view, pixels."""
    height: int
    order: PictureOrder


@dataclass(frozen=True, slots=True)
class PictureAnswer:
    """Where the JPEG lies, or why there is none."""

    number: int
    slot: int
    offset: int
    """From the start of the slot's full view, bytes."""
    length: int
    """Bytes; 0: there is none."""
    reason: str = ""


def pack_request(request: PictureRequest) -> bytes:
    """See `Kind.ENCODE`."""
    order, box = request.order, request.order.box
    return _ENCODE.pack(
        Kind.ENCODE,
        request.pixel_format.value,
        request.slot,
        request.number,
        request.width,
        request.height,
        order.widest,
        order.quality,
        order.crop,
        order.draw,
        box is not None,
        *((0.0, 0.0, 0.0, 0.0) if box is None else (box.x1, box.y1, box.x2, box.y2)),
    )


def unpack_request(message: bytes) -> PictureRequest:
    """The reverse of `pack_request`; the box as exact as 32 bits are."""
    _, layout, slot, number, width, height, widest, quality, crop, draw, boxed, *corners = _ENCODE.unpack(message)
    order = PictureOrder(Box(*corners) if boxed else None, bool(draw), bool(crop), widest, quality)
    return PictureRequest(number, slot, PixelFormat(layout), width, height, order)


def pack_answer(answer: PictureAnswer) -> bytes:
    """See `Kind.PICTURE`."""
    head = _PICTURE.pack(Kind.PICTURE, answer.slot, answer.number, answer.offset, answer.length)
    return head + answer.reason.encode()[:_MAX_REASON]


def unpack_answer(message: bytes) -> PictureAnswer:
    """The reverse of `pack_answer`."""
    _, slot, number, offset, length = _PICTURE.unpack_from(message)
    return PictureAnswer(number, slot, offset, length, message[_PICTURE.size :].decode(errors="replace"))


def full_view_bytes(width: int, height: int, pixel_format: PixelFormat) -> int:
    """How much of a slot the full view takes, in bytes."""
    if pixel_format is PixelFormat.RGB24:
        return width * height * 3
    return width * height + 2 * ((width + 1) // 2) * ((height + 1) // 2)
