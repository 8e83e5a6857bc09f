"""Sources of frames, one file each. `type: rtsp` in a configuration is `edgedet/cameras/rtsp.py`; there is no registry.

A source module holds `Settings`, a frozen standard-library dataclass whose `type` is the module's name, and
`open_camera(settings)`, which returns a `Camera`. It runs in a worker child and imports numpy and its own driver only.
Files that begin with an underscore are shared by sources and are none themselves.

A source whose driver comes with another Python than edgedet's own has a property `interpreter` in its `Settings`: the
path of the interpreter that its worker runs on. One that runs by itself has a property `pause_s`: the seconds from
one frame to the next, as far as the settings say; None where they do not.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgedet.types import PixelFormat, ViewSize


class Shot(Protocol):
    """One frame that a source holds, not yet scaled: what is dropped must cost nothing but its decoding."""

    @property
    def captured_ns(self) -> int:
        """CLOCK_MONOTONIC when the frame was exposed, or came out of the decoder."""

    @property
    def pts_s(self) -> float:
        """Seconds from the start of the source; 0.0 for a still picture."""

    @property
    def width(self) -> int:
        """Width of the full frame in pixels, after EXIF orientation."""

    @property
    def height(self) -> int:
        """Height of the full frame in pixels, after EXIF orientation."""

    @property
    def name(self) -> str:
        """Which picture of several this is (`folder/name.jpg`); empty for a stream."""

    def draw_detect(self, window: NDArray[np.uint8]) -> None:
        """Scale the whole frame into `window`, RGB of shape (height, width, 3), rows not contiguous with each other.

        The window is the inner part of a letterbox; the padding around it is the caller's.
        """

    def draw_full(self, memory: NDArray[np.uint8]) -> PixelFormat:
        """Write the full view at the start of the flat `memory` (at least height x width x 3 bytes), say its format."""


class Camera(AbstractContextManager["Camera"], Protocol):
    """An opened source. Opening is entering it; leaving releases the device."""

    @property
    def live(self) -> bool:
        """Whether the source runs by itself, so that a slow reader must lose frames (newest wins)."""

    @property
    def expected_frames(self) -> int | None:
        """How many frames there will be, as far as the source says; None where it does not or has no end."""

    @property
    def notes(self) -> tuple[str, ...]:
        """One-line warnings for the user that opening produced, such as files that were passed over."""

    def frames(self) -> Iterator[Shot]:
        """Every frame in order. Ends at the end of the source.

        A shot is valid until the next one is asked for.

        Raises:
            SourceError: the source gave no frame at all; the message says what it is and what to do.
            SourceLost: it broke off after frames had come; the message names the first frame that is missing.
        """


@runtime_checkable
class ScalesItself(Protocol):
    """What a camera has besides whose hardware scales: the size must be known before the first frame."""

    def scale_to(self, view: ViewSize) -> None:
        """Say, before it is entered, how large the detect view is. What is drawn then costs a copy."""


def available() -> tuple[str, ...]:
    """Names of the sources that exist, found by looking at the folder."""
    names = (module.name for module in pkgutil.iter_modules(__path__))
    return tuple(sorted(name for name in names if not name.startswith("_")))
