"""What must not be seen is made black in the camera worker, in every view, before anything leaves it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgedet.types import PixelFormat

Polygon = Sequence[tuple[float, float]]
"""Corners in fractions of the full frame."""

_BLACK_LUMA = 16
_GREY_CHROMA = 128


def rasterise(polygons: Sequence[Polygon], width: int, height: int) -> NDArray[np.bool_]:
    """Which pixels of a `width` x `height` picture have their centre inside one of the polygons (even-odd rule).

    Returns:
        Booleans of shape (height, width).
    """
    x = (np.arange(width) + 0.5) / width
    y = (np.arange(height) + 0.5) / height
    covered = np.zeros((height, width), np.bool_)
    for polygon in polygons:
        inside = np.zeros_like(covered)
        for (x1, y1), (x2, y2) in zip(polygon, [*polygon[1:], polygon[0]], strict=True):
            if y1 == y2:
                continue
            crosses = (y1 > y) != (y2 > y)
            at_x = x1 + (y - y1) * (x2 - x1) / (y2 - y1)
            inside ^= crosses[:, None] & (x[None, :] < at_x[:, None])
        covered |= inside
    return covered


@dataclass(frozen=True, slots=True)
class _Raster:
    """The covered pixels of one picture size, as flat indices, which is what makes blacking them cheap."""

    pixels: NDArray[np.intp]
    chroma: NDArray[np.intp]


class Masks:
    """Polygons that are black, for pictures of any size."""

    def __init__(self, polygons: Sequence[Polygon]) -> None:
        self._polygons = polygons
        self._rasters: dict[tuple[int, int], _Raster] = {}

    def black_out(self, window: NDArray[np.uint8]) -> None:
        """Black out an RGB picture of shape (height, width, 3), which may be a part of a larger one."""
        if not self._polygons:
            return
        height, width = window.shape[:2]
        window.reshape(height, width, 3)[np.unravel_index(self._raster(width, height).pixels, (height, width))] = 0

    def black_out_full(self, memory: NDArray[np.uint8], width: int, height: int, pixel_format: PixelFormat) -> None:
        """Black out a full view at the start of flat memory."""
        if not self._polygons:
            return
        raster = self._raster(width, height)
        if pixel_format is PixelFormat.RGB24:
            memory[: width * height * 3].reshape(-1, 3)[raster.pixels] = 0
        elif pixel_format is PixelFormat.I420:
            luma = width * height
            chroma = ((width + 1) // 2) * ((height + 1) // 2)
            memory[:luma][raster.pixels] = _BLACK_LUMA
            memory[luma : luma + chroma][raster.chroma] = _GREY_CHROMA
            memory[luma + chroma : luma + 2 * chroma][raster.chroma] = _GREY_CHROMA

    def _raster(self, width: int, height: int) -> _Raster:
        raster = self._rasters.get((width, height))
        if raster is None:
            covered = rasterise(self._polygons, width, height)
            # A chroma sample colours four pixels: it goes if one of them must.
            padded = np.pad(covered, ((0, height % 2), (0, width % 2)))
            quarters = padded.reshape(padded.shape[0] // 2, 2, padded.shape[1] // 2, 2).any(axis=(1, 3))
            raster = _Raster(np.flatnonzero(covered), np.flatnonzero(quarters))
            self._rasters[(width, height)] = raster
        return raster
