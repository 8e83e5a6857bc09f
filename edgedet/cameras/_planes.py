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
        brightness = _LUMA.take(luma).reshape(self.height // 2, 2, self.width // 2, 2)
        for channel, colour in enumerate((_V_RED.take(v), _U_GREEN.take(u) + _V_GREEN.take(v), _U_BLUE.take(u))):
            mixed = brightness + colour[:, None, :, None]
            mixed >>= _SHIFT
            np.clip(mixed, 0, 255, out=mixed)
            picture[..., channel] = mixed.reshape(self.height, self.width)

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


# BT.601 in limited range, with six bits after the point: all sums stay within 16 bits, and tables replace products.
_SHIFT = 6
_ONE = 1 << _SHIFT


def _table(factor: float, zero: int, offset: float = 0.0) -> NDArray[np.int16]:
    levels = np.arange(256)
    table: NDArray[np.int16] = np.rint((levels - zero) * (factor * _ONE) + offset).astype(np.int16)
    return table


_LUMA = _table(255 / 219, 16, _ONE / 2)
_V_RED = _table(1.596, 128)
_U_GREEN = _table(-0.392, 128)
_V_GREEN = _table(-0.813, 128)
# A sum beyond 16 bits would turn white into black. What is this blue is at its limit anyway.
_U_BLUE = np.minimum(_table(2.017, 128), 32767 - _LUMA.max()).astype(np.int16)
