"""Which way of writing boxes a model has, read from its shapes and operations; or what it is instead.

Layouts seen in published files: `(1, 4+nc, N)` of YOLOv8, 9 and 11, its transpose, `(1, N, 5+nc)` of YOLOv5 and 7 with
objectness, `(1, n, 6)` with the selection inside, class and box tensors apart, and SSD's four. The number of anchors N
tells them apart: it follows from the input's size, one a cell for YOLOv8 and three for YOLOv5.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from edgedet.errors import ModelError, ModelUnsuited
from edgedet.models.inspection import EDGETPU_OPERATION, SSD_OPERATION
from edgedet.models.kinds import Kind, Layout
from edgedet.models.shapes import STRIDES, cells, single, split
from edgedet.models.twins import cpu_twin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edgedet.models.inspection import ModelInfo

__all__ = ["Kind", "Layout", "identify", "require_cpu", "warnings"]

_DTYPES = frozenset({"float32", "float16", "int8", "uint8", "int16"})
_COARSEST_SCORE = 0.125
"""A step of the scores above which they tell nothing: fewer than eight levels between 0 and 1."""

_COARSE_SCORE = 0.02
_MOST_VALUES = 2**27
"""In one tensor: a 4096x4096 picture has a third of it."""

_FEW_INPUT_LEVELS = 128
_MOST_CPU_CONVOLUTIONS = 8
_TASKS = {
    "segment": "a segmentation model",
    "pose": "a pose model",
    "classify": "a classifier",
    "obb": "a model of rotated boxes",
    "semantic": "a semantic segmentation model",
    "depth": "a depth model",
}
_DETECTOR_HINT = "use a detection model; for Ultralytics, one exported from a checkpoint of task detect"


def identify(info: ModelInfo) -> Layout:
    """The layout of the model's outputs.

    Raises:
        ModelError: it is no detector, or none that can be read; says what it is instead.
    """
    _check_kind(info)
    _check_input(info)
    layout = _ssd(info) or split(info) or single(info)
    if layout is None:
        raise ModelError(f"{info.path}: {_foreign(info)}", hint=_DETECTOR_HINT)
    _check_values(info, layout)
    return layout


def require_cpu(info: ModelInfo) -> None:
    """Holds where the model runs without an Edge TPU.

    Raises:
        ModelUnsuited: it was compiled for one.
    """
    if not info.compiled_for_edgetpu:
        return
    twin = cpu_twin(info.path)
    if twin is not None:
        hint = f"use its twin {twin}"
    else:
        hint = "use the file that it was compiled from (the same name without _edgetpu), or an Edge TPU"
    raise ModelUnsuited(f"{info.path}: compiled for the Edge TPU, does not run on the CPU", hint=hint)


def warnings(info: ModelInfo, layout: Layout) -> tuple[str, ...]:
    """What will work, but not well: one line each."""
    return tuple(_warnings(info, layout))


def _warnings(info: ModelInfo, layout: Layout) -> Iterator[str]:
    name = info.path.name
    if info.int16_activations:
        yield f"{name}: 16-bit activations run many times slower than 8-bit ones; export with int8"
    if info.compiled_for_edgetpu and info.cpu_convolutions > _MOST_CPU_CONVOLUTIONS:
        yield (
            f"{name}: compiled for the Edge TPU, but {info.cpu_convolutions} convolutions stay on the CPU; "
            "export it again at a smaller image size, or with another version of the exporter"
        )
    if info.input.quantised and not layout.signed_input:
        levels = min(256, round(1 / info.input.scale) + 1)
        if levels < _FEW_INPUT_LEVELS:
            yield f"{name}: the input has {levels} levels for 0 to 1; export it again, calibrated on photographs"
    for place in _score_places(layout):
        if not layout.logits and info.outputs[place].scale > _COARSE_SCORE:
            yield f"{name}: scores come in steps of {info.outputs[place].scale:.3f}"


def _check_kind(info: ModelInfo) -> None:
    task = info.metadata.task
    if task is not None and task != "detect":
        raise ModelError(f"{info.path}: {_TASKS.get(task, f'a model for {task}')}, not a detector", hint=_DETECTOR_HINT)
    foreign = [name for name in info.custom_operations if name not in (EDGETPU_OPERATION, SSD_OPERATION)]
    if foreign:
        raise ModelError(
            f"{info.path}: needs the operation {foreign[0]}, which TensorFlow Lite does not have",
            hint="export it with TensorFlow Lite's builtin operations only",
        )


def _check_input(info: ModelInfo) -> None:
    shape = info.input.shape
    if len(info.inputs) != 1:
        raise ModelError(f"{info.path}: {len(info.inputs)} inputs, a detector has one picture", hint=_DETECTOR_HINT)
    if not info.width or not info.height or info.width * info.height == 1:
        if len(shape) == 4 and 3 in (shape[1], shape[3]):
            raise ModelError(
                f"{info.path}: the input {shape} has no fixed size", hint="export it with a fixed image size"
            )
        raise ModelError(f"{info.path}: the input {shape} is no picture", hint=_DETECTOR_HINT)
    if shape[0] != 1:
        raise ModelError(f"{info.path}: takes {shape[0]} pictures at once", hint="export it with batch size 1")
    for tensor in (info.input, *info.outputs):
        if math.prod(map(abs, tensor.shape)) > _MOST_VALUES:
            raise ModelError(
                f"{info.path}: tensor {tensor.name!r} of shape {tensor.shape} is too large", hint=_DETECTOR_HINT
            )
        integer = tensor.dtype.startswith(("int", "uint"))
        scale = tensor.scale
        if integer and not (scale == 0.0 or 1e-12 < scale < 1e12):
            raise ModelError(f"{info.path}: tensor {tensor.name!r} has the scale {scale}", hint="export it again")
    if info.input.dtype not in _DTYPES or (info.input.dtype == "int16" and not info.input.quantised):
        raise ModelError(f"{info.path}: takes {info.input.dtype}", hint="export it with float32, int8 or uint8 input")


def _check_values(info: ModelInfo, layout: Layout) -> None:
    for place in {*layout.roles, *(place for head in layout.heads for place in (head.scores, head.boxes))}:
        tensor = info.outputs[place]
        if tensor.dtype not in _DTYPES or (tensor.dtype == "int16" and not tensor.quantised):
            raise ModelError(f"{info.path}: gives {tensor.dtype}", hint="export it with float32, int8 or uint8 output")
    for place in _score_places(layout):
        tensor = info.outputs[place]
        if not layout.logits and tensor.scale > _COARSEST_SCORE:
            raise ModelError(
                f"{info.path}: the scores carry no information: one step of the output is {tensor.scale:.3g}",
                hint="export it again so that boxes are normalised, or with boxes and scores in tensors of their own",
            )


def _score_places(layout: Layout) -> tuple[int, ...]:
    if layout.kind is Kind.SPLIT:
        return tuple(head.scores for head in layout.heads)
    return (layout.roles[2],) if layout.kind is Kind.SSD else (layout.roles[0],)


def _ssd(info: ModelInfo) -> Layout | None:
    if info.ssd is None:
        return None
    roles = info.ssd.outputs
    if len(roles) != 4 or -1 in roles:
        raise ModelError(f"{info.path}: an SSD that does not give its boxes, classes, scores and count")
    return Layout(Kind.SSD, info.ssd.classes, 0, info.width, info.height, roles=roles)


def _foreign(info: ModelInfo) -> str:
    """What a model seems to be that no layout fits."""
    shapes = [tensor.shape for tensor in info.outputs]
    listed = ", ".join(str(shape) for shape in shapes)
    if len(shapes) == 1 and len([size for size in shapes[0] if size != 1]) == 1:
        return f"a classifier with {max(shapes[0])} classes, not a detector"
    if len(shapes) == 2 and sorted(len(shape) for shape in shapes) == [3, 4]:
        return f"a segmentation model, by its outputs {listed}, not a detector"
    expected = cells(info.width, info.height, STRIDES[0])
    return (
        f"the output {listed} fits no known layout "
        f"({expected} or {3 * expected} anchors for an input of {info.width}x{info.height})"
    )
