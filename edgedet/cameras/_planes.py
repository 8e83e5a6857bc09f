"""What libcamera writes into a buffer, as RGB and as I420: planes with padding at the end of each row.

The formats have libcamera's names, which say the order in a register and not in memory: its `BGR888` is R, G, B in
memory (picamera2's manual, appendix A; raspberrypi/picamera2#1325).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from edgedet.types import PixelFormat

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

_RGB = {"BGR888": (3, (0, 1, 2)), "RGB888": (3, (2, 1, 0)), "XBGR8888": (4, (0, 1, 2)), "XRGB8888": (4, (2, 1, 0))}
"""Bytes of a pixel, and where R, G and B lie in it."""
_PLANAR = {"YUV420": False, "YVU420": True}
_INTERLEAVED = {"NV12": False, "NV21": True}
"""Whether V comes before U."""
FORMATS = frozenset((*_RGB, *_PLANAR, *_INTERLEAVED))
"""What can be read here."""


@dataclass(frozen=True, slots=True)
class Stream:
    """How one stream of the camera lies in its buffers, as libcamera says after it was configured."""

    format: str
    """libcamera's name, one of `FORMATS`."""
    width: int
    """Pixels, even."""
    height: int
    """Pixels, even."""
    stride: int
    """Bytes from one row to the next, of the first plane: at least the row itself."""

    @classmethod
    def of(cls, configuration: Mapping[str, Any]) -> Stream:
        """From a stream's part of `Picamera2.camera_configuration()`."""
        width, height = configuration["size"]
        return cls(str(configuration["format"]), int(width), int(height), int(configuration["stride"]))

    def draw_rgb(self, buffer: NDArray[np.uint8], picture: NDArray[np.uint8]) -> None:
        """Convert the whole flat `buffer` into `picture`, RGB of shape (height, width, 3), which may be a window."""
        if self.format in _RGB:
            picture[...] = self._pixels(buffer)
            return
        luma, u, v = self._yuv(buffer)
        brightness = luma.astype(np.uint16)
        brightness *= _LUMA_TWICE
        brightness >>= 1
        signed = brightness.view(np.int16)
        mixed = np.empty_like(signed)
        for channel, colour in enumerate((_V_RED.take(v), _U_GREEN.take(u) + _V_GREEN.take(v), _U_BLUE.take(u))):
            # Row by row of chroma: broadcasting over blocks of two by two runs loops of two samples, at twice the time.
            wide = colour.repeat(2, axis=1)
            np.add(signed[0::2], wide, out=mixed[0::2])
            np.add(signed[1::2], wide, out=mixed[1::2])
            mixed >>= _SHIFT
            np.maximum(mixed, 0, out=mixed)
            np.minimum(mixed, 255, out=mixed)
            picture[..., channel] = mixed

    def draw_full(self, buffer: NDArray[np.uint8], memory: NDArray[np.uint8]) -> PixelFormat:
        """Write the picture without padding at the start of `memory`; YUV stays YUV. See `Shot.draw_full`."""
        pixels = self.width * self.height
        if self.format in _RGB:
            memory[: pixels * 3].reshape(self.height, self.width, 3)[...] = self._pixels(buffer)
            return PixelFormat.RGB24
        start = 0
        for plane in self._yuv(buffer):
            memory[start : start + plane.size].reshape(plane.shape)[...] = plane
            start += plane.size
        return PixelFormat.I420

    def _pixels(self, buffer: NDArray[np.uint8]) -> NDArray[np.uint8]:
        depth, order = _RGB[self.format]
        pixels = _rows(buffer, 0, self.stride, self.height, self.width * depth)
        pixels = pixels.reshape(self.height, self.width, depth)
        return pixels[..., :3] if order == (0, 1, 2) else pixels[..., 2::-1]

    def _yuv(self, buffer: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
        """Views of the planes Y, U and V."""
        luma = _rows(buffer, 0, self.stride, self.height, self.width)
        at, half_height, half_width = self.stride * self.height, self.height // 2, self.width // 2
        if self.format in _INTERLEAVED:
            both = _rows(buffer, at, self.stride, half_height, self.width)
            first, second = both[:, 0::2], both[:, 1::2]
            swapped = _INTERLEAVED[self.format]
        else:
            half_stride = self.stride // 2
            first = _rows(buffer, at, half_stride, half_height, half_width)
            second = _rows(buffer, at + half_stride * half_height, half_stride, half_height, half_width)
            swapped = _PLANAR[self.format]
        return (luma, second, first) if swapped else (luma, first, second)


def _rows(buffer: NDArray[np.uint8], at: int, stride: int, height: int, length: int) -> NDArray[np.uint8]:
    """The rows of a plane without their padding: a view."""
    # The last row may come without its padding.
    return np.ndarray((height, length), np.uint8, buffer, at, (stride, 1))


# BT.601 in limited range, with six bits after the point: all sums stay within 16 bits. The tables of the chroma, which
# has a quarter of the samples, hold the offsets of all: black is 16, and half a level makes the shift a rounding.
_SHIFT = 6
_ONE = 1 << _SHIFT
_LUMA_TWICE = 149
"""Twice 255 / 219 with six bits after the point, 149.04."""
_OFFSET = _ONE // 2 - 16 * _LUMA_TWICE // 2
_ROOM = 32767 - 255 * _LUMA_TWICE // 2
"""How much a chroma sample may add to the brightest luma; what would be beyond is at its limit anyway."""


def _table(factor: float, offset: int = 0) -> NDArray[np.int16]:
    levels = np.rint((np.arange(256) - 128) * (factor * _ONE)) + offset
    table: NDArray[np.int16] = np.minimum(levels, _ROOM).astype(np.int16)
    return table


_V_RED = _table(1.596, _OFFSET)
_U_GREEN = _table(-0.392, _OFFSET)
_V_GREEN = _table(-0.813)
_U_BLUE = _table(2.017, _OFFSET)
