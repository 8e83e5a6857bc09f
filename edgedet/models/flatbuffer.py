"""A bounds-checked reader of the TFLite flatbuffer, on the standard library alone.

The interpreter's own Python schema costs an import of numpy and trusts every offset; this one reads only what a
loader must know, and a truncated or hostile file ends in a `FlatbufferError`, never in a crash or an endless loop.
Field numbers are those of tensorflow/lite/schema/schema.fbs.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

IDENTIFIER = b"TFL3"
"""At byte 4 of every .tflite file."""

_MAX_STRING = 65536

_U16 = struct.Struct("<H")
_I32 = struct.Struct("<i")
_U32 = struct.Struct("<I")


class FlatbufferError(ValueError):
    """An offset, a length or a string that cannot be: the file is truncated or no flatbuffer."""


class Table:
    """One table of a flatbuffer. Fields that the file leaves out read as their default."""

    __slots__ = ("_data", "_position", "_slots", "_vtable")

    def __init__(self, data: bytes, position: int) -> None:
        self._data = data
        self._position = position
        vtable = position - _scalar(_I32, data, position)
        length = _scalar(_U16, data, vtable)
        _check_range(data, vtable, length)
        self._vtable = vtable
        self._slots = (length - 4) // 2

    @classmethod
    def root(cls, data: bytes, start: int = 0) -> Table:
        """The root table of the flatbuffer that begins at byte `start`."""
        return cls(data, start + _scalar(_U32, data, start))

    def _field(self, number: int) -> int:
        if number >= self._slots:
            return 0
        offset = int(_scalar(_U16, self._data, self._vtable + 4 + 2 * number))
        return self._position + offset if offset else 0

    def _target(self, number: int) -> int:
        field = self._field(number)
        return field + int(_scalar(_U32, self._data, field)) if field else 0

    def _vector(self, number: int, item_size: int) -> tuple[int, int]:
        """Where a vector's items begin, and how many there are."""
        target = self._target(number)
        if not target:
            return 0, 0
        count = int(_scalar(_U32, self._data, target))
        _check_range(self._data, target + 4, count * item_size)
        return target + 4, count

    def scalar(self, number: int, form: str, default: int = 0) -> int:
        """A number in `struct` form `form`, as an integer."""
        field = self._field(number)
        return int(_scalar(struct.Struct("<" + form), self._data, field)) if field else default

    def text(self, number: int) -> str:
        """A string; what is no UTF-8 is replaced, so that it can be printed."""
        start, count = self._vector(number, 1)
        return self._data[start : start + min(count, _MAX_STRING)].decode("utf-8", "replace")

    def numbers(self, number: int, form: str) -> tuple[int | float, ...]:
        """A vector of numbers in `struct` form `form`."""
        start, count = self._vector(number, struct.calcsize("<" + form))
        return struct.unpack_from(f"<{count}{form}", self._data, start)

    def span(self, number: int) -> tuple[int, int]:
        """First byte and length of a vector of bytes, without copying it."""
        return self._vector(number, 1)

    def table(self, number: int) -> Table | None:
        """A table within this one."""
        target = self._target(number)
        return Table(self._data, target) if target else None

    def count(self, number: int) -> int:
        """How many items a vector of tables has."""
        return self._vector(number, 4)[1]

    def item(self, number: int, index: int) -> Table:
        """One item of a vector of tables."""
        start, count = self._vector(number, 4)
        if not 0 <= index < count:
            raise FlatbufferError(f"item {index} of {count}")
        place = start + 4 * index
        return Table(self._data, place + int(_scalar(_U32, self._data, place)))

    def items(self, number: int) -> Iterator[Table]:
        """All items of a vector of tables."""
        start, count = self._vector(number, 4)
        for place in range(start, start + 4 * count, 4):
            yield Table(self._data, place + int(_scalar(_U32, self._data, place)))


def _check_range(data: bytes, start: int, length: int) -> None:
    if start < 0 or length < 0 or start + length > len(data):
        raise FlatbufferError(f"bytes {start} to {start + length} of {len(data)}")


def _scalar(form: struct.Struct, data: bytes, place: int) -> int:
    if place < 0 or place + form.size > len(data):
        raise FlatbufferError(f"byte {place} of {len(data)}")
    value: int = form.unpack_from(data, place)[0]
    return value
