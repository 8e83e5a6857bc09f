"""The Raspberry Pi's own cameras, through picamera2 of the system's Python."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from edgedet.errors import SourceError

if TYPE_CHECKING:
    from edgedet.cameras import Camera

_SMALLEST, _LARGEST = 32, 8192


@dataclass(frozen=True, slots=True)
class Settings:
    """A camera on the Pi's CSI connector, or a USB camera that libcamera knows."""

    size: tuple[int, int] = (1280, 720)
    """Width and height of the full view, pixels, each in 32 to 8192; the sensor's nearest mode is used."""
    fps: float = 15.0
    """Frames a second that the sensor is run at, above 0 and at most 240."""
    camera: int = 0
    """Which camera, in the order of `rpicam-hello --list-cameras`, from 0."""
    rotation: Literal[0, 180] = 0
    """Degrees by which the picture is turned, in the sensor."""
    controls: dict[str, bool | int | float | str] = field(default_factory=dict)
    """libcamera controls such as ExposureValue or AwbMode, by name."""
    type: Literal["picamera2"] = "picamera2"

    def __post_init__(self) -> None:
        if not all(_SMALLEST <= side <= _LARGEST for side in self.size):
            raise ValueError(f"size: {list(self.size)} is no size; give width and height in pixels, 32 to 8192 each")
        if not 0 < self.fps <= 240:
            raise ValueError(f"fps: {self.fps:g} is out of range; give frames a second, above 0 and at most 240")
        if self.camera < 0:
            raise ValueError(f"camera: {self.camera} is no number of a camera; count from 0")


def open_camera(settings: Settings) -> Camera:
    """Refuses for now: nothing here talks to libcamera yet.

    Raises:
        SourceError: always; reading from picamera2 comes with the support for the Pi's hardware.
    """
    raise SourceError(
        f"camera {settings.camera}: this version cannot read from picamera2 yet",
        hint="Use type: v4l2 for a USB camera, or type: rtsp for a network camera.",
    )
