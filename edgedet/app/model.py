"""Which model a command uses, and what the daemon must know of it before any worker starts."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from edgedet.errors import ModelUnsuited, UsageError
from edgedet.models.inspection import ModelInfo, inspect
from edgedet.models.labels import labels_for
from edgedet.models.layout import Layout, identify, require_cpu, warnings
from edgedet.models.twins import cpu_twin
from edgedet.types import ViewSize


@dataclass(frozen=True, slots=True)
class Model:
    """A model file that has been looked at and found to be a detector that this machine can run."""

    path: Path
    info: ModelInfo
    layout: Layout
    labels: tuple[str, ...]
    notes: tuple[str, ...]
    """Warnings for the user, one line each."""

    @property
    def view(self) -> ViewSize:
        """The size at which frames must be delivered."""
        return ViewSize(self.layout.width, self.layout.height)

    def classes_of(self, wanted: tuple[str, ...]) -> frozenset[int]:
        """Class numbers of the labels.

        Raises:
            UsageError: the model has no such label; the nearest ones are named.
        """
        unknown = [label for label in wanted if label not in self.labels]
        if unknown:
            raise UsageError(
                f"{self.path.name} knows no label {unknown[0]!r}", hint=_nearest_hint(unknown[0], self.labels)
            )
        return self.classes_known_of(wanted)

    def classes_known_of(self, wanted: tuple[str, ...]) -> frozenset[int]:
        """Class numbers of those labels that the model has."""
        return frozenset(index for index, label in enumerate(self.labels) if label in wanted)


def open_model(path: Path, label_file: Path | None = None) -> Model:
    """Look at a model for the CPU. For a file that is compiled for the Edge TPU, its twin beside it is taken.

    Raises:
        ModelMissing: there is no such file.
        ModelError: it is no detector, or not one for this machine; the message says what it is and what to do.
    """
    info = inspect(path)
    twin_note: tuple[str, ...] = ()
    if info.compiled_for_edgetpu and (twin := cpu_twin(path)) is not None:
        twin_note = (f"{path.name} is compiled for the Edge TPU; its twin {twin.name} runs on the CPU instead",)
        path, info = twin, inspect(twin)
    layout = identify(info)
    require_cpu(info)
    labels, note = labels_for(info, layout, label_file)
    notes = (*twin_note, *warnings(info, layout), *((note,) if note else ()))
    return Model(path, info, layout, labels, notes)


def open_compiled(path: Path, label_file: Path | None = None) -> Model:
    """Look at a model for the Edge TPU.

    Raises:
        ModelMissing: there is no such file.
        ModelUnsuited: it was not compiled for one.
        ModelError: it is no detector.
    """
    info = inspect(path)
    layout = identify(info)
    if not info.compiled_for_edgetpu:
        raise ModelUnsuited(
            f"{path}: not compiled for the Edge TPU, and there is no {path.stem}_edgetpu.tflite beside it",
            hint="Make it with edgetpu_compiler from a full integer quantised model, and put it beside.",
        )
    labels, note = labels_for(info, layout, label_file)
    return Model(path, info, layout, labels, (*warnings(info, layout), *((note,) if note else ())))


def usable_cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0))


def _nearest_hint(unknown: str, labels: tuple[str, ...]) -> str:
    import difflib

    near = difflib.get_close_matches(unknown, labels, n=3, cutoff=0.5)
    return f"Near it: {', '.join(near)}." if near else f"It knows: {', '.join(labels[:12])}…"
