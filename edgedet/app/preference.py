"""Which accelerators `edgedet detect` uses for a model: the Edge TPU where there is a file for it, else the CPU."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from edgedet.accelerators.devices import find
from edgedet.app.model import Model, open_compiled, open_model
from edgedet.errors import ModelError, ModelUnsuited, UsageError
from edgedet.models.twins import cpu_twin, edgetpu_twin
from edgedet.types import ViewSize
from edgedet.workers.detector import DetectorSpec

_LIBRARY = "libedgetpu.so.1"


@dataclass(frozen=True, slots=True)
class EdgeTpuAccess:
    """How to get at Edge TPUs."""

    library: str = _LIBRARY
    devices: tuple[str, ...] = ()
    """`usb:0`, `pci:0`; none: all that the kernel sees, or the one that the library finds."""
    options: Mapping[str, str] = field(default_factory=dict)
    """The delegate's own options."""

    def spec(self, file: Path, view: ViewSize, twin: Path | None) -> DetectorSpec:
        """A worker with one instance for each device; its answers must be those of `twin`, where there is one."""
        devices = self.devices or tuple(tpu.name for tpu in find())
        return DetectorSpec(
            file,
            view,
            backend="edgetpu",
            instances=max(1, len(devices)),
            library=self.library,
            devices=devices,
            delegate=self.options,
            twin=twin,
        )


@dataclass(frozen=True, slots=True)
class Files:
    """The files of one model that are used, looked at."""

    cpu: Model | None
    edgetpu: Model | None

    @property
    def model(self) -> Model:
        """What is known of the model, whichever file it is from."""
        model = self.cpu or self.edgetpu
        if model is None:
            raise AssertionError("a model without a file")
        return model


def files_for(path: Path, label_file: Path | None, accelerator: str, compiled: Path | None = None) -> Files:
    """The files of the model at `path` for an accelerator: `cpu`, `edgetpu`, or `auto`, which prefers the latter.

    `compiled` is the Edge TPU's file; None: the one beside `path`, if there is one.

    Raises:
        ModelError: the model is none, or there is no file for that accelerator.
        UsageError: the Edge TPU was asked for, and there is no file for it.
    """
    if accelerator == "cpu":
        return Files(open_model(path, label_file), None)
    if accelerator == "edgetpu":
        try:
            return Files(None, open_compiled(compiled or edgetpu_twin(path) or path, label_file))
        except ModelUnsuited as error:
            raise UsageError(f"--accelerator edgetpu: {error.message}", hint=error.hint) from error
    named_so = compiled is None and path.stem.endswith("_edgetpu")
    compiled = path if named_so else compiled or edgetpu_twin(path)
    if compiled is None:
        return _by_content(path, label_file)
    try:
        edgetpu = open_compiled(compiled, label_file)
    except ModelError:
        # "edgetpu" in a name proves nothing, and a file that is no use on the Edge TPU has a twin that may be.
        return Files(open_model(path, label_file), None)
    plain = cpu_twin(path) if named_so else path
    if plain is None:
        return Files(None, edgetpu)
    cpu = open_model(plain, label_file)
    difference = difference_of(cpu, edgetpu)
    if difference:
        note = f"{compiled.name} was not compiled from {plain.name} ({difference}); the CPU runs {plain.name}"
        return Files(replace(cpu, notes=(*cpu.notes, note)), None)
    return Files(cpu, edgetpu)


def _by_content(path: Path, label_file: Path | None) -> Files:
    try:
        return Files(open_model(path, label_file), None)
    except ModelUnsuited:
        return Files(None, open_compiled(path, label_file))


def with_names_of(plain: Model, compiled: Model) -> Model:
    """`compiled` under the names of the file that it was compiled from: edgetpu_compiler leaves them out."""
    if compiled.info.metadata.names is not None or len(plain.labels) != len(compiled.labels):
        return compiled
    return replace(compiled, labels=plain.labels)


def difference_of(cpu: Model, edgetpu: Model) -> str:
    """In what two files cannot be one model; empty: they can."""
    if cpu.view != edgetpu.view:
        sizes = [f"{view.width}x{view.height}" for view in (cpu.view, edgetpu.view)]
        return f"{sizes[0]} against {sizes[1]} pixels"
    return "their classes differ" if cpu.labels != edgetpu.labels else ""
