"""A .tflite file's first subgraph: its tensors, its operations, where an output comes from."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from edgedet.models.flatbuffer import FlatbufferError, Table
from edgedet.models.operators import CUSTOM, builtin_name

# fmt: off
_DTYPES = (
    "float32", "float16", "int32", "uint8", "int64", "string", "bool", "int16", "complex64", "int8", "float64",
    "complex128", "uint64", "resource", "variant", "uint32", "uint16", "int4", "bfloat16", "int2", "uint4",
    "float8_e4m3fn", "float8_e5m2",
)
# fmt: on

_PASS_THROUGH = frozenset({"QUANTIZE", "DEQUANTIZE", "RESHAPE", "TRANSPOSE", "CONCATENATION", "SQUEEZE", "CAST"})
"""Operations that move or re-code values without changing what they mean."""

_EDGETPU_PACKAGE = b"DWN1"
"""File identifier of the compiler's package inside an `edgetpu-custom-op` (libedgetpu, executable/executable.fbs)."""


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """One input or output tensor. A real value is `scale * (quantised - zero_point)`."""

    name: str
    shape: tuple[int, ...]
    """-1 where the size is only known at run time."""
    dtype: str
    """As numpy names it: `float32`, `int8`, …"""
    scale: float
    """0.0 where the tensor is not quantised."""
    zero_point: int
    producer: str = ""
    """The operation that gave these values their meaning: `LOGISTIC` behind a `DEQUANTIZE`, say. Empty: unknown."""

    @property
    def quantised(self) -> bool:
        """Whether values are integers that stand for real numbers."""
        return self.scale > 0.0

    @property
    def lowest(self) -> float:
        """The smallest real value that the tensor can hold; minus infinity for floating point."""
        if not self.quantised:
            return -math.inf
        bits = 16 if self.dtype.endswith("16") else 8
        return self.scale * ((0 if self.dtype.startswith("u") else -(2 ** (bits - 1))) - self.zero_point)


@dataclass(frozen=True, slots=True)
class _Operation:
    name: str
    custom: bool
    table: Table


class Graph:
    """The first subgraph of a model, read as far as it is asked for.

    Raises:
        FlatbufferError: from every member, where the file is truncated or damaged.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._model = Table.root(data)
        self._subgraph = self._model.item(2, 0)

    def check_buffers(self) -> None:
        """Reads where every weight lies, so that a file whose tail is missing is known now and not in invoke."""
        for buffer in self._model.items(4):
            buffer.span(0)
            offset, size = buffer.scalar(1, "Q"), buffer.scalar(2, "Q")
            if offset > 1 and offset + size > len(self._data):
                raise FlatbufferError("a buffer beyond the end of the file")

    @cached_property
    def operations(self) -> tuple[_Operation, ...]:
        """Every operation in the order in which it runs."""
        codes = []
        for code in self._model.items(1):
            # Files from before 2.4 hold the number in a single byte; newer ones in both, the byte capped at 127.
            number = max(code.scalar(0, "b"), code.scalar(3, "i"))
            codes.append((code.text(1), True) if number == CUSTOM else (builtin_name(number), False))
        found = []
        for table in self._subgraph.items(3):
            index = table.scalar(0, "I")
            if index >= len(codes):
                raise FlatbufferError(f"operation code {index} of {len(codes)}")
            found.append(_Operation(*codes[index], table))
        return tuple(found)

    @property
    def operation_counts(self) -> tuple[tuple[str, int], ...]:
        """Names with how often each occurs, the most frequent first."""
        return tuple(Counter(operation.name for operation in self.operations).most_common())

    @property
    def custom_names(self) -> tuple[str, ...]:
        """Operations that are not TensorFlow Lite's own."""
        return tuple(dict.fromkeys(operation.name for operation in self.operations if operation.custom))

    @property
    def inputs(self) -> tuple[TensorInfo, ...]:
        """The tensors that the caller fills."""
        return tuple(self._info(int(index)) for index in self._subgraph.numbers(1, "i"))

    @property
    def outputs(self) -> tuple[TensorInfo, ...]:
        """The tensors that the caller reads, in the interpreter's order."""
        return tuple(self._info(int(index), trace=True) for index in self._subgraph.numbers(2, "i"))

    @property
    def int16_activations(self) -> bool:
        """Whether any operation gives 16-bit integers."""
        return any(
            index >= 0 and self._subgraph.item(0, index).scalar(1, "b") == _DTYPES.index("int16")
            for index in self._producers
        )

    def input_shapes(self, operation_name: str) -> tuple[tuple[int, ...], ...]:
        """Shapes of what the first operation of that name reads; empty where there is none."""
        for operation in self.operations:
            if operation.name == operation_name:
                return tuple(self._shape(int(index)) for index in operation.table.numbers(1, "i") if index >= 0)
        return ()

    def output_places(self, operation_name: str) -> tuple[int, ...]:
        """Where among the model's outputs each output of the first operation of that name is; -1: nowhere."""
        ends = [int(index) for index in self._subgraph.numbers(2, "i")]
        for operation in self.operations:
            if operation.name == operation_name:
                given = (int(index) for index in operation.table.numbers(2, "i"))
                return tuple(ends.index(index) if index in ends else -1 for index in given)
        return ()

    def edgetpu_runtime(self, operation_name: str) -> int | None:
        """The least runtime version that an Edge TPU package asks for; None where it does not say."""
        for operation in self.operations:
            if operation.name != operation_name:
                continue
            start, length = operation.table.span(5)
            found = self._data.find(_EDGETPU_PACKAGE, start, start + length)
            if found >= start + 4:
                version = Table.root(self._data[found - 4 : start + length]).scalar(0, "i")
                return version if 0 < version < 1000 else None
        return None

    @cached_property
    def _producers(self) -> dict[int, _Operation]:
        return {int(index): operation for operation in self.operations for index in operation.table.numbers(2, "i")}

    def _shape(self, index: int) -> tuple[int, ...]:
        tensor = self._subgraph.item(0, index)
        shape = tuple(int(size) for size in tensor.numbers(0, "i"))
        signature = tuple(int(size) for size in tensor.numbers(7, "i"))
        return signature if len(signature) == len(shape) else shape

    def _info(self, index: int, *, trace: bool = False) -> TensorInfo:
        tensor = self._subgraph.item(0, index)
        code = tensor.scalar(1, "b")
        quantisation = tensor.table(4)
        scales = quantisation.numbers(2, "f") if quantisation else ()
        points = quantisation.numbers(3, "q") if quantisation else ()
        return TensorInfo(
            name=tensor.text(3),
            shape=self._shape(index),
            dtype=_DTYPES[code] if 0 <= code < len(_DTYPES) else f"type{code}",
            scale=float(scales[0]) if scales else 0.0,
            zero_point=int(points[0]) if points else 0,
            producer=self._origin(index) if trace else "",
        )

    def _origin(self, index: int) -> str:
        seen: set[int] = set()
        while index in self._producers and index not in seen:
            seen.add(index)
            operation = self._producers[index]
            sources = operation.table.numbers(1, "i")
            if operation.name not in _PASS_THROUGH or not sources:
                return operation.name
            index = int(sources[0])
        return ""
