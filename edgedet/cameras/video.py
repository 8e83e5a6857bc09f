"""A video file: anything that FFmpeg opens. Every frame in order, or at its own pace like a camera."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from edgedet.cameras import Camera


@dataclass(frozen=True, slots=True)
class Settings:
    """A video file as a source."""

    path: str
    """The file."""
    loop: bool = False
    """Begin again at the end. Frame numbers and times go on rising."""
    realtime: bool = False
    """Pace the frames by their own time stamps, as a camera would: a slow reader then misses frames."""
    type: Literal["video"] = "video"

    def __post_init__(self) -> None:
        if not self.path:
            raise ValueError("path: an empty path; give the video file")
        if self.path.endswith("/") and "://" not in self.path:
            raise ValueError(f"path: {self.path} is a folder, not a video; folders are of type: images")

    @property
    def pause_s(self) -> float | None:
        """See `edgedet.cameras`. What is not paced comes as fast as it is read."""
        return None if self.realtime else 0.0


def open_camera(settings: Settings) -> Camera:
    """The source, opened when it is entered."""
    # Here, so that a configuration is read without FFmpeg: it takes 60 ms and 30 MB.
    from edgedet.cameras._video import VideoCamera

    return VideoCamera(settings)
