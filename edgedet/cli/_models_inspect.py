"""`edgedet models inspect`: what a model file is."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgedet.errors import ModelError
from edgedet.models.inspection import EDGETPU_OPERATION, ModelInfo, inspect
from edgedet.models.kinds import Kind, Layout
from edgedet.models.labels import labels_for
from edgedet.models.layout import identify, warnings
from edgedet.models.twins import cpu_twin, edgetpu_twin

if TYPE_CHECKING:
    from edgedet.models.graph import TensorInfo

_LABELS_SHOWN = 8
_OPERATIONS_SHOWN = 8
_KINDS = {
    Kind.DENSE: "YOLOv8, 9, 11 and their kin: a box and a score a class for each anchor",
    Kind.OBJECTNESS: "YOLOv5, 6, 7: a box, an objectness and a score a class for each anchor",
    Kind.SELECTED: "end to end: boxes with score and class, overlaps already removed",
    Kind.SPLIT: "split head: class scores and boxes in tensors of their own",
    Kind.SSD: "SSD: boxes, classes, scores and count of TFLite_Detection_PostProcess",
}
_STYLES = {"refused": "bold red", "warning": "yellow"}

Row = tuple[str, str]


@click.command(
    name="inspect",
    epilog="\b\nExamples:\n"
    "  edgedet models inspect yolov8n_full_integer_quant.tflite\n"
    "  edgedet models inspect yolov8n_full_integer_quant_edgetpu.tflite --json\n"
    "\nExit status: 0 a detector that edgedet can use, 1 not one (what it is instead is still shown).",
)
@click.argument("file", type=click.Path(path_type=Path, readable=False))
@click.option("--label-file", type=click.Path(path_type=Path, readable=False), help="Names of the classes, one a line.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of the table.")
def inspect_command(file: Path, label_file: Path | None, *, as_json: bool) -> None:
    """Say what a .tflite FILE is, how its outputs are read, and how well it maps to an Edge TPU.

    The file is read, not run: a model for an Edge TPU can be looked at on a machine without one.
    """
    info = inspect(file)
    layout, refusal = None, None
    labels: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    try:
        layout = identify(info)
        labels, note = labels_for(info, layout, label_file)
        notes = (*warnings(info, layout), *((note,) if note else ()))
    except ModelError as error:
        refusal = error
    if as_json:
        print(json.dumps(_body(info, layout, labels, notes, refusal), indent=2))
    else:
        rows = [*_rows(info, layout, labels), *(("warning", note) for note in notes)]
        if refusal is not None:
            rows.append(("refused", refusal.message.removeprefix(f"{file}: ")))
        _show(rows)
    if refusal is not None:
        raise refusal


def _rows(info: ModelInfo, layout: Layout | None, labels: tuple[str, ...]) -> list[Row]:
    rows = [("file", str(info.path)), ("size", f"{info.size_bytes / 2**20:.2f} MiB ({info.size_bytes} bytes)")]
    order = f", {'NCHW' if info.nchw else 'NHWC'}, a picture of {info.width}x{info.height}" if info.width else ""
    rows += [("input", _tensor(tensor) + (order if tensor is info.inputs[0] else "")) for tensor in info.inputs]
    rows += [("output", _tensor(tensor)) for tensor in info.outputs]
    if layout is not None:
        rows.append(("layout", _layout(layout)))
        rows.append(("classes", _classes(labels)))
    metadata = _metadata(info)
    rows.append(("metadata", ", ".join(f"{key} {value}" for key, value in metadata.items()) or "none embedded"))
    total = sum(count for _, count in info.operations)
    rows.append(("operations", f"{total}: {_counts(info.operations)}"))
    rows.append(("edge tpu", _edgetpu(info)))
    if info.compiled_for_edgetpu:
        rows.append(("on the CPU", _on_cpu(info)))
    twin = _twin(info)
    rows.append(("twin", str(twin) if twin is not None else "none beside it"))
    return rows


def _tensor(tensor: TensorInfo) -> str:
    shape = "(" + ", ".join("?" if side < 0 else str(side) for side in tensor.shape) + ")"
    quantised = f", scale {tensor.scale:.7g}, zero point {tensor.zero_point}" if tensor.quantised else ""
    return f"{tensor.name or 'unnamed'}: {tensor.dtype} {shape}{quantised}"


def _layout(layout: Layout) -> str:
    parts = [_KINDS[layout.kind]]
    if layout.anchors:
        parts.append(f"{layout.anchors} {'rows' if layout.kind is Kind.SELECTED else 'anchors'}")
    if layout.kind in (Kind.DENSE, Kind.OBJECTNESS):
        parts.append("channels first" if layout.channels_first else "anchors first")
    if layout.kind is Kind.SPLIT:
        parts.append("scores are logits" if layout.logits else "scores are probabilities")
        parts.append("boxes are distributions" if layout.bins else "boxes are corners")
    return "; ".join(parts)


def _classes(labels: tuple[str, ...]) -> str:
    if not labels:
        return "the file does not say how many"
    more = ", …" if len(labels) > _LABELS_SHOWN else ""
    return f"{len(labels)}: {', '.join(labels[:_LABELS_SHOWN])}{more}"


def _counts(operations: tuple[tuple[str, int], ...]) -> str:
    listed = ", ".join(f"{count} {name}" for name, count in operations[:_OPERATIONS_SHOWN])
    rest = len(operations) - _OPERATIONS_SHOWN
    return f"{listed}, {rest} more kind{'s' if rest > 1 else ''}" if rest > 0 else listed


def _edgetpu(info: ModelInfo) -> str:
    if info.compiled_for_edgetpu:
        runtime = "of unknown version" if info.edgetpu_runtime is None else f"{info.edgetpu_runtime} or newer"
        return f"compiled, needs runtime {runtime}; does not run without an Edge TPU"
    # An SSD's post-processing gives floats, and stays on the CPU anyway.
    outputs = () if info.ssd is not None else info.outputs
    if all(tensor.dtype in ("int8", "uint8") for tensor in (info.input, *outputs)):
        return "not compiled, but edgetpu_compiler can take it: it is quantised to 8-bit integers throughout"
    return "not compiled; edgetpu_compiler needs a full-integer export (8-bit inputs and outputs)"


def _on_cpu(info: ModelInfo) -> str:
    left = tuple((name, count) for name, count in info.operations if name != EDGETPU_OPERATION)
    if not left:
        return "nothing: the Edge TPU takes the whole model"
    return f"{info.cpu_operations} operations, convolutions among them: {info.cpu_convolutions}; {_counts(left)}"


def _twin(info: ModelInfo) -> Path | None:
    return cpu_twin(info.path) if info.compiled_for_edgetpu else edgetpu_twin(info.path)


def _metadata(info: ModelInfo) -> dict[str, Any]:
    metadata = info.metadata
    found: dict[str, Any] = {
        "description": metadata.description,
        "task": metadata.task,
        "image size": "x".join(map(str, reversed(metadata.image_size))) if metadata.image_size else None,
        "names": f"of {len(metadata.names)} classes" if metadata.names is not None else None,
        "end to end": "yes" if metadata.end_to_end else None,
    }
    return {key: value for key, value in found.items() if value is not None}


def _body(
    info: ModelInfo, layout: Layout | None, labels: tuple[str, ...], notes: tuple[str, ...], refusal: ModelError | None
) -> dict[str, Any]:
    metadata, twin = info.metadata, _twin(info)
    return {
        "file": str(info.path),
        "size_bytes": info.size_bytes,
        "detector": refusal is None,
        "refusal": None if refusal is None else {"message": refusal.message, "hint": refusal.hint},
        "inputs": [_tensor_body(tensor) for tensor in info.inputs],
        "outputs": [_tensor_body(tensor) for tensor in info.outputs],
        "width": info.width or None,
        "height": info.height or None,
        "order": ("NCHW" if info.nchw else "NHWC") if info.width else None,
        "layout": None
        if layout is None
        else {
            "kind": layout.kind.value,
            "classes": layout.classes or None,
            "anchors": layout.anchors or None,
            "channels_first": layout.channels_first,
        },
        "labels": list(labels),
        "metadata": {
            "task": metadata.task,
            "description": metadata.description,
            "image_size": metadata.image_size,
            "names": metadata.names,
            "end_to_end": metadata.end_to_end,
        },
        "operations": dict(info.operations),
        "edgetpu": {
            "compiled": info.compiled_for_edgetpu,
            "runtime": info.edgetpu_runtime,
            "cpu_operations": info.cpu_operations if info.compiled_for_edgetpu else None,
            "cpu_convolutions": info.cpu_convolutions if info.compiled_for_edgetpu else None,
        },
        "twin": None if twin is None else str(twin),
        "warnings": list(notes),
    }


def _tensor_body(tensor: TensorInfo) -> dict[str, Any]:
    return {
        "name": tensor.name,
        "shape": tensor.shape,
        "dtype": tensor.dtype,
        "scale": tensor.scale if tensor.quantised else None,
        "zero_point": tensor.zero_point if tensor.quantised else None,
    }


def _show(rows: list[Row]) -> None:
    """A table on a terminal; in a pipe one line a fact, so that grep finds it."""
    if not sys.stdout.isatty():
        for name, value in rows:
            print(f"{name:<10}  {value}")
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right", no_wrap=True)
    table.add_column()
    before = ""
    for name, value in rows:
        style = _STYLES.get(name, "")
        table.add_row(Text("" if name == before else name, style=style or "cyan"), Text(value, style=style))
        before = name
    Console().print(table)
