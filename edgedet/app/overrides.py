"""What was set by command and survives a restart: detection on or off and the threshold, per camera."""

from __future__ import annotations

import contextlib
import json
import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgedet.settings import DetectSettings

_log = logging.getLogger(__name__)

_FILE = "overrides.json"


@dataclass(frozen=True, slots=True)
class Override:
    """Of one camera; None: as the configuration says."""

    detect: bool | None = None
    min_score: float | None = None
    """In [0, 1]."""

    def hidden(self, detect: DetectSettings) -> tuple[str, ...]:
        """Which keys of the configuration do not hold because of it, each with both values."""
        found = []
        if self.detect is not None and self.detect is not detect.enabled:
            found.append(f"detect.enabled: {str(self.detect).lower()}, not {str(detect.enabled).lower()}")
        if self.min_score is not None and self.min_score != detect.min_score:
            found.append(f"detect.min_score: {self.min_score:g}, not {detect.min_score:g}")
        return tuple(found)


class Overrides:
    """Kept in a small file in the state directory, replaced as a whole: a power cut leaves the old one or the new."""

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / _FILE
        self._by_camera: dict[str, Override] = {}

    def load(self) -> None:
        """Read the file. One that is damaged is told about and counts as empty: it must not keep the daemon down."""
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
            self._by_camera = {str(name): _override(value) for name, value in found.items()}
        except FileNotFoundError:
            self._by_camera = {}
        except (OSError, ValueError, AttributeError, TypeError) as error:
            _log.warning("%s cannot be read (%s): the configuration's own values hold", self._path, error)
            self._by_camera = {}

    def of(self, camera: str) -> Override:
        """What holds for a camera."""
        return self._by_camera.get(camera, Override())

    def tell(self, camera: str, detect: DetectSettings) -> None:
        """Say in the log what holds in place of what the file says: nobody would find out why an edit does nothing."""
        hidden = self.of(camera).hidden(detect)
        if hidden:
            _log.warning("%s: set by command, which wins over the configuration: %s", camera, "; ".join(hidden))

    def set(self, camera: str, override: Override) -> None:
        """Remember it, on disk too. A disk that is full or read-only is told about; it holds until a restart then."""
        self._by_camera[camera] = override
        body = {name: {"detect": value.detect, "min_score": value.min_score} for name, value in self._by_camera.items()}
        partial = self._path.with_suffix(".new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with partial.open("w", encoding="utf-8") as stream:
                json.dump(body, stream)
                stream.flush()
                os.fsync(stream.fileno())
            partial.replace(self._path)
        except OSError as error:
            _log.warning("%s cannot be written (%s): the setting is lost at the next restart", self._path, error)
            with contextlib.suppress(OSError):
                partial.unlink()


def _override(value: object) -> Override:
    if not isinstance(value, dict):
        raise TypeError("an override is an object")
    detect, min_score = value.get("detect"), value.get("min_score")
    if detect is not None and not isinstance(detect, bool):
        raise TypeError("detect is true, false or null")
    if min_score is not None and not (isinstance(min_score, int | float) and 0.0 <= min_score <= 1.0):
        raise TypeError("min_score is a number from 0 to 1, or null")
    return Override(detect, None if min_score is None else float(min_score))
