"""Real published files: read rightly, or refused in words that say what they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from edgedet.errors import EdgedetError, ModelError, ModelUnsuited
from edgedet.geometry import LETTERBOX_GREY, Letterbox
from edgedet.models.decoders import Limits, build_decoder, in_frame
from edgedet.models.inspection import ModelInfo, inspect
from edgedet.models.kinds import Kind
from edgedet.models.labels import labels_for
from edgedet.models.layout import identify, require_cpu, warnings
from edgedet.models.quantise import InputEncoder

if TYPE_CHECKING:
    from pathlib import Path

DETECTORS = {
    "ssd_mobilenet_v1_quant_postprocess": (Kind.SSD, 90, "uint8", 300),
    "yolo26n_int8_end_to_end": (Kind.SELECTED, 80, "float32", 640),
    "yolov5n_fp16": (Kind.OBJECTNESS, 80, "float32", 640),
    "yolov8n_320_dynamic_range_int8": (Kind.DENSE, 80, "float32", 320),
    "yolov8n_320_float32": (Kind.DENSE, 80, "float32", 320),
    "yolov8n_320_full_integer_quant": (Kind.DENSE, 80, "int8", 320),
    "yolov8n_320_imagenet_calibrated_full_integer_quant": (Kind.DENSE, 80, "int8", 320),
    "yolov8n_320_litert_nchw_int8": (Kind.DENSE, 80, "float32", 320),
    "yolov8n_640_float32": (Kind.DENSE, 80, "float32", 640),
    "yolov8n_640_full_integer_quant": (Kind.DENSE, 80, "int8", 640),
}
COMPILED = {
    "yolov8n_320_imagenet_calibrated_full_integer_quant_edgetpu": 1,
    "yolov8n_poorly_mapped_edgetpu": 59,
}
REFUSED = {
    "invalid_invoke_error": "needs the operation fake-op-double",
    "not_a_detector_mobilenet_v1_quant": "a classifier with 1001 classes",
}


def info_of(test_data: Path, name: str) -> ModelInfo:
    return inspect(test_data / "models" / f"{name}.tflite")


def test_every_file_of_the_test_data_has_its_test_here(test_data: Path) -> None:
    present = {path.stem for path in (test_data / "models").glob("*.tflite")}
    assert present == {*DETECTORS, *COMPILED, *REFUSED}


@pytest.mark.parametrize("name", DETECTORS)
def test_a_detector_is_identified(test_data: Path, name: str) -> None:
    info = info_of(test_data, name)
    layout = identify(info)
    require_cpu(info)
    assert (layout.kind, layout.classes, info.input.dtype, layout.width) == DETECTORS[name]
    assert layout.height == layout.width
    assert info.nchw == ("nchw" in name)


@pytest.mark.parametrize("name", DETECTORS)
def test_only_the_coarsely_calibrated_file_gets_a_warning(test_data: Path, name: str) -> None:
    info = info_of(test_data, name)
    said = warnings(info, identify(info))
    assert ["55 levels" in line for line in said] == ([True] if "imagenet" in name else [])


@pytest.mark.parametrize("name", COMPILED)
def test_a_compiled_file_says_how_it_maps_and_is_refused_on_the_cpu(test_data: Path, name: str) -> None:
    info = info_of(test_data, name)
    layout = identify(info)
    assert (layout.kind, layout.classes) == (Kind.DENSE, 80)
    assert (info.edgetpu_runtime, info.cpu_convolutions) == (14, COMPILED[name])
    assert any("convolutions stay on the CPU" in line for line in warnings(info, layout)) == ("poorly" in name)
    with pytest.raises(ModelUnsuited) as caught:
        require_cpu(info)
    twin = test_data / "models" / f"{name.removesuffix('_edgetpu')}.tflite"
    assert (str(twin) in caught.value.hint) == twin.is_file()


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_detector_is_refused_by_name(test_data: Path, name: str) -> None:
    with pytest.raises(ModelError, match=REFUSED[name]) as caught:
        identify(info_of(test_data, name))
    assert caught.value.hint


def test_a_label_file_in_place_of_a_model_is_refused(test_data: Path) -> None:
    with pytest.raises(EdgedetError, match="not a TFLite model"):
        inspect(test_data / "models" / "ssd_coco_labels.txt")


def test_names_are_embedded_except_where_they_are_not(test_data: Path) -> None:
    for name in DETECTORS:
        info = info_of(test_data, name)
        label_file = test_data / "models" / "ssd_coco_labels.txt" if name.startswith("ssd") else None
        names, warning = labels_for(info, identify(info), label_file)
        assert names[0] == "person"
        assert (warning is not None) == (name == "yolov5n_fp16")


@pytest.mark.parametrize("name", DETECTORS)
def test_the_bus_and_its_people_are_found(test_data: Path, name: str) -> None:
    label_file = test_data / "models" / "ssd_coco_labels.txt" if name.startswith("ssd") else None
    found = objects(test_data, name, label_file)
    assert "bus" in found
    wanted = 4 if name.startswith("yolov8n_640") else 3
    assert found.count("person") >= wanted
    assert "traffic light" not in found


def objects(test_data: Path, name: str, label_file: Path | None) -> list[str]:
    """Labels on bus.jpg by the interpreter itself, the encoder and the decoder, without the rest of the pipeline."""
    from ai_edge_litert.interpreter import Interpreter

    info = info_of(test_data, name)
    layout = identify(info)
    interpreter = Interpreter(str(info.path), num_threads=1)
    interpreter.allocate_tensors()
    with Image.open(test_data / "images" / "bus.jpg") as picture:
        view, letterbox = letterboxed(picture.convert("RGB"), layout.width, layout.height)
    details = interpreter.get_input_details()[0]
    tensor = np.empty(details["shape"], details["dtype"])
    InputEncoder.for_model(info, layout).encode(view, tensor)
    interpreter.set_tensor(details["index"], tensor)
    interpreter.invoke()
    outputs = [interpreter.get_tensor(output["index"]) for output in interpreter.get_output_details()]
    found = in_frame(build_decoder(layout, info.outputs).decode(outputs, Limits()), letterbox)
    assert found.invalid == 0
    names, _ = labels_for(info, layout, label_file)
    return [names[class_id] for class_id in found.class_ids]


def letterboxed(picture: Image.Image, width: int, height: int) -> tuple[np.ndarray, Letterbox]:
    fit = Letterbox.fit(picture.width, picture.height, width, height)
    scale = (picture.width / fit.inner_width, 0, 0, 0, picture.height / fit.inner_height, 0)
    inner = picture.transform(
        (fit.inner_width, fit.inner_height), Image.Transform.AFFINE, scale, Image.Resampling.BILINEAR
    )
    view = np.full((height, width, 3), LETTERBOX_GREY, np.uint8)
    view[fit.top : fit.top + fit.inner_height, fit.left : fit.left + fit.inner_width] = np.asarray(inner)
    return view, fit
