"""What the demo's daemon is given: a configuration file like anybody's, and the truth where the scene has one."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgedet.app.model import Model, open_model
from edgedet.app.sources import source_of
from edgedet.cameras._files import FORBIDDEN
from edgedet.cameras._scene.scene import Seen
from edgedet.cameras._scene.style import LABELS
from edgedet.errors import SourceError, UsageError
from edgedet.settings import parse_broker_url
from edgedet.settings.model_choice import BUNDLED_MODEL

FRAMES_A_SECOND = 15.0
_STATS_EVERY_S = 2.0
_SCENE_SIZE = (640, 480)
_SCENE_SEED = 9
"""A street by day with people, dogs and cars on it; the others are as real."""
_DEADLINE_S = 1.0
"""Shorter than the service's 2 s: here somebody waits for it."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for."""

    seconds: float | None = None
    """After which the demo ends by itself; None: it goes on until it is ended."""
    url: str | None = None
    """Of somebody's broker; None: the demo brings its own."""
    source: str | None = None
    """None: the synthetic scene."""
    model: Path | None = None
    """None: the bundled one."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What is decided before anything starts."""

    device: str
    camera: str
    source: dict[str, object]
    model: Model
    truth: Callable[[float], Sequence[Seen]] | None
    """Everything in the scene at a presentation time in seconds; None for a source that knows no truth."""

    def write(self, folder: Path, broker_url: str) -> Path:
        """The daemon's configuration, below `folder`, which also holds its state."""
        detect: dict[str, object] = {
            "fps": FRAMES_A_SECOND,
            "min_score": 0.5 if self.truth is None else 0.4,
        }
        if self.truth is not None:
            # A model of more classes than the scene has could only be wrong about the others.
            known = [label for label in self.model.labels if label in LABELS]
            detect |= {"labels": known, "objects": {label: {} for label in known}}
        settings = {
            "version": 1,
            "device": self.device,
            "state_dir": str(folder / "state"),
            "mqtt": {
                "url": broker_url,
                "stats_interval_s": _STATS_EVERY_S,
                "homeassistant": {"enabled": False},
            },
            "detector": {
                "model": str(self.model.path),
                "accelerators": ["cpu"],
                "deadline_s": _DEADLINE_S,
            },
            "cameras": {
                self.camera: {
                    "source": self.source,
                    "detect": detect,
                    "publish": {"detections": "all"},
                    "lines": {"middle": {"from": [0.5, 1.0], "to": [0.5, 0.0]}},
                },
            },
        }
        path = folder / "edgedet.yaml"
        # JSON is YAML; `${` would begin the name of a variable.
        path.write_text(json.dumps(settings, indent=2).replace("${", "$${"), encoding="utf-8")
        path.chmod(0o600)
        return path


def decide(options: Options) -> Setting:
    """Look at what was asked for.

    Raises:
        UsageError: a URL that is none, a source of still pictures, or of a kind that nobody reads.
        SourceError: there is no such file or device, or it is in a folder that is closed to this user.
        ModelError: the model is no detector, or not there.
    """
    device = f"demo-{secrets.token_hex(2)}"
    if options.url is not None:
        try:
            parse_broker_url(options.url)
        except ValueError as error:
            raise UsageError(f"--url: {error}", hint="Leave it out, and the demo brings a broker of its own.") from None
    model = open_model(options.model or BUNDLED_MODEL)
    if options.source in {None, "synthetic"}:
        return _synthetic(device, model)
    given = str(options.source)
    source = source_of(given).source
    if source["type"] == "images":
        raise UsageError(
            f"{given}: the demo shows what moves", hint=f"Give a video or a camera; pictures: edgedet detect {given}."
        )
    if "://" not in given:
        _look_for(Path(given))
    if source["type"] == "video":
        source = {**source, "path": str(Path(given).resolve()), "loop": True, "realtime": True}
    return Setting(device, "camera", source, model, None)


def _look_for(path: Path) -> None:
    try:
        path.stat()
    except FileNotFoundError:
        hint = "Give a video, /dev/video0 or rtsp://…."
        raise SourceError(f"{path}: there is no such file or device", hint=hint) from None
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror}", hint=FORBIDDEN) from None


def _synthetic(device: str, model: Model) -> Setting:
    from edgedet.cameras.synthetic import Settings, scene_of  # the scene takes a moment that other sources save

    settings = Settings(size=_SCENE_SIZE, fps=FRAMES_A_SECOND, seed=_SCENE_SEED)
    source: dict[str, object] = {
        "type": settings.type,
        "size": list(settings.size),
        "fps": settings.fps,
        "seed": settings.seed,
    }
    return Setting(device, "yard", source, model, scene_of(settings).truth)
