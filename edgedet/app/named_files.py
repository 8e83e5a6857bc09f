"""Files that a configuration names beside the models: what of them cannot be used as it is now.

The daemon starts without: what is missing may come, from a disk that is mounted later or with the next copy.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgedet.settings import CameraSettings, Loaded
    from edgedet.settings.places import KeyPath


def missing_files(loaded: Loaded) -> Iterator[str]:
    """A warning, with its place in the file, for each one that is not there, may not be read, or is a folder."""
    mqtt = loaded.settings.mqtt
    files: dict[KeyPath, Path | None] = {("mqtt", "password_file"): mqtt.password_file}
    files |= {("mqtt", "tls", name): getattr(mqtt.tls, name) for name in ("ca_file", "cert_file", "key_file")}
    for name, camera in loaded.settings.cameras.items():
        password = getattr(camera.source, "password_file", None)
        files["cameras", name, "source", "password_file"] = None if password is None else Path(password)
    for key, file in files.items():
        reason = None if file is None else _why_unreadable(file)
        if reason is not None:
            yield loaded.remark(key, f"{file} cannot be read here ({reason}); edgedet's user must be able to")
    for name, camera in loaded.settings.cameras.items():
        reason = _why_no_recording(camera)
        if reason is not None:
            yield loaded.remark(("cameras", name, "source", "path"), reason)


def _why_unreadable(file: Path) -> str | None:
    try:
        file.open("rb").close()
    except OSError as error:
        return error.strerror
    return None


def _why_no_recording(camera: CameraSettings) -> str | None:
    """What keeps a recorded source from being played; None: nothing that can be seen from outside."""
    named = getattr(camera.source, "path", None)
    if named is None or "://" in named:
        return None
    path = Path(named)
    try:
        is_folder = stat.S_ISDIR(path.stat().st_mode)
        # Nothing is opened: a pipe would wait for its writer.
        right = os.R_OK | os.X_OK if is_folder else os.R_OK
        reason = None if os.access(path, right) else os.strerror(errno.EACCES)
    except OSError as error:
        is_folder, reason = False, error.strerror
    if reason is not None:
        return f"{path} cannot be read here ({reason}); the camera is absent until edgedet's user can read it"
    if is_folder and camera.source.type == "video":
        return f"{path} is a folder, not a video; give a file, or type: images for a folder of pictures"
    return None
