"""A little world of walking and driving figures whose truth is known: for the demo, and for tests without data.

The process that wants the truth makes the same scene from the same settings: `scene_of(settings).truth(stamp.pts_s)`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self

from edgedet.cameras._scene.scene import Scene
from edgedet.cameras._scene.style import FigurePool, Style
from edgedet.types import PixelFormat

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    import numpy as np
    from numpy.typing import NDArray

    from edgedet.cameras import Camera

_LEAST_SIDE, _MOST_SIDE = 32, 4096
_FASTEST = 1000.0
_MOST_OBJECTS = 30


@dataclass(frozen=True, slots=True)
class Settings:
    """The synthetic scene as a source."""

    type: Literal["synthetic"] = "synthetic"
    size: tuple[int, int] = (640, 480)
    """Width and height, pixels, 32 to 4096 each."""
    fps: float = 30.0
    """Frames a second, above 0 and up to 1000."""
    seed: int = 3
    """Which scene: place, and everybody who will ever walk through it. Number 3 is a street seen from near by."""
    objects: int = 6
    """How many objects share the scene at most, 0 to 30, parked cars not counted; 0 for an empty one."""
    night: bool = False
    """Whether it is dark, with noise, and lamps and headlights."""
    rain: bool = False
    """Whether it rains."""
    frames: int | None = None
    """End after that many frames and hand them out as fast as they are taken; unset, the scene runs live for ever."""

    def __post_init__(self) -> None:
        if not all(_LEAST_SIDE <= side <= _MOST_SIDE for side in self.size):
            limits = f"{_LEAST_SIDE} to {_MOST_SIDE} each"
            raise ValueError(f"size: {list(self.size)} is no size; give width and height in pixels, {limits}")
        if not 0.0 < self.fps <= _FASTEST:
            limits = f"above 0 and at most {_FASTEST:g}"
            raise ValueError(f"fps: {self.fps:g} is out of range; give frames a second, {limits}")
        if not 0 <= self.objects <= _MOST_OBJECTS:
            raise ValueError(f"objects: {self.objects} is no number of objects; give one of 0 to {_MOST_OBJECTS}")
        if self.frames is not None and self.frames < 1:
            raise ValueError(f"frames: {self.frames} is no number of frames; give 1 or more, or null for no end")

    @property
    def pause_s(self) -> float:
        """See `edgedet.cameras`."""
        return 1.0 / self.fps


def scene_of(settings: Settings) -> Scene:
    """The scene that those settings show, without anything drawn yet."""
    style = Style(
        figures=FigurePool.UNSEEN,
        objects=(settings.objects, settings.objects),
        night=settings.night,
        rain=settings.rain,
        parked_cars=None if settings.objects else 0,
    )
    return Scene(settings.seed, settings.size, style)


def open_camera(settings: Settings) -> Camera:
    """The source, opened when it is entered."""
    return SyntheticCamera(settings)


class SyntheticShot:
    """A rendered frame."""

    __slots__ = ("_pixels", "captured_ns", "height", "name", "pts_s", "width")

    def __init__(self, pixels: NDArray[np.uint8], captured_ns: int, pts_s: float) -> None:
        self._pixels = pixels
        self.captured_ns = captured_ns
        self.pts_s = pts_s
        self.name = ""
        self.height: int = pixels.shape[0]
        self.width: int = pixels.shape[1]

    def draw_detect(self, window: NDArray[np.uint8]) -> None:
        """See `edgedet.cameras.Shot`."""
        if window.shape == self._pixels.shape:
            window[...] = self._pixels
            return
        import numpy as np
        from PIL import Image

        size = (window.shape[1], window.shape[0])
        window[...] = np.asarray(Image.fromarray(self._pixels).resize(size, Image.Resampling.BILINEAR))

    def draw_full(self, memory: NDArray[np.uint8]) -> PixelFormat:
        """See `edgedet.cameras.Shot`."""
        memory[: self._pixels.size].reshape(self._pixels.shape)[...] = self._pixels
        return PixelFormat.RGB24


class SyntheticCamera:
    """Implements `edgedet.cameras.Camera` for a scene."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._scene = scene_of(settings)

    @property
    def live(self) -> bool:
        """Whether it runs by the clock: unless it has a number of frames."""
        return self._settings.frames is None

    @property
    def expected_frames(self) -> int | None:
        """How many frames there will be; None for a live scene."""
        return self._settings.frames

    @property
    def notes(self) -> tuple[str, ...]:
        """None: nothing is passed over."""
        return ()

    def __enter__(self) -> Self:
        """Paint what stands still (some 0.1 s)."""
        self._scene.render(0.0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Nothing is held."""

    def frames(self) -> Iterator[SyntheticShot]:
        """See `edgedet.cameras.Camera`."""
        period_ns = 1e9 / self._settings.fps
        start_ns = time.monotonic_ns()
        number = 0
        while self._settings.frames is None or number < self._settings.frames:
            if self.live:
                early_ns = start_ns + round(number * period_ns) - time.monotonic_ns()
                if early_ns > 0:
                    time.sleep(early_ns / 1e9)
                elif -early_ns > period_ns:
                    # Too slow for its own rate: like a camera it drops what should have been, and time goes on.
                    number += int(-early_ns / period_ns)
            pts_s = number / self._settings.fps
            pixels = self._scene.render(pts_s)
            yield SyntheticShot(pixels, time.monotonic_ns(), pts_s)
            number += 1
