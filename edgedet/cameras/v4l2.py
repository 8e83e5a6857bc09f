"""A USB or other camera that the kernel offers as /dev/video*, through Video4Linux.

What this file does with a real device cannot be tried on a kernel without media devices, so its tests cover the
errors and the settings, not the pictures. A device that hangs blocks in the kernel, where no time-out reaches: the
supervisor's deadline ends it.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from edgedet.errors import SourceError

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.error import FFmpegError

    from edgedet.cameras import Camera

_FIRST_FRAME_S = 10.0
"""Some webcams take seconds to set their exposure before they give the first picture."""


@dataclass(frozen=True, slots=True)
class Settings:
    """A camera under /dev."""

    device: str = "/dev/video0"
    """The device; the names in /dev/v4l/by-id stay the same when others are plugged in."""
    size: tuple[int, int] | None = None
    """Width and height, pixels; default: what the device is set to."""
    fps: float | None = None
    """Frames a second to ask the device for; default: what it is set to."""
    input_format: str | None = None
    """Pixel format to ask for, such as `yuyv422` or (for large sizes over USB 2) `mjpeg`; default: the device's."""
    type: Literal["v4l2"] = "v4l2"

    def __post_init__(self) -> None:
        if not self.device:
            raise ValueError("device: an empty name; give one such as /dev/video0")
        if self.size is not None and min(self.size) < 1:
            raise ValueError(f"size: {list(self.size)} is no size; give width and height in pixels")
        if self.fps is not None and not 0 < self.fps <= 1000:
            raise ValueError(f"fps: {self.fps:g} is out of range; give frames a second, above 0")

    @property
    def pause_s(self) -> float | None:
        """See `edgedet.cameras`."""
        return None if self.fps is None else 1.0 / self.fps


def open_camera(settings: Settings) -> Camera:
    """The source, opened when it is entered."""
    # Here, so that a configuration is read without FFmpeg: it takes 60 ms and 30 MB.
    from edgedet.cameras._live import LiveCamera

    first_frame_s = _FIRST_FRAME_S + 3 * (settings.pause_s or 0.0)
    return LiveCamera(settings.device, lambda: _connect(settings), first_frame_s=first_frame_s)


def options_of(settings: Settings) -> dict[str, str]:
    """The settings under the names that FFmpeg's video4linux2 input has for them."""
    options = {}
    if settings.size is not None:
        width, height = settings.size
        options["video_size"] = f"{width}x{height}"
    if settings.fps is not None:
        options["framerate"] = f"{settings.fps:g}"
    if settings.input_format is not None:
        options["input_format"] = settings.input_format
    return options


def _connect(settings: Settings) -> InputContainer:
    import av
    from av.error import FFmpegError

    device = settings.device
    try:
        return av.open(device, format="v4l2", options=options_of(settings))
    except FFmpegError as error:
        raise _refusal(device, error) from None


def _refusal(device: str, error: FFmpegError) -> SourceError:
    from edgedet.cameras._pyav import reason_of

    match error.errno:
        case errno.ENOENT | errno.ENXIO | errno.ENODEV:
            return SourceError(
                f"{device}: there is no such camera",
                hint="Is it plugged in? `ls /dev/v4l/by-id` shows what is. The Pi's own camera is `type: picamera2`.",
            )
        case errno.EBUSY:
            return SourceError(
                f"{device} is in use by another program",
                hint=f"`fuser -v {device}` shows which one; end it.",
                code="camera_busy",
            )
        case errno.EACCES:
            return SourceError(
                f"{device}: no permission to open it", hint="Add the user of edgedet to the group `video`."
            )
        case errno.EPERM:
            # The kernel asks the cgroup last: mode and group of the node have let it pass.
            return SourceError(
                f"{device} is closed to this process, though its permissions are not",
                hint="The service began before the camera's driver: `sudo systemctl restart edgedet`. "
                "A container needs `--device`.",
            )
        case errno.ENOTTY | errno.EISDIR:
            return SourceError(f"{device} is no camera", hint="`ls /dev/v4l/by-id` shows the cameras there are.")
        case errno.EINVAL:
            return SourceError(
                f"{device} refuses the size, rate or format that is asked for",
                hint=f"`v4l2-ctl -d {device} --list-formats-ext` shows what it can.",
            )
        case _:
            return SourceError(
                f"{device} cannot be opened as a camera: {reason_of(error)}", hint="Unplug it and plug it in again."
            )
