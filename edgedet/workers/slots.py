"""The shared memory of a camera worker as pictures, seen from the worker."""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING

import numpy as np

from edgedet.geometry import LETTERBOX_GREY, Letterbox
from edgedet.types import PixelFormat

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgedet.cameras import Shot
    from edgedet.workers.masks import Masks
    from edgedet.workers.memory import Layout
    from edgedet.workers.observer import Observer


class Slots:
    """Room for frames, and which of it is free. Masks are put on before a view can leave."""

    def __init__(self, shared: mmap.mmap, layout: Layout, view: tuple[int, int], masks: Masks) -> None:
        self._width, self._height = view
        self._masks = masks
        self._detect = [
            np.frombuffer(shared, np.uint8, layout.detect_bytes, layout.detect_at(slot)).reshape(
                self._height, self._width, 3
            )
            for slot in range(layout.slots)
        ]
        self._full = [
            np.frombuffer(shared, np.uint8, layout.full_bytes, layout.full_at(slot)) if layout.full_bytes else None
            for slot in range(layout.slots)
        ]
        self._letterbox: list[Letterbox | None] = [None] * layout.slots
        self.free = list(range(layout.slots))

    def full_view(self, slot: int) -> NDArray[np.uint8] | None:
        """The flat memory of a slot's full view, if there is any."""
        return self._full[slot]

    def draw_detect(self, slot: int, shot: Shot, observer: Observer) -> None:
        """Put the shot's detect view into the slot, and let the observer judge it."""
        letterbox = Letterbox.fit(shot.width, shot.height, self._width, self._height)
        picture = self._detect[slot]
        if letterbox != self._letterbox[slot]:
            # The padding stays as it is from frame to frame; only a picture of another shape moves it.
            picture.fill(LETTERBOX_GREY)
            self._letterbox[slot] = letterbox
        bottom, right = letterbox.top + letterbox.inner_height, letterbox.left + letterbox.inner_width
        window = picture[letterbox.top : bottom, letterbox.left : right]
        shot.draw_detect(window)
        observer.see_unmasked(window, shot)
        self._masks.black_out(window)
        observer.see_masked(window, shot)

    def draw_full(self, slot: int, shot: Shot) -> PixelFormat:
        """Put the shot's full view into the slot, where it has room for one; says how it lies there."""
        full = self._full[slot]
        if full is None or shot.width * shot.height * 3 > full.size:
            return PixelFormat.NONE
        pixel_format = shot.draw_full(full)
        self._masks.black_out_full(full, shot.width, shot.height, pixel_format)
        return pixel_format
