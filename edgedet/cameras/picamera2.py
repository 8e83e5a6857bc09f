"""The Raspberry Pi's own cameras, through picamera2 of the system's Python.

libcamera's bindings come with the distribution and for its Python only. So this driver's worker runs on
`/usr/bin/python3`, with the numpy of the distribution, whatever edgedet's own environment holds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from edgedet.cameras import Camera

_SMALLEST, _LARGEST = 32, 8192
_SYSTEM_PYTHON = "/usr/bin/python3"


@dataclass(frozen=True, slots=True)
class Settings:
    """A camera on the Pi's CSI connector, or a USB camera that libcamera knows."""

    size: tuple[int, int] = (1280, 720)
    """Width and height of the full view, even pixels, each in 32 to 8192; the sensor's nearest mode is used."""
    fps: float = 15.0
    """Frames a second that the sensor is run at, above 0 and at most 240."""
    camera: int | str = 0
    """Which camera: its number in the order of `rpicam-hello --list-cameras`, from 0, or its model, such as imx708."""
    rotation: Literal[0, 180] = 0
    """Degrees by which the picture is turned, in the sensor."""
    hflip: bool = False
    """Whether left and right are swapped, in the sensor, after the rotation."""
    vflip: bool = False
    """Whether top and bottom are swapped, in the sensor, after the rotation."""
    controls: dict[str, bool | int | float | str | tuple[float, ...]] = field(default_factory=dict)
    """libcamera controls such as ExposureValue or AwbMode, by name; an enumeration's value by its name or number."""
    python: str | None = None
    """Interpreter that has picamera2; unset: the system's, /usr/bin/python3."""
    type: Literal["picamera2"] = "picamera2"

    def __post_init__(self) -> None:
        if not all(_SMALLEST <= side <= _LARGEST for side in self.size):
            raise ValueError(f"size: {list(self.size)} is no size; give width and height in pixels, 32 to 8192 each")
        if any(side % 2 for side in self.size):
            raise ValueError(f"size: {list(self.size)} is odd; libcamera gives even widths and heights only")
        if not 0 < self.fps <= 240:
            raise ValueError(f"fps: {self.fps:g} is out of range; give frames a second, above 0 and at most 240")
        if isinstance(self.camera, int) and self.camera < 0:
            raise ValueError(f"camera: {self.camera} is no number of a camera; count from 0")

    @property
    def interpreter(self) -> str:
        """See `edgedet.cameras`: which Python the worker of this source runs on."""
        return self.python or _SYSTEM_PYTHON

    @property
    def pause_s(self) -> float:
        """See `edgedet.cameras`. A control that sets the rate stands in place of `fps`."""
        rate, limits = self.controls.get("FrameRate"), self.controls.get("FrameDurationLimits")
        if isinstance(rate, int | float) and rate > 0:
            return 1.0 / rate
        # The sensor may take the longest frame that it is allowed, as it does for a long exposure at night.
        return max(limits) * 1e-6 if isinstance(limits, tuple) and limits else 1.0 / self.fps


def open_camera(settings: Settings) -> Camera:
    """The camera, opened when it is entered."""
    from edgedet.cameras._libcamera import LibcameraCamera

    return LibcameraCamera(settings)
