"""From what a user types after `edgedet detect` to a camera driver and its settings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgedet.errors import UsageError
from edgedet.paths import seen

PICTURE_SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"))
"""What counts as a picture by its name; everything else that is a file is tried as a video."""

_CAMERA_DEVICES = ("/dev/video", "/dev/v4l/")
"""Where the kernel and udev put cameras: what begins so is one, also where it is not plugged in."""


@dataclass(frozen=True, slots=True)
class NamedSource:
    """A source as given, and how to open it."""

    given: str
    """What the user typed: results name it so."""
    source: dict[str, object]
    """The driver's settings; `type` names the driver."""

    @property
    def is_still(self) -> bool:
        """One picture or several, none of which moves."""
        return self.source["type"] == "images"

    @property
    def is_picture(self) -> bool:
        """One still picture."""
        return self.is_still and not seen(Path(self.given).is_dir)

    @property
    def is_camera(self) -> bool:
        """Whether it shows what is in front of it now, as the synthetic scene does, and no recording."""
        return self.source["type"] in {"rtsp", "v4l2", "synthetic"}


def source_of(given: str) -> NamedSource:
    """Find the driver: an address, a device, `synthetic`, a folder, a picture or a video, in this order.

    What is in a folder that is closed to us goes by its name: its driver says why it cannot be read.

    Raises:
        UsageError: nothing at all, or an address of a kind that no driver reads.
    """
    if not given:
        # As a path it would be the current folder, which nobody means who wrote "$CLIP".
        raise UsageError("a source without a name", hint="Give a picture, a folder, a video or a camera.")
    scheme, separator, _ = given.partition("://")
    if separator:
        if scheme in ("rtsp", "rtsps"):
            return NamedSource(given, {"type": "rtsp", "url": given})
        if scheme == "file":
            return source_of(given.removeprefix("file://"))
        raise UsageError(f"{given}: no source reads {scheme}://", hint="Addresses begin with rtsp:// or rtsps://.")
    path = Path(given)
    if given == "synthetic" and not seen(path.exists):
        return NamedSource(given, {"type": "synthetic", "frames": 300})
    if given.startswith(_CAMERA_DEVICES) or seen(path.is_char_device):
        return NamedSource(given, {"type": "v4l2", "device": given})
    if given.endswith("/") or seen(path.is_dir) or path.suffix.lower() in PICTURE_SUFFIXES:
        return NamedSource(given, {"type": "images", "path": given})
    return NamedSource(given, {"type": "video", "path": given})
