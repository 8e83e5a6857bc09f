"""Whether files are one model: a detector for the CPU, the same compiled for the Edge TPU, names for its classes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from edgedet.app.model import Model
from edgedet.app.preference import difference_of
from edgedet.errors import ModelError
from edgedet.models.inspection import inspect
from edgedet.models.labels import labels_for
from edgedet.models.layout import identify, warnings


@dataclass(frozen=True, slots=True)
class ModelPair:
    """Files that belong together, looked at."""

    cpu: Model
    edgetpu: Model | None

    @property
    def notes(self) -> tuple[str, ...]:
        """What will work, but not well: one line each, said once where it holds for both files."""
        notes = (*self.cpu.notes, *(self.edgetpu.notes if self.edgetpu else ()))
        return tuple(dict.fromkeys(notes))

    @property
    def names_in_one_file_only(self) -> bool:
        """Whether the compiled file does not name its classes and the other does: a label file must, for both."""
        return self.edgetpu is not None and _has_names(self.cpu) and not _has_names(self.edgetpu)

    @property
    def mapping(self) -> str:
        """How well the compiled file maps to the Edge TPU; empty: there is none."""
        if self.edgetpu is None:
            return ""
        info = self.edgetpu.info
        if not info.cpu_operations:
            return "the Edge TPU takes all of it"
        convolutions = f"{info.cpu_convolutions} of them convolutions" if info.cpu_convolutions else "no convolutions"
        return f"{info.cpu_operations} operations stay on the CPU, {convolutions}"


def look_at_pair(cpu: Path, edgetpu: Path | None, labels: Path | None) -> ModelPair:
    """Look at the files of a model, wherever they lie.

    Raises:
        ModelMissing: one is not there.
        ModelError: one is no detector, is for the other processor, or they are not one model.
    """
    plain = _looked_at(cpu, labels)
    if plain.info.compiled_for_edgetpu:
        hint = "Give the file that it was compiled from with --cpu, and this one with --edgetpu."
        raise ModelError(f"{cpu}: compiled for the Edge TPU, does not run on the CPU", hint=hint)
    if edgetpu is None:
        return ModelPair(plain, None)
    compiled = _looked_at(edgetpu, labels)
    if labels is None and _has_names(plain) and not _has_names(compiled):
        # edgetpu_compiler leaves out what an exporter appended to the file that it compiles.
        compiled = replace(compiled, labels=plain.labels, notes=warnings(compiled.info, compiled.layout))
    if not compiled.info.compiled_for_edgetpu:
        hint = "Make it with edgetpu_compiler from the full integer quantised file; the name alone does not do it."
        raise ModelError(f"{edgetpu}: not compiled for the Edge TPU", hint=hint)
    difference = difference_of(plain, compiled)
    if not difference and plain.layout.kind is not compiled.layout.kind:
        difference = f"{plain.layout.kind.value} outputs against {compiled.layout.kind.value} ones"
    if difference:
        hint = f"Give the file that {edgetpu.name} was compiled from."
        raise ModelError(f"{cpu} and {edgetpu} are not one model: {difference}", hint=hint)
    return ModelPair(plain, compiled)


def _has_names(model: Model) -> bool:
    return model.info.metadata.names is not None


def _looked_at(path: Path, label_file: Path | None) -> Model:
    info = inspect(path)
    layout = identify(info)
    labels, note = labels_for(info, layout, label_file)
    return Model(path, info, layout, labels, (*warnings(info, layout), *((note,) if note else ())))
