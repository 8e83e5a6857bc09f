"""From RGB bytes to the model's input tensor.

Published models differ in their input's scale and zero point (calibrated exports have 1/255 and -128, most compiled
ones the converter's default 0.0187 and -14), so the tensor's own are always used. For 8-bit input every scale is a
table of 256 entries; the common ones are an exclusive or, or a copy. Values are rounded, as TFLite's QUANTIZE does:
cutting them off, as Ultralytics does, costs the model with -14 as its zero point 0.012 mAP.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgedet.models.graph import TensorInfo
    from edgedet.models.inspection import ModelInfo
    from edgedet.models.layout import Layout

_BYTES = np.arange(256, dtype=np.uint8)
_SIGN = np.uint8(0x80)


class InputEncoder:
    """Writes detect views into the input tensor of one model. Keeps no state: threads may share it.

    Args:
        tensor: the model's input.
        nchw: its channels come first.
        signed: pictures are -1 to 1 instead of 0 to 1. The SSDs of TensorFlow's detection API are trained so, and their
            8-bit inputs, (1/128, 128) or close to it, take the bytes of the picture as they are.
    """

    def __init__(self, tensor: TensorInfo, *, nchw: bool, signed: bool = False) -> None:
        self._nchw = nchw
        self._dtype = np.dtype(tensor.dtype)
        self._table = _table(tensor, signed=signed)
        self._plain = np.array_equal(self._table, _BYTES)
        self._flip = self._dtype == np.int8 and np.array_equal(self._table.view(np.uint8), _BYTES ^ _SIGN)
        self._unit = self._dtype == np.float32 and not signed

    @classmethod
    def for_model(cls, info: ModelInfo, layout: Layout) -> InputEncoder:
        """The encoder of an inspected model."""
        return cls(info.input, nchw=info.nchw, signed=layout.signed_input)

    def encode(self, view: NDArray[np.uint8], out: NDArray[np.generic]) -> None:
        """Writes `view`, RGB (height, width, 3), into `out`, of the input tensor's shape and type."""
        source = view.transpose(2, 0, 1) if self._nchw else view
        target = out[0]
        if self._unit:
            np.multiply(source, np.float32(1 / 255), out=target)
        elif self._flip:
            np.bitwise_xor(source, _SIGN, out=target.view(np.uint8))
        elif self._plain:
            np.copyto(target, source)
        else:
            np.take(self._table, source, out=target, mode="clip")


def _table(tensor: TensorInfo, *, signed: bool) -> NDArray[np.generic]:
    """What each of the 256 bytes becomes."""
    dtype = np.dtype(tensor.dtype)
    values = _BYTES.astype(np.float64) / 127.5 - 1.0 if signed else _BYTES.astype(np.float64) / 255.0
    if dtype.kind == "f":
        return values.astype(dtype)
    if signed and dtype == np.uint8:
        return _BYTES
    if signed and dtype == np.int8:
        return (_BYTES ^ _SIGN).view(np.int8)
    if not tensor.quantised:
        return _BYTES.astype(dtype)
    limits = np.iinfo(dtype)
    quantised = np.rint(values / tensor.scale) + tensor.zero_point
    table: NDArray[np.generic] = np.clip(quantised, limits.min, limits.max).astype(dtype)
    return table
