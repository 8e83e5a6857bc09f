"""Which layout a file's shapes mean, and what is said of files that are no detectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import tflite_files
from edgedet.errors import ModelError, ModelUnsuited
from edgedet.models.inspection import inspect
from edgedet.models.kinds import Kind, Layout
from edgedet.models.layout import identify, require_cpu, warnings
from tflite_files import Model, Operation, Tensor, dense, detector, picture

if TYPE_CHECKING:
    from pathlib import Path

EIGHTY = {str(index): f"thing {index}" for index in range(80)}


def layout_of(folder: Path, model: Model) -> Layout:
    return identify(inspect(tflite_files.write(folder / "m.tflite", model)))


def refusal(folder: Path, model: Model) -> str:
    with pytest.raises(ModelError) as caught:
        layout_of(folder, model)
    assert caught.value.hint
    assert "\n" not in caught.value.message
    return caught.value.message


def out(*shape: int, **more: Any) -> Tensor:
    return Tensor("out", shape, **more)


@pytest.mark.parametrize(
    ("image", "output", "kind", "classes", "channels_first"),
    [
        (picture(640, 640), (1, 84, 8400), Kind.DENSE, 80, True),
        (picture(320, 320), (1, 84, 2100), Kind.DENSE, 80, True),
        (picture(256, 256), (1, 8, 1344), Kind.DENSE, 4, True),
        (picture(640, 384), (1, 84, 5040), Kind.DENSE, 80, True),
        (picture(320, 320), (1, 2100, 84), Kind.DENSE, 80, False),
        (picture(320, 320), (1, 5, 2100), Kind.DENSE, 1, True),
        (picture(320, 320), (1, 6, 2100), Kind.DENSE, 2, True),
        (picture(320, 320), (1, 2100, 6), Kind.DENSE, 2, False),
        (picture(640, 640), (1, 84, 34000), Kind.DENSE, 80, True),
        (picture(640, 640), (1, 25200, 85), Kind.OBJECTNESS, 80, False),
        (picture(640, 640), (1, 85, 25200), Kind.OBJECTNESS, 80, True),
        (picture(320, 320), (1, 6300, 6), Kind.OBJECTNESS, 1, False),
        (picture(1280, 1280), (1, 102000, 85), Kind.OBJECTNESS, 80, False),
        (picture(416, 416), (1, 2535, 85), Kind.OBJECTNESS, 80, False),
        (picture(640, 640), (1, 300, 6), Kind.SELECTED, 0, False),
        (picture(320, 320), (1, 100, 6), Kind.SELECTED, 0, False),
        (picture(320, 320), (1, -1, 6), Kind.SELECTED, 0, False),
        (picture(640, 640, nchw=True), (1, 84, 8400), Kind.DENSE, 80, True),
    ],
)
def test_the_number_of_anchors_tells_the_layout(
    tmp_path: Path, image: Tensor, output: tuple[int, ...], kind: Kind, classes: int, channels_first: bool
) -> None:
    layout = layout_of(tmp_path, detector(out(*output), image=image))
    assert (layout.kind, layout.classes, layout.channels_first) == (kind, classes, channels_first)


def test_names_tell_an_objectness_where_there_is_one_anchor_a_cell(tmp_path: Path) -> None:
    model = detector(out(1, 8400, 85), image=picture(640, 640), names=EIGHTY, task="detect")
    assert layout_of(tmp_path, model).kind is Kind.OBJECTNESS


def test_an_export_with_nms_inside_is_known_by_its_metadata_where_the_shape_could_be_either(tmp_path: Path) -> None:
    model = detector(out(1, 2100, 6), names={"0": "a", "1": "b"}, task="detect", args={"nms": True})
    assert layout_of(tmp_path, model).kind is Kind.SELECTED


@pytest.mark.parametrize("boxes", [(1, 2100, 64), (1, 64, 2100)])
@pytest.mark.parametrize("scores", [(1, 2100, 7), (1, 7, 2100)])
def test_scores_and_boxes_apart_are_found_in_any_order(
    tmp_path: Path, boxes: tuple[int, ...], scores: tuple[int, ...]
) -> None:
    tensors = [Tensor("b", boxes, "int8", 0.05, 10), Tensor("s", scores, "int8", 0.1, 60)]
    for order in (tensors, tensors[::-1]):
        layout = layout_of(tmp_path, detector(*order))
        head = layout.heads[0]
        assert (layout.kind, layout.classes, layout.anchors, layout.bins) == (Kind.SPLIT, 7, 2100, True)
        assert (order[head.scores].name, order[head.boxes].name) == ("s", "b")
        assert (head.scores_first, head.boxes_first) == (scores[1] == 7, boxes[1] == 64)
        assert layout.logits


@pytest.mark.parametrize("ending", ["LOGISTIC", "CONV_2D"])
def test_float_scores_are_logits_unless_a_sigmoid_made_them(tmp_path: Path, ending: str) -> None:
    tensors = [Tensor("s", (1, 2100, 7)), Tensor("b", (1, 2100, 64))]
    operations = [Operation(ending, ["images"], ["s"]), Operation("CONV_2D", ["images"], ["b"])]
    layout = layout_of(tmp_path, Model([picture()], tensors, (), operations))
    assert layout.logits == (ending == "CONV_2D")


def test_quantised_scores_that_cannot_be_negative_are_no_logits(tmp_path: Path) -> None:
    tensors = [Tensor("s", (1, 2100, 7), "int8", 1 / 256, -128), Tensor("b", (1, 2100, 64), "int8", 0.1, 0)]
    assert not layout_of(tmp_path, detector(*tensors)).logits


@pytest.mark.parametrize("nchw", [False, True])
def test_maps_of_each_stride_are_paired(tmp_path: Path, nchw: bool) -> None:
    sizes = [(cells, channels) for cells in (10, 40, 20) for channels in (64, 3, 1)]
    shapes = [(1, c, n, n) if nchw else (1, n, n, c) for n, c in sizes]
    tensors = [Tensor(f"t{place}", shape) for place, shape in enumerate(shapes)]
    layout = layout_of(tmp_path, detector(*tensors, image=picture(nchw=nchw)))
    assert (layout.kind, layout.classes, layout.anchors) == (Kind.SPLIT, 3, 2100)
    assert [(head.strides, head.boxes, head.scores) for head in layout.heads] == [
        ((8,), 3, 4),
        ((16,), 6, 7),
        ((32,), 0, 1),
    ]


def test_maps_with_boxes_and_scores_in_one_are_known(tmp_path: Path) -> None:
    tensors = [Tensor(f"t{cells}", (1, cells, cells, 64 + 5)) for cells in (40, 20, 10)]
    layout = layout_of(tmp_path, detector(*tensors))
    assert (layout.classes, layout.logits) == (5, True)
    assert all(head.boxes == head.scores for head in layout.heads)


def test_an_ssd_is_read_by_what_its_last_operation_gives_not_by_names(tmp_path: Path) -> None:
    outputs = [Tensor("score", (1, 10)), Tensor("box", (1, 10, 4)), Tensor("count", (1,)), Tensor("class", (1, 10))]
    inner = [Tensor("raw boxes", (1, 1917, 4)), Tensor("raw scores", (1, 1917, 91)), Tensor("anchors", (1917, 4))]
    post = Operation(tflite_files.SSD, [tensor.name for tensor in inner], ["box", "class", "score", "count"])
    image = picture(300, 300, "uint8", 1 / 128, 128)
    layout = layout_of(tmp_path, Model([image], outputs, inner, [post]))
    assert (layout.kind, layout.classes, layout.roles) == (Kind.SSD, 90, (1, 3, 0, 2))
    assert layout.signed_input


def test_a_classifier_is_called_one(tmp_path: Path) -> None:
    assert "a classifier with 1001 classes" in refusal(tmp_path, detector(out(1, 1001)))


@pytest.mark.parametrize(
    ("task", "words"), [("segment", "a segmentation model"), ("pose", "a pose model"), ("classify", "a classifier")]
)
def test_another_task_is_named(tmp_path: Path, task: str, words: str) -> None:
    assert words in refusal(tmp_path, detector(dense(), task=task, names=EIGHTY))


def test_masks_beside_boxes_are_a_segmentation_model(tmp_path: Path) -> None:
    model = detector(Tensor("boxes", (1, 116, 2100)), Tensor("masks", (1, 80, 80, 32)))
    assert "a segmentation model" in refusal(tmp_path, model)


def test_scores_in_steps_beyond_one_carry_no_information(tmp_path: Path) -> None:
    message = refusal(tmp_path, detector(dense(dtype="int8", scale=1.574, zero_point=-128)))
    assert "no information" in message
    assert "1.57" in message


def test_an_unknown_operation_is_named(tmp_path: Path) -> None:
    model = Model([picture()], [dense()], (), [Operation("fake-op-double", ["images"], ["out"])])
    assert "fake-op-double" in refusal(tmp_path, model)


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (Tensor("images", (1, 3)), "is no picture"),
        (Tensor("images", (1, 320, 320, 1)), "is no picture"),
        (Tensor("images", (1, -1, -1, 3)), "no fixed size"),
        (Tensor("images", (4, 320, 320, 3)), "4 pictures at once"),
        (Tensor("images", (1, 320, 320, 3), "int64"), "takes int64"),
        (Tensor("images", (1, 320, 320, 3), "int8", float("nan"), 0), "scale nan"),
        (Tensor("images", (1, 60000, 60000, 3)), "too large"),
    ],
)
def test_an_input_that_is_no_picture_of_ours_is_refused(tmp_path: Path, image: Tensor, words: str) -> None:
    assert words in refusal(tmp_path, detector(dense(), image=image))


def test_two_inputs_are_refused(tmp_path: Path) -> None:
    model = Model([picture(), Tensor("mask", (1, 2))], [dense()])
    assert "2 inputs" in refusal(tmp_path, model)


def test_a_number_of_anchors_that_fits_nothing_is_told_with_the_one_expected(tmp_path: Path) -> None:
    message = refusal(tmp_path, detector(out(1, 84, 8400)))
    assert "(1, 84, 8400)" in message
    assert "2100" in message


def compiled(folder: Path, name: str = "m_edgetpu.tflite", convolutions: int = 0) -> Path:
    operations = [Operation(tflite_files.EDGETPU, ["images"], ["out"])]
    operations += [Operation("CONV_2D", ["images"], ["out"])] * convolutions
    return tflite_files.write(folder / name, Model([picture()], [dense()], (), operations))


def test_a_compiled_file_without_an_edge_tpu_points_to_its_twin(tmp_path: Path) -> None:
    path = compiled(tmp_path)
    with pytest.raises(ModelUnsuited, match="the same name without _edgetpu"):
        require_cpu(inspect(path))
    twin = tflite_files.write(tmp_path / "m.tflite", detector(dense()))
    with pytest.raises(ModelUnsuited) as caught:
        require_cpu(inspect(path))
    assert str(twin) in caught.value.hint


def test_a_plain_file_runs_on_the_cpu_whatever_its_name(tmp_path: Path) -> None:
    require_cpu(inspect(tflite_files.write(tmp_path / "m_edgetpu.tflite", detector(dense()))))


def said_of(path: Path) -> str:
    info = inspect(path)
    return "\n".join(warnings(info, identify(info)))


def test_a_good_model_has_no_warnings(tmp_path: Path) -> None:
    image = picture(dtype="int8", scale=1 / 255, zero_point=-128)
    model = detector(dense(dtype="int8", scale=0.005, zero_point=-128), image=image)
    assert said_of(tflite_files.write(tmp_path / "m.tflite", model)) == ""


def test_16_bit_activations_get_a_warning(tmp_path: Path) -> None:
    inner = [Tensor("middle", (1, 10), "int16", 0.001, 0)]
    operations = [Operation("CONV_2D", ["images"], ["middle"]), Operation("CONV_2D", ["middle"], ["out"])]
    model = Model([picture()], [dense()], inner, operations)
    assert "16-bit" in said_of(tflite_files.write(tmp_path / "m.tflite", model))


def test_convolutions_left_on_the_cpu_get_a_warning_with_their_number(tmp_path: Path) -> None:
    assert "59 convolutions" in said_of(compiled(tmp_path, convolutions=59))


def test_a_coarse_input_gets_a_warning_with_its_levels(tmp_path: Path) -> None:
    model = detector(dense(), image=picture(dtype="int8", scale=0.0186584, zero_point=-14))
    assert "55 levels" in said_of(tflite_files.write(tmp_path / "m.tflite", model))
