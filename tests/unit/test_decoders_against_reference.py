"""Every decoder finds what a slow, obvious decoder finds, for every type of tensor."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import slow_decoding
from edgedet.models.decoders import Candidates, Limits, build_decoder
from edgedet.models.graph import TensorInfo
from edgedet.models.kinds import Head, Kind, Layout

WIDTH, HEIGHT = 32, 48
ANCHORS = 4 * 6 + 2 * 3 + 1 * 2
DTYPES = ["float32", "float16", "int8", "uint8", "int16"]
NO_SUPPRESSION = 1.0


@dataclass(frozen=True)
class Coding:
    """How real values lie in a tensor."""

    dtype: str
    scale: float
    zero_point: int

    def tensor(self, shape: tuple[int, ...]) -> TensorInfo:
        return TensorInfo("out", shape, self.dtype, self.scale, self.zero_point)

    def raw(self, values: np.ndarray) -> np.ndarray:
        if self.dtype.startswith("float"):
            return values.astype(self.dtype)
        limits = np.iinfo(self.dtype)
        return np.clip(np.rint(values / self.scale) + self.zero_point, limits.min, limits.max).astype(self.dtype)


@st.composite
def codings(draw: st.DrawFn, *, lowest: float, highest: float) -> Coding:
    dtype = draw(st.sampled_from(DTYPES))
    if dtype.startswith("float"):
        return Coding(dtype, 0.0, 0)
    limits = np.iinfo(dtype)
    scale = (highest - lowest) / (limits.max - limits.min) * draw(st.floats(0.8, 1.4))
    return Coding(dtype, float(np.float32(scale)), int(np.clip(limits.min - lowest / scale, limits.min, limits.max)))


def values_of(seed: int, *, classes: int, extra: int = 0) -> np.ndarray:
    """(anchors, 4 + extra + classes): boxes cx cy w h, some empty, and scores of which some are high."""
    rng = np.random.default_rng(seed)
    boxes = np.concatenate((rng.random((ANCHORS, 2)), rng.random((ANCHORS, 2)) * 0.4 - 0.01), axis=1)
    scores = rng.random((ANCHORS, extra + classes)) ** rng.choice([1, 4])
    return np.concatenate((boxes, scores), axis=1)


def spoil(raw: np.ndarray, seed: int) -> np.ndarray:
    """Some numbers become NaN or infinite, where the type can hold them."""
    if raw.dtype.kind != "f" or seed % 3:
        return raw
    rng = np.random.default_rng(seed)
    raw.reshape(-1)[rng.integers(0, raw.size, 20)] = rng.choice([np.nan, np.inf, -np.inf], 20)
    return raw


def assert_same(found: Candidates, expected: list[slow_decoding.Found], *, exact: bool = True) -> None:
    assert list(found.class_ids) == [one.class_id for one in expected]
    tolerance = 0 if exact else 1e-5
    assert found.scores == pytest.approx(np.array([one.score for one in expected]), abs=tolerance)
    assert found.boxes == pytest.approx(np.array([one.box for one in expected]).reshape(-1, 4), abs=2e-5)
    assert np.isfinite(found.boxes).all()
    assert found.boxes.dtype == found.scores.dtype == np.float32


@pytest.mark.parametrize("channels_first", [True, False])
@settings(max_examples=50)
@given(
    coding=codings(lowest=-0.05, highest=1.05),
    seed=st.integers(0, 2**32 - 1),
    classes=st.integers(1, 5),
    min_score=st.one_of(st.floats(0.0, 1.0), st.sampled_from([0.001, 0.25, 0.5, 1.0])),
)
def test_dense(channels_first: bool, coding: Coding, seed: int, classes: int, min_score: float) -> None:
    values = values_of(seed, classes=classes)
    raw = spoil(coding.raw(values.T if channels_first else values)[None].copy(), seed)
    layout = Layout(Kind.DENSE, classes, ANCHORS, WIDTH, HEIGHT, channels_first=channels_first)
    tensor = coding.tensor(raw.shape)
    found = build_decoder(layout, [tensor]).decode([raw], Limits(min_score, NO_SUPPRESSION, 10_000))
    assert_same(found, slow_decoding.dense(raw, layout, tensor, min_score))


@pytest.mark.parametrize("channels_first", [True, False])
@settings(max_examples=50)
@given(
    coding=codings(lowest=-0.05, highest=1.05),
    seed=st.integers(0, 2**32 - 1),
    classes=st.integers(1, 5),
    min_score=st.one_of(st.floats(0.0, 1.0), st.sampled_from([0.001, 0.25])),
)
def test_objectness(channels_first: bool, coding: Coding, seed: int, classes: int, min_score: float) -> None:
    values = values_of(seed, classes=classes, extra=1)
    raw = spoil(coding.raw(values.T if channels_first else values)[None].copy(), seed)
    layout = Layout(Kind.OBJECTNESS, classes, ANCHORS, WIDTH, HEIGHT, channels_first=channels_first)
    tensor = coding.tensor(raw.shape)
    found = build_decoder(layout, [tensor]).decode([raw], Limits(min_score, NO_SUPPRESSION, 10_000))
    assert_same(found, slow_decoding.objectness(raw, layout, tensor, min_score))


@pytest.mark.parametrize("form", ["lists", "lists, channels first", "maps", "maps, channels first", "joined maps"])
@pytest.mark.parametrize("logits", [True, False])
@settings(max_examples=30)
@given(
    box_coding=codings(lowest=-4.0, highest=4.0),
    seed=st.integers(0, 2**32 - 1),
    classes=st.integers(2, 5),
    min_score=st.floats(0.0, 0.999),
    data=st.data(),
)
def test_split(
    form: str, logits: bool, box_coding: Coding, seed: int, classes: int, min_score: float, data: st.DataObject
) -> None:
    rng = np.random.default_rng(seed)
    low, high = (-8.0, 5.0) if logits else (0.0, 1.0)
    score_coding = box_coding if form == "joined maps" else data.draw(codings(lowest=low, highest=high))
    scores, boxes = rng.uniform(low, high, (ANCHORS, classes)), rng.normal(0, 1.5, (ANCHORS, 64))
    first = "channels first" in form
    raws: list[np.ndarray] = []
    tensors: list[TensorInfo] = []
    heads: list[Head] = []
    start = 0
    for strides in ((8, 16, 32),) if "lists" in form else ((8,), (16,), (32,)):
        count = sum(-(-WIDTH // stride) * -(-HEIGHT // stride) for stride in strides)
        parts = [(boxes, box_coding), (scores, score_coding)]
        if form == "joined maps":
            parts = [(np.concatenate((boxes, scores), axis=1), box_coding)]
        places = []
        for values, coding in parts:
            rows = spoil(coding.raw(values[start : start + count]).copy(), seed)
            rows = rows.T if first else rows
            if "maps" in form:
                grid = (-(-HEIGHT // strides[0]), -(-WIDTH // strides[0]))
                rows = rows.reshape(-1, *grid) if first else rows.reshape(*grid, -1)
            places.append(len(raws))
            raws.append(np.ascontiguousarray(rows)[None])
            tensors.append(coding.tensor(raws[-1].shape))
        heads.append(Head(places[-1], places[0], strides, first, first))
        start += count
    layout = Layout(Kind.SPLIT, classes, ANCHORS, WIDTH, HEIGHT, heads=tuple(heads), logits=logits, bins=True)
    expected = slow_decoding.split(raws, layout, tensors, min_score)
    # Single precision decides at the very edge, and between almost equal scores.
    near = slow_decoding.split(raws, layout, tensors, min_score - 1e-5)
    assume(len(near) == len(expected) and all(abs(one.score - min_score) > 1e-5 for one in expected))
    assume(all(a.score == b.score or a.score - b.score > 1e-5 for a, b in pairwise(expected)))
    found = build_decoder(layout, tensors).decode(raws, Limits(min_score, NO_SUPPRESSION, 10_000))
    assert_same(found, expected, exact=False)


@given(
    dtype=st.sampled_from(DTYPES),
    scale=st.floats(1e-5, 0.12),
    zero_point=st.integers(-40_000, 40_000),
    min_score=st.one_of(st.floats(0, 1), st.floats(0, 1, width=32), st.integers(0, 255).map(lambda step: step / 255)),
    seed=st.integers(0, 2**32 - 1),
)
def test_a_raw_number_passes_exactly_where_its_score_reaches_the_threshold(
    dtype: str, scale: float, zero_point: int, min_score: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    if dtype.startswith("float"):
        scale = 0.0
        near = np.array([min_score, np.nextafter(min_score, 0), np.nextafter(min_score, 2)])
        raw = np.concatenate((near, rng.random(ANCHORS - 3))).astype(dtype)
    else:
        limits = np.iinfo(dtype)
        zero_point = int(np.clip(zero_point, limits.min, limits.max))
        raw = rng.integers(limits.min, limits.max + 1, ANCHORS).astype(dtype)
    tensor = TensorInfo("out", (1, 5, ANCHORS), dtype, scale, zero_point)
    scores = slow_decoding.real_values(raw, tensor)
    layout = Layout(Kind.SPLIT, 1, ANCHORS, WIDTH, HEIGHT, heads=(Head(0, 1, (8, 16, 32), False, False),), bins=True)
    boxes = TensorInfo("boxes", (1, ANCHORS, 64), "float32", 0.0, 0)
    decoder = build_decoder(layout, [tensor, boxes])
    flat = np.zeros(boxes.shape, np.float32)
    found = decoder.decode([raw.reshape(1, -1, 1), flat], Limits(min_score, NO_SUPPRESSION, 10_000))
    assert len(found) == np.count_nonzero(scores >= min_score)
    assert all(float(score) >= min_score for score in found.scores)
