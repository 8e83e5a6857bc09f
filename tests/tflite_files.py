"""Makes .tflite files of any shape, without weights: for what reads a model, and one kind that runs (`answering`)."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

EDGETPU = "edgetpu-custom-op"
SSD = "TFLite_Detection_PostProcess"


@dataclass(frozen=True)
class Tensor:
    name: str
    shape: tuple[int, ...]
    dtype: str = "float32"
    scale: float = 0.0
    zero_point: int = 0
    data: bytes = b""
    """Makes it a constant."""


@dataclass(frozen=True)
class Operation:
    """`name` is a builtin operation's, or any other for a custom one. Tensors by name."""

    name: str
    reads: Sequence[str] = ()
    gives: Sequence[str] = ()
    options: bytes = b""


@dataclass(frozen=True)
class Model:
    inputs: Sequence[Tensor]
    outputs: Sequence[Tensor]
    inner: Sequence[Tensor] = ()
    operations: Sequence[Operation] = ()
    zipped: dict[str, str] = field(default_factory=dict)


def picture(
    width: int = 320,
    height: int = 320,
    dtype: str = "float32",
    scale: float = 0.0,
    zero_point: int = 0,
    nchw: bool = False,
) -> Tensor:
    shape = (1, 3, height, width) if nchw else (1, height, width, 3)
    return Tensor("images", shape, dtype, scale, zero_point)


def detector(*outputs: Tensor, image: Tensor | None = None, **metadata: Any) -> Model:
    """A model with these outputs, made by one convolution, and the metadata that Ultralytics appends."""
    image = image or picture()
    operations = [Operation("CONV_2D", [image.name], [output.name for output in outputs])]
    zipped = {"metadata.json": json.dumps(metadata)} if metadata else {}
    return Model([image], outputs, (), operations, zipped)


def dense(nc: int = 80, count: int = 2100, dtype: str = "float32", scale: float = 0.0, zero_point: int = 0) -> Tensor:
    return Tensor("out", (1, 4 + nc, count), dtype, scale, zero_point)


def answering(values: NDArray[np.float32]) -> Model:
    """A model of 32x32 pictures that runs, and always answers `values`, (4+nc, 21)."""
    shape = (1, *values.shape)
    out = Tensor("out", shape)
    inner = [
        Tensor("answers", shape, data=values.astype("<f4").tobytes()),
        Tensor("shape", (3,), "int32", data=np.array(shape, "<i4").tobytes()),
    ]
    operation = Operation("RESHAPE", ["answers", "shape"], ["out"])
    names = {str(index): f"class {index}" for index in range(len(values) - 4)}
    return Model([picture(32, 32)], [out], inner, [operation], {"metadata.json": json.dumps({"names": names})})


def write(path: Path, model: Model) -> Path:
    path.write_bytes(to_bytes(model))
    return path


def to_bytes(model: Model) -> bytes:
    tensors = [*model.inputs, *model.outputs, *model.inner]
    places = {tensor.name: place for place, tensor in enumerate(tensors)}
    codes = list(dict.fromkeys(operation.name for operation in model.operations))
    graph = schema.SubGraphT()
    graph.tensors = [_tensor(tensor) for tensor in tensors]
    graph.inputs = [places[tensor.name] for tensor in model.inputs]
    graph.outputs = [places[tensor.name] for tensor in model.outputs]
    graph.operators = [_operation(operation, codes, places) for operation in model.operations]
    packed = schema.ModelT()
    packed.version = 3
    packed.operatorCodes = [_code(name) for name in codes]
    packed.subgraphs = [graph]
    packed.buffers = [schema.BufferT()]
    for tensor, told in zip(tensors, graph.tensors, strict=True):
        if tensor.data:
            told.buffer = len(packed.buffers)
            packed.buffers.append(schema.BufferT())
            packed.buffers[-1].data = list(tensor.data)
    builder = flatbuffers.Builder(1024)
    builder.Finish(packed.Pack(builder), b"TFL3")
    return bytes(builder.Output()) + (_archive(model.zipped) if model.zipped else b"")


def edgetpu_package(runtime: int) -> bytes:
    """Options of an Edge TPU operation whose package asks for this runtime version."""
    builder = flatbuffers.Builder(64)
    builder.StartObject(1)
    builder.PrependInt32Slot(0, runtime, 0)
    builder.Finish(builder.EndObject(), b"DWN1")
    return b"1\x004\x00\x00\x00" + bytes(builder.Output())


def _tensor(tensor: Tensor) -> Any:
    packed = schema.TensorT()
    packed.name = tensor.name
    packed.shape = [max(1, size) for size in tensor.shape]
    packed.shapeSignature = list(tensor.shape) if -1 in tensor.shape else None
    packed.type = getattr(schema.TensorType, tensor.dtype.upper())
    packed.buffer = 0
    if tensor.scale:
        packed.quantization = schema.QuantizationParametersT()
        packed.quantization.scale = [tensor.scale]
        packed.quantization.zeroPoint = [tensor.zero_point]
    return packed


def _operation(operation: Operation, codes: list[str], places: dict[str, int]) -> Any:
    packed = schema.OperatorT()
    packed.opcodeIndex = codes.index(operation.name)
    packed.inputs = [places[name] for name in operation.reads]
    packed.outputs = [places[name] for name in operation.gives]
    packed.customOptions = list(operation.options) or None
    return packed


def _code(name: str) -> Any:
    packed = schema.OperatorCodeT()
    number = getattr(schema.BuiltinOperator, name, schema.BuiltinOperator.CUSTOM)
    packed.builtinCode = number
    packed.deprecatedBuiltinCode = min(number, 127)
    packed.customCode = name if number == schema.BuiltinOperator.CUSTOM else None
    packed.version = 1
    return packed


def _archive(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return buffer.getvalue()
