"""Pictures: one file, or those of a folder in name order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from edgedet.cameras import Camera


@dataclass(frozen=True, slots=True)
class Settings:
    """Pictures as a source."""

    path: str
    """A picture, or a folder: its pictures are taken in name order, other files in it are passed over."""
    type: Literal["images"] = "images"

    def __post_init__(self) -> None:
        if not self.path:
            raise ValueError("path: an empty path; give a picture or a folder of them")


def open_camera(settings: Settings) -> Camera:
    """The source, opened when it is entered."""
    # Here, so that a configuration is read without the decoders.
    from edgedet.cameras._pictures import PictureCamera

    return PictureCamera(settings)
