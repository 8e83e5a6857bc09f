"""Pictures become exactly what the input tensor's own scale and zero point say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgedet.models.graph import TensorInfo
from edgedet.models.quantise import InputEncoder

VIEW = np.random.default_rng(1).integers(0, 256, (8, 12, 3), np.uint8)


def encoded(
    dtype: str, scale: float = 0.0, zero_point: int = 0, *, nchw: bool = False, signed: bool = False
) -> np.ndarray:
    shape = (1, 3, 8, 12) if nchw else (1, 8, 12, 3)
    out = np.full(shape, 77, dtype)
    InputEncoder(TensorInfo("images", shape, dtype, scale, zero_point), nchw=nchw, signed=signed).encode(VIEW, out)
    return out[0].transpose(1, 2, 0) if nchw else out[0]


@pytest.mark.parametrize("nchw", [False, True])
@given(
    dtype=st.sampled_from(["int8", "uint8", "int16"]),
    scale=st.floats(1e-4, 0.1),
    zero_point=st.integers(-128, 127),
)
def test_any_scale_is_what_tflite_would_quantise(nchw: bool, dtype: str, scale: float, zero_point: int) -> None:
    limits = np.iinfo(dtype)
    zero_point = max(zero_point, limits.min)
    wanted = np.clip(np.rint(VIEW / 255.0 / scale) + zero_point, limits.min, limits.max)
    assert np.array_equal(encoded(dtype, scale, zero_point, nchw=nchw), wanted)


@pytest.mark.parametrize("nchw", [False, True])
@pytest.mark.parametrize(
    ("dtype", "scale", "zero_point", "wanted"),
    [
        ("int8", 1 / 255, -128, VIEW.astype(int) - 128),
        ("int8", 0.003921568859368563, -128, VIEW.astype(int) - 128),
        ("uint8", 1 / 255, 0, VIEW),
        ("uint8", 0.0, 0, VIEW),
    ],
)
def test_the_common_scales_move_bytes_without_loss(
    nchw: bool, dtype: str, scale: float, zero_point: int, wanted: np.ndarray
) -> None:
    assert np.array_equal(encoded(dtype, scale, zero_point, nchw=nchw), wanted)


@pytest.mark.parametrize("nchw", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_floating_point_inputs_are_0_to_1(nchw: bool, dtype: str) -> None:
    picture = encoded(dtype, nchw=nchw)
    assert picture.dtype == dtype
    assert np.allclose(picture, VIEW / 255, atol=1e-3 if dtype == "float16" else 1e-7)


def test_an_ssd_takes_the_bytes_of_the_picture_or_minus_1_to_1() -> None:
    assert np.array_equal(encoded("uint8", 0.0078125, 128, signed=True), VIEW)
    assert np.array_equal(encoded("int8", 0.0078125, 0, signed=True), VIEW.astype(int) - 128)
    assert np.allclose(encoded("float32", signed=True), VIEW / 127.5 - 1, atol=1e-6)


def test_a_view_that_is_a_window_of_a_larger_picture_is_read_right() -> None:
    large = np.random.default_rng(2).integers(0, 256, (20, 30, 3), np.uint8)
    window = large[3:11, 5:17]
    out = np.empty((1, 8, 12, 3), np.int8)
    InputEncoder(TensorInfo("images", out.shape, "int8", 0.02, -14), nchw=False).encode(window, out)
    assert np.array_equal(out[0], np.clip(np.rint(window / 255 / 0.02) - 14, -128, 127))
