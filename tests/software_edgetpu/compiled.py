"""Files as Google's compiler would make them from a model: one custom operation between input and outputs."""

from __future__ import annotations

import json
from pathlib import Path

from edgedet.models.graph import TensorInfo
from edgedet.models.inspection import inspect
from tflite_files import EDGETPU, Model, Operation, Tensor, edgetpu_package, to_bytes

RUNTIME = 14


def compiled_from(model: Path, target: Path, runtime: int = RUNTIME) -> Path:
    """The Edge TPU's file for `model`: same tensors, same names of classes, nothing inside."""
    info = inspect(model)
    names = dict(enumerate(info.metadata.names or ()))
    metadata = {"names": names, "task": "detect", "imgsz": [info.height, info.width]}
    inputs, outputs = [_tensor(each) for each in info.inputs], [_tensor(each) for each in info.outputs]
    operation = Operation(
        EDGETPU, [each.name for each in inputs], [each.name for each in outputs], edgetpu_package(runtime)
    )
    target.write_bytes(to_bytes(Model(inputs, outputs, (), [operation], {"metadata.json": json.dumps(metadata)})))
    return target


def _tensor(info: TensorInfo) -> Tensor:
    return Tensor(info.name, info.shape, info.dtype, info.scale, info.zero_point)
