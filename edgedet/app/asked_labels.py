"""The labels that a configuration asks for, held against those that a model has.

At the start, and at a reload, a label that the model does not have is a wrong configuration. But a model may come when
the daemon is at work already, or another one may be at work than the file names by now: then everything that can be
looked for is, and what cannot be is told for as long as it is asked for.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgedet.health import CameraState, Code, Reason
from edgedet.settings.places import KeyPath, Problem, dotted

if TYPE_CHECKING:
    from edgedet.settings import CameraSettings, Loaded

_MOST_NAMED = 8  # labels in one line of advice


@dataclass(frozen=True, slots=True)
class Lacking:
    """What the cameras ask for in vain."""

    reasons: tuple[Reason, ...]
    """One for each camera and label; the component is the camera."""
    at_best: Mapping[str, CameraState]
    """What a camera of them can be: `degraded`, or `blind` where there is nothing at all that it could see."""


def unknown_labels(loaded: Loaded, labels: tuple[str, ...]) -> Iterator[Problem]:
    """Every place of the configuration that asks for a label which is not among `labels`."""
    for name, camera in loaded.settings.cameras.items():
        for path, label in _asked(name, camera):
            if label not in labels:
                message = f"the model has no label {label!r}; {_nearest(label, labels)}"
                yield Problem(loaded.document.key_mark(path), path, message)


def lacking(cameras: Mapping[str, CameraSettings], labels: tuple[str, ...], model: str) -> Lacking:
    """What of `cameras` asks for labels that the model at work does not have; `model` is what it is called."""
    reasons: list[Reason] = []
    at_best: dict[str, CameraState] = {}
    for name, camera in cameras.items():
        places: dict[str, list[str]] = {}
        for path, label in _asked(name, camera):
            if label not in labels:
                places.setdefault(label, []).append(dotted(path))
        reasons += [_reason(name, label, keys, labels, model) for label, keys in places.items()]
        if places:
            looked_for = camera.detect.labels
            sees = looked_for is None or not places.keys() >= set(looked_for)
            at_best[name] = CameraState.DEGRADED if sees else CameraState.BLIND
    return Lacking(tuple(reasons), at_best)


def _asked(name: str, camera: CameraSettings) -> Iterator[tuple[KeyPath, str]]:
    """Each label that was written down, and where; what is asked for by default is nobody's mistake."""
    base: KeyPath = ("cameras", name)
    lists: dict[KeyPath, tuple[str, ...] | None] = {(*base, "detect", "labels"): camera.detect.labels}
    lists |= {(*base, "zones", zone, "labels"): section.labels for zone, section in camera.zones.items()}
    lists |= {(*base, "lines", line, "labels"): section.labels for line, section in camera.lines.items()}
    for listing, listed in lists.items():
        yield from (((*listing, n), label) for n, label in enumerate(listed or ()))
    if "objects" in camera.detect.model_fields_set:
        yield from (((*base, "detect", "objects", label), label) for label in camera.detect.objects)


def _reason(camera: str, label: str, keys: list[str], labels: tuple[str, ...], model: str) -> Reason:
    # Not `config_rejected`: nothing was refused, and the configuration is the one at work. What does not go together
    # is the model and what is asked of it.
    advice = _nearest(label, labels)
    message = (
        f"{model} has no label {label!r}, so {camera} never sees one: {', '.join(keys)}; {advice}"
        f"{'' if advice.endswith('?') else '.'} Correct it and reload edgedet, whose next start would refuse it, or "
        f"start it again with a model that has the label."
    )
    return Reason(camera, Code.MODEL_MISMATCH, message)


def _nearest(label: str, labels: tuple[str, ...]) -> str:
    """What to write instead: a slip of the pen or of the form, else what there is to choose from."""
    alike = {name.lower(): name for name in reversed(labels)}
    near = difflib.get_close_matches(label.strip().lower().replace("_", " "), alike, n=3)
    if near:
        return f"did you mean {' or '.join(alike[name] for name in near)}?"
    shown = ", ".join(labels[:_MOST_NAMED])
    return f"it knows {shown}" if len(labels) <= _MOST_NAMED else f"it knows {len(labels)}, such as {shown}"
