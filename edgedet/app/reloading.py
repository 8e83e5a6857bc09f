"""What of another configuration can be taken while the daemon runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgedet.settings import CameraSettings, Settings


@dataclass(frozen=True, slots=True)
class Difference:
    """Between the configuration that the daemon works by and another one."""

    removed: tuple[str, ...]
    """Cameras."""
    added: dict[str, CameraSettings]
    changed: dict[str, CameraSettings]
    needs_restart: tuple[str, ...]
    """Sections that cannot be taken while the daemon runs."""


def difference(before: Settings, now: Settings) -> Difference:
    """Tell what is to be done for `now`, working by `before`."""
    cameras = now.cameras
    sections = [name for name in type(now).model_fields if name != "cameras"]
    return Difference(
        removed=tuple(name for name in before.cameras if name not in cameras),
        added={name: camera for name, camera in cameras.items() if name not in before.cameras},
        changed={name: camera for name, camera in cameras.items() if before.cameras.get(name, camera) != camera},
        needs_restart=tuple(name for name in sections if getattr(before, name) != getattr(now, name)),
    )
