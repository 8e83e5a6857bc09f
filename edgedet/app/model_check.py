"""Whether the files that a configuration means are detectors and twins of each other, told at their place in it.

A file that is not there is a warning: the daemon waits for it. A file that is there and is wrong is a wrong
configuration. So is a label that the model does not have: what is asked for there would never be seen, and nobody
would be told why.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgedet.app.asked_labels import unknown_labels
from edgedet.errors import ModelError, ModelMissing
from edgedet.models.inspection import ModelInfo, inspect
from edgedet.models.labels import labels_for
from edgedet.models.layout import Layout, identify, warnings
from edgedet.settings.model_choice import configured_models
from edgedet.settings.places import refuse

if TYPE_CHECKING:
    from pathlib import Path

    from edgedet.settings import Loaded, ModelChoice


@dataclass(frozen=True, slots=True)
class CheckedModel:
    """What was found out about a model's files without loading them."""

    choice: ModelChoice
    labels: tuple[str, ...]
    """Names by class id; empty where no file is there yet."""
    width: int
    """Of the picture that the model takes, pixels; 0 where no file is there yet."""
    height: int
    warnings: tuple[str, ...]
    """One line each, with file, line, column and key."""


def check_models(loaded: Loaded, folder: Path) -> CheckedModel | None:
    """Look at the model that the configuration `loaded` means, and at the others that it names.

    None: it means none yet, neither by name nor by what is installed in `folder`, the state directory.

    Raises:
        ConfigError: as `check_model`, and `check_files` of the others; several could be meant.
    """
    choice = loaded.resolve_model(folder)
    checked = check_model(loaded, choice) if choice else None
    for other in configured_models(loaded.settings).values():
        if other != choice:
            check_files(loaded, other)  # what is wrong with it raises; what is merely missing does not matter today
    return checked


def check_model(loaded: Loaded, choice: ModelChoice) -> CheckedModel:
    """Look at the files of `choice`, the model that the configuration `loaded` means, and at the labels it asks for.

    Raises:
        ConfigError: as `check_files`; or the configuration names labels that the model does not have.
    """
    checked = check_files(loaded, choice)
    unknown = list(unknown_labels(loaded, checked.labels)) if checked.labels else []
    if unknown:
        raise refuse(loaded.document.file, unknown)
    return checked


def check_files(loaded: Loaded, choice: ModelChoice) -> CheckedModel:
    """Look at the files of a model that the configuration `loaded` names.

    Raises:
        ConfigError: one is no detector, is compiled for the other accelerator, or has another shape than its twin.
    """
    found: dict[str, tuple[ModelInfo, Layout]] = {}
    notes: list[str] = []
    for kind, file in (("cpu", choice.cpu), ("edgetpu", choice.edgetpu)):
        if file is None:
            continue
        key = _key_of(choice, kind, loaded)
        try:
            info = inspect(file)
            found[kind] = (info, identify(info))
        except ModelMissing:
            notes.append(loaded.remark(key, f"{file} is not there; the daemon starts without and waits for it"))
            continue
        except ModelError as error:
            raise loaded.complaint(key, f"{error.message}; {error.hint}") from None
        if info.compiled_for_edgetpu != (kind == "edgetpu"):
            fact = "is compiled for the Edge TPU" if info.compiled_for_edgetpu else "is not compiled for the Edge TPU"
            other = "cpu" if kind == "edgetpu" else "edgetpu"
            raise loaded.complaint(key, f"{file} {fact}; put it under {other}, or give another file")
        notes += [loaded.remark(key, line) for line in warnings(*found[kind])]
    if len(found) > 1:
        _check_twins(loaded, choice, found)
    if not found:
        return CheckedModel(choice, (), 0, 0, (*notes, *_unusable(loaded, choice)))
    info, layout = found.get("cpu") or found["edgetpu"]
    labels = _labels(loaded, choice, info, layout, notes)
    notes += _unusable(loaded, choice)
    return CheckedModel(choice, labels, layout.width, layout.height, tuple(notes))


def _key_of(choice: ModelChoice, kind: str, loaded: Loaded) -> tuple[str, ...]:
    key = (*choice.key, kind)
    return key if key in loaded.document.places else choice.key


def _check_twins(loaded: Loaded, choice: ModelChoice, found: dict[str, tuple[ModelInfo, Layout]]) -> None:
    (cpu_info, cpu), (tpu_info, tpu) = found["cpu"], found["edgetpu"]
    shapes = [f"{each.width}x{each.height} pixels and {each.classes} classes" for each in (cpu, tpu)]
    names = [info.metadata.names for info in (cpu_info, tpu_info)]
    if shapes[0] != shapes[1]:
        difference = f"{cpu_info.path.name} has {shapes[0]}, {tpu_info.path.name} {shapes[1]}"
    elif None not in names and names[0] != names[1]:
        difference = "their classes have other names"
    else:
        return
    message = f"the two files are not one model: {difference}; give the file that the other was compiled from"
    raise loaded.complaint(_key_of(choice, "edgetpu", loaded), message)


def _labels(loaded: Loaded, choice: ModelChoice, info: ModelInfo, layout: Layout, notes: list[str]) -> tuple[str, ...]:
    key = _key_of(choice, "labels", loaded)
    try:
        labels, note = labels_for(info, layout, choice.labels)
    except ModelError as error:
        raise loaded.complaint(key, f"{error.message}; {error.hint}") from None
    if note:
        notes.append(loaded.remark(key, note.replace("--label-file", "models.<name>.labels")))
    return labels


def _unusable(loaded: Loaded, choice: ModelChoice) -> Iterator[str]:
    wanted = loaded.settings.detector.accelerators
    usable = [kind for kind, file in (("edgetpu", choice.edgetpu), ("cpu", choice.cpu)) if file and kind in wanted]
    if not usable:
        key = ("detector", "accelerators")
        yield loaded.remark(
            key, f"the model {choice.name} has no file for {' or '.join(wanted)}; add one under models:"
        )
