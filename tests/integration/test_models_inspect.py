"""`edgedet models inspect`, as a user and as a script see it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import tflite_files
from tflite_files import Model, Operation, Tensor


def inspected(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edgedet", "models", "inspect", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def facts(*arguments: str | Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in inspected(*arguments).stdout.splitlines():
        name, _, value = line.partition("  ")
        found.setdefault(name, []).append(value.strip())
    return found


@pytest.fixture
def detector(tmp_path: Path) -> Path:
    image = tflite_files.picture(256, 192, "int8", 1 / 255, -128)
    output = tflite_files.dense(2, 1008, "int8", 0.005, -128)
    model = tflite_files.detector(output, image=image, names={0: "person", 1: "car"}, task="detect", imgsz=[192, 256])
    return tflite_files.write(tmp_path / "mine.tflite", model)


@pytest.fixture
def classifier(tmp_path: Path) -> Path:
    return tflite_files.write(tmp_path / "kinds.tflite", tflite_files.detector(Tensor("out", (1, 1001))))


def test_a_detector_is_described_and_the_status_is_zero(detector: Path) -> None:
    done = inspected(detector)
    assert (done.returncode, done.stderr) == (0, "")
    found = facts(detector)
    assert found["file"] == [str(detector)]
    assert "int8 (1, 192, 256, 3), scale 0.003921569, zero point -128, NHWC, a picture of 256x192" in found["input"][0]
    assert "(1, 6, 1008)" in found["output"][0]
    assert found["layout"][0].startswith("YOLOv8")
    assert found["classes"] == ["2: person, car"]
    assert found["edge tpu"][0].startswith("not compiled, but edgetpu_compiler can take it")
    assert found["twin"] == ["none beside it"]


def test_a_classifier_is_described_too_but_the_status_is_one(classifier: Path) -> None:
    done = inspected(classifier)
    assert done.returncode == 1
    assert "(1, 1001)" in done.stdout
    assert "refused     a classifier with 1001 classes, not a detector" in done.stdout
    assert done.stderr.startswith(f"edgedet: {classifier}: a classifier with 1001 classes, not a detector")
    assert "Traceback" not in done.stderr


def test_a_file_that_is_no_model_is_refused_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "page.tflite"
    file.write_text("<html>not found</html>")
    done = inspected(file)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[0] == f"edgedet: {file}: not a TFLite model (a web page?)"


def test_the_json_says_the_same(detector: Path, classifier: Path) -> None:
    body = json.loads(inspected(detector, "--json").stdout)
    assert (body["detector"], body["refusal"], body["labels"]) == (True, None, ["person", "car"])
    assert (body["width"], body["height"], body["order"]) == (256, 192, "NHWC")
    assert body["inputs"][0]["scale"] == pytest.approx(1 / 255)
    assert body["layout"]["kind"] == "dense"
    refused = inspected(classifier, "--json")
    body = json.loads(refused.stdout)
    assert (refused.returncode, body["detector"], body["layout"]) == (1, False, None)
    assert "a classifier" in body["refusal"]["message"]


def test_a_compiled_file_says_its_runtime_what_stays_on_the_cpu_and_where_its_twin_is(tmp_path: Path) -> None:
    image, output = tflite_files.picture(), tflite_files.dense(2)
    operations = [
        Operation(tflite_files.EDGETPU, [image.name], ["middle"], tflite_files.edgetpu_package(14)),
        Operation("CONV_2D", ["middle"], ["end"]),
        Operation("RESHAPE", ["end"], [output.name]),
    ]
    inner = [Tensor("middle", (1, 8)), Tensor("end", (1, 8))]
    compiled = tflite_files.write(tmp_path / "m_edgetpu.tflite", Model([image], [output], inner, operations))
    twin = tflite_files.write(tmp_path / "m.tflite", tflite_files.detector(output))
    found = facts(compiled)
    assert found["edge tpu"] == ["compiled, needs runtime 14 or newer; does not run without an Edge TPU"]
    assert found["on the CPU"] == ["2 operations, convolutions among them: 1; 1 CONV_2D, 1 RESHAPE"]
    assert found["twin"] == [str(twin)]
    assert facts(twin)["twin"] == [str(compiled)]


def test_labels_of_a_file_take_the_place_of_numbers(tmp_path: Path) -> None:
    model = tflite_files.write(tmp_path / "m.tflite", tflite_files.detector(tflite_files.dense(2)))
    names = tmp_path / "names.txt"
    names.write_text("cat\ndog\n")
    assert facts(model)["classes"] == ["2: class_0, class_1"]
    assert any("no class names" in line for line in facts(model)["warning"])
    assert facts(model, "--label-file", names)["classes"] == ["2: cat, dog"]


@pytest.mark.parametrize(
    ("name", "status", "said"),
    [
        ("yolov8n_640_full_integer_quant", 0, "8400 anchors"),
        ("yolov8n_320_litert_nchw_int8", 0, "NCHW"),
        ("yolov5n_fp16", 0, "objectness"),
        ("yolo26n_int8_end_to_end", 0, "end to end"),
        ("ssd_mobilenet_v1_quant_postprocess", 0, "SSD"),
        ("yolov8n_320_imagenet_calibrated_full_integer_quant_edgetpu", 0, "23 operations"),
        ("yolov8n_poorly_mapped_edgetpu", 0, "59 convolutions stay on the CPU"),
        ("not_a_detector_mobilenet_v1_quant", 1, "a classifier with 1001 classes"),
        ("invalid_invoke_error", 1, "fake-op-double"),
    ],
)
def test_published_files_are_told_for_what_they_are(test_data: Path, name: str, status: int, said: str) -> None:
    done = inspected(test_data / "models" / f"{name}.tflite")
    assert done.returncode == status
    assert said in done.stdout
