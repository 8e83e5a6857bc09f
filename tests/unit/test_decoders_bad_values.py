"""What no detector should give, and some do: NaN, infinities, boxes without area, undefined tails."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgedet.geometry import Letterbox
from edgedet.models.decoders import Candidates, Decoder, Limits, build_decoder, in_frame
from edgedet.models.graph import TensorInfo
from edgedet.models.kinds import Head, Kind, Layout

FLOAT = "float32"


def tensor(*shape: int, dtype: str = FLOAT) -> TensorInfo:
    return TensorInfo("out", shape, dtype, 0.0, 0)


def dense(*, channels_first: bool = True) -> Decoder:
    shape = (1, 6, 2100) if channels_first else (1, 2100, 6)
    return build_decoder(Layout(Kind.DENSE, 2, 2100, 320, 320, channels_first=channels_first), [tensor(*shape)])


def quiet(*, channels_first: bool = True) -> np.ndarray:
    values = np.zeros((6, 2100), np.float32)
    values[:4] = 0.5
    return (values if channels_first else np.ascontiguousarray(values.T))[None]


@pytest.mark.parametrize("channels_first", [True, False])
def test_nan_scores_are_dropped_and_counted_and_good_ones_stay(channels_first: bool) -> None:
    outputs = quiet(channels_first=channels_first)
    rows = outputs[0].T if channels_first else outputs[0]
    rows[7, 4] = np.nan
    rows[8, 5] = np.inf
    rows[9, 5] = 0.9
    found = dense(channels_first=channels_first).decode([outputs], Limits())
    assert found.class_ids.tolist() == [1]
    assert found.invalid == 2


def test_boxes_that_are_not_finite_are_dropped_and_counted() -> None:
    outputs = quiet()
    outputs[0, 4, 5:9] = 0.9
    outputs[0, 0, 5], outputs[0, 3, 6], outputs[0, 2, 7] = np.nan, np.inf, -np.inf
    found = dense().decode([outputs], Limits(iou=1.0))
    assert (len(found), found.invalid) == (1, 3)


def test_a_model_that_gives_nothing_but_nan_finds_nothing_and_says_so() -> None:
    found = dense().decode([np.full((1, 6, 2100), np.nan, np.float32)], Limits())
    assert (len(found), found.invalid) == (0, 2100)


def test_boxes_without_area_are_dropped() -> None:
    outputs = quiet()
    outputs[0, 4, 5:8] = 0.9
    outputs[0, 2, 5], outputs[0, 3, 6] = 0.0, -0.1
    found = dense().decode([outputs], Limits(iou=1.0))
    assert (len(found), found.invalid) == (1, 0)


def test_scores_above_one_are_one() -> None:
    outputs = quiet()
    outputs[0, 5, 3] = 1.3
    assert dense().decode([outputs], Limits()).scores.tolist() == [1.0]


def test_boxes_in_pixels_become_fractions() -> None:
    outputs = quiet()
    outputs[0, :4, 3], outputs[0, 4, 3] = (160, 80, 32, 64), 0.9
    assert dense().decode([outputs], Limits()).boxes[0] == pytest.approx([0.45, 0.15, 0.55, 0.35])


def test_only_wanted_classes_are_given_and_they_are_those_of_an_unfiltered_run() -> None:
    outputs = quiet()
    outputs[0, 4, 3], outputs[0, 5, 3], outputs[0, 5, 9] = 0.9, 0.6, 0.8
    assert dense().decode([outputs], Limits(classes=frozenset({1}))).scores == pytest.approx([0.8])
    assert len(dense().decode([outputs], Limits(classes=frozenset()))) == 0


def test_no_more_than_the_maximum_is_given_and_they_are_the_best() -> None:
    outputs = quiet()
    outputs[0, 0] = np.linspace(0, 1, 2100)
    outputs[0, 2] = 1e-4
    outputs[0, 4] = np.linspace(0.3, 0.9, 2100)
    found = dense().decode([outputs], Limits(max_detections=5))
    assert found.scores == pytest.approx(outputs[0, 4, :-6:-1])
    assert len(dense().decode([outputs], Limits(max_detections=0))) == 0


def test_results_do_not_change_when_the_decoder_is_used_again() -> None:
    decoder, outputs = dense(), quiet()
    outputs[0, 5, 3] = 0.9
    first = decoder.decode([outputs], Limits())
    kept = first.boxes.copy()
    decoder.decode([quiet()], Limits())
    outputs[:] = 0.3
    assert np.array_equal(first.boxes, kept)
    assert first.scores == pytest.approx([0.9])


SELECTED = Layout(Kind.SELECTED, 80, 300, 640, 320)


def selected(*rows: tuple[float, ...]) -> Candidates:
    outputs = np.zeros((1, 300, 6), np.float32)
    outputs[0, : len(rows)] = rows
    return build_decoder(SELECTED, [tensor(1, 300, 6)]).decode([outputs], Limits())


def test_selected_rows_come_as_they_are_best_first() -> None:
    found = selected((0.1, 0.2, 0.3, 0.4, 0.5, 7.0), (0.1, 0.2, 0.31, 0.41, 0.9, 7.0))
    assert found.class_ids.tolist() == [7, 7]
    assert found.scores == pytest.approx([0.9, 0.5])
    assert found.boxes[1] == pytest.approx([0.1, 0.2, 0.3, 0.4])


def test_selected_rows_in_pixels_become_fractions() -> None:
    assert selected((64, 32, 320, 160, 0.9, 0)).boxes[0] == pytest.approx([0.1, 0.1, 0.5, 0.5])


def test_selected_rows_with_nan_or_impossible_classes_are_dropped() -> None:
    good = (0.1, 0.2, 0.3, 0.4, 0.5)
    found = selected((*good, 3), (*good, np.nan), (*good, -1), (*good, 1e30), (np.nan, *good[1:], 1))
    assert found.class_ids.tolist() == [3]
    assert found.invalid == 2


def ssd(count: float, scores: list[float], classes: list[float]) -> Candidates:
    layout = Layout(Kind.SSD, 90, 0, 300, 300, roles=(1, 3, 0, 2))
    boxes = np.tile(np.array([0.1, 0.2, 0.3, 0.6], np.float32), (1, len(scores), 1))
    raw = [np.array([scores], np.float32), boxes, np.array([count], np.float32), np.array([classes], np.float32)]
    return build_decoder(layout, [tensor(*one.shape) for one in raw]).decode(raw, Limits())


def test_an_ssds_boxes_are_turned_and_its_tail_beyond_the_count_is_ignored() -> None:
    found = ssd(2, [0.9, 0.6, 0.8], [0, 17, 5])
    assert found.class_ids.tolist() == [0, 17]
    assert found.boxes[0] == pytest.approx([0.2, 0.1, 0.6, 0.3])


@pytest.mark.parametrize("count", [-1.0, np.nan, np.inf, 1e12, 100.0])
def test_an_ssds_impossible_count_is_no_crash(count: float) -> None:
    assert len(ssd(count, [0.9], [0])) <= 1


def test_an_ssds_nan_is_dropped_and_counted() -> None:
    found = ssd(3, [0.9, np.nan, 0.9], [0, 1, np.inf])
    assert (len(found), found.invalid) == (1, 2)


LAYOUTS = {
    "dense": (Layout(Kind.DENSE, 2, 21, 32, 32, channels_first=True), [(1, 6, 21)]),
    "dense transposed": (Layout(Kind.DENSE, 2, 21, 32, 32), [(1, 21, 6)]),
    "objectness": (Layout(Kind.OBJECTNESS, 1, 63, 32, 32), [(1, 63, 6)]),
    "selected": (Layout(Kind.SELECTED, 2, 9, 32, 32), [(1, 9, 6)]),
    "split": (
        Layout(Kind.SPLIT, 2, 21, 32, 32, heads=(Head(0, 1, (8, 16, 32), False, False),), logits=True, bins=True),
        [(1, 21, 2), (1, 21, 64)],
    ),
    "split centres": (
        Layout(Kind.SPLIT, 2, 21, 32, 32, heads=(Head(0, 1, (8, 16, 32), True, True),)),
        [(1, 2, 21), (1, 4, 21)],
    ),
    "ssd": (Layout(Kind.SSD, 2, 0, 32, 32, roles=(0, 1, 2, 3)), [(1, 9, 4), (1, 9), (1, 9), (1,)]),
}


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("dtype", ["float32", "float16"])
@settings(max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), min_score=st.floats(0, 1), odd=st.floats(0, 1))
def test_whatever_a_model_gives_nothing_unreal_comes_out(
    name: str, dtype: str, seed: int, min_score: float, odd: float
) -> None:
    layout, shapes = LAYOUTS[name]
    rng = np.random.default_rng(seed)
    outputs = []
    for shape in shapes:
        values = rng.random(shape) * rng.choice([1.0, 30.0, 6e4])
        strange = rng.choice([np.nan, np.inf, -np.inf, 6e4, -6e4, 0.0], shape)
        outputs.append(np.where(rng.random(shape) < odd, strange, values).astype(dtype))
    decoder = build_decoder(layout, [tensor(*shape, dtype=dtype) for shape in shapes])
    found = in_frame(decoder.decode(outputs, Limits(min_score)), Letterbox.fit(640, 480, 32, 32))
    assert np.isfinite(found.boxes).all()
    assert (found.boxes >= 0).all()
    assert (found.boxes <= 1).all()
    assert (found.boxes[:, 2:] > found.boxes[:, :2]).all()
    assert (found.scores >= min_score).all()
    assert (found.scores <= 1).all()
    assert (np.diff(found.scores) <= 0).all()
    assert (found.class_ids >= 0).all()
    assert found.invalid >= 0
