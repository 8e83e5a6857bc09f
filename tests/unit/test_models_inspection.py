"""What `inspect` reads from a file, and what it says of files that are none."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tflite_files
from edgedet.errors import ModelError, ModelMissing
from edgedet.models.inspection import inspect
from tflite_files import Model, Operation, Tensor

PLAIN = tflite_files.detector(tflite_files.dense(), names={"0": "person", "2": "car"}, task="detect", imgsz=[320, 320])


def test_a_tensor_is_read_with_its_quantisation(tmp_path: Path) -> None:
    image = tflite_files.picture(width=256, height=192, dtype="int8", scale=0.0186584, zero_point=-14)
    model = tflite_files.detector(tflite_files.dense(dtype="uint8", scale=0.005, zero_point=3), image=image)
    info = inspect(tflite_files.write(tmp_path / "m.tflite", model))
    assert (info.width, info.height, info.nchw) == (256, 192, False)
    assert (info.input.dtype, info.input.scale, info.input.zero_point) == ("int8", pytest.approx(0.0186584), -14)
    assert (info.outputs[0].shape, info.outputs[0].dtype) == ((1, 84, 2100), "uint8")
    assert info.operations == (("CONV_2D", 1),)


def test_channels_that_come_first_are_noticed(tmp_path: Path) -> None:
    image = tflite_files.picture(width=640, height=384, nchw=True)
    info = inspect(tflite_files.write(tmp_path / "m.tflite", tflite_files.detector(tflite_files.dense(), image=image)))
    assert (info.width, info.height, info.nchw) == (640, 384, True)


def test_metadata_of_today_and_of_yesterday_say_the_same(tmp_path: Path) -> None:
    today = inspect(tflite_files.write(tmp_path / "today.tflite", PLAIN))
    old = "{'task': 'detect', 'imgsz': [320, 320], 'names': {0: 'person', 2: 'car'}}"
    yesterday = Model(PLAIN.inputs, PLAIN.outputs, (), PLAIN.operations, {"temp_meta.txt": old})
    info = inspect(tflite_files.write(tmp_path / "yesterday.tflite", yesterday))
    assert info.metadata == today.metadata
    assert info.metadata.names == ("person", "", "car")
    assert (info.metadata.task, info.metadata.image_size) == ("detect", (320, 320))


@pytest.mark.parametrize(
    "text", ["", "{", "[1, 2]", "__import__('os')", "{'names': 7}", "{'names': {'a': 1}}", "[" * 9999]
)
def test_metadata_that_makes_no_sense_is_no_metadata(tmp_path: Path, text: str) -> None:
    model = Model(PLAIN.inputs, PLAIN.outputs, (), PLAIN.operations, {"temp_meta.txt": text})
    assert inspect(tflite_files.write(tmp_path / "m.tflite", model)).metadata.names is None


def test_an_appended_label_file_gives_the_names(tmp_path: Path) -> None:
    model = Model(PLAIN.inputs, PLAIN.outputs, (), PLAIN.operations, {"labelmap.txt": "person\nbicycle\n"})
    assert inspect(tflite_files.write(tmp_path / "m.tflite", model)).metadata.names == ("person", "bicycle")


def test_a_compiled_file_tells_its_runtime_and_what_stays_on_the_cpu(tmp_path: Path) -> None:
    operations = [
        Operation(tflite_files.EDGETPU, ["images"], ["middle"], tflite_files.edgetpu_package(14)),
        Operation("CONV_2D", ["middle"], ["middle"]),
        Operation("CONCATENATION", ["middle"], ["out"]),
    ]
    model = Model(PLAIN.inputs, PLAIN.outputs, [Tensor("middle", (1, 10))], operations)
    info = inspect(tflite_files.write(tmp_path / "m_edgetpu.tflite", model))
    assert info.compiled_for_edgetpu
    assert (info.edgetpu_runtime, info.cpu_operations, info.cpu_convolutions) == (14, 2, 1)


def test_edgetpu_in_a_name_proves_nothing(tmp_path: Path) -> None:
    assert not inspect(tflite_files.write(tmp_path / "yolo_edgetpu.tflite", PLAIN)).compiled_for_edgetpu


def test_the_operation_behind_a_dequantisation_is_the_producer(tmp_path: Path) -> None:
    operations = [Operation("LOGISTIC", ["images"], ["middle"]), Operation("DEQUANTIZE", ["middle"], ["out"])]
    model = Model(PLAIN.inputs, PLAIN.outputs, [Tensor("middle", (1, 10))], operations)
    assert inspect(tflite_files.write(tmp_path / "m.tflite", model)).outputs[0].producer == "LOGISTIC"


def test_an_operation_that_feeds_itself_does_not_hang_the_reader(tmp_path: Path) -> None:
    operations = [Operation("RESHAPE", ["out"], ["out"])]
    model = Model(PLAIN.inputs, PLAIN.outputs, (), operations)
    assert inspect(tflite_files.write(tmp_path / "m.tflite", model)).outputs[0].producer == ""


def test_a_missing_file_is_model_missing(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="no such model file"):
        inspect(tmp_path / "absent.tflite")


def test_a_folder_is_called_a_directory(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="a directory"):
        inspect(tmp_path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "an empty file"),
        (b"PK\x03\x04 and so on", "zip archive"),
        (b"version https://git-lfs.github.com/spec/v1", "Git LFS pointer"),
        (b"\n<!DOCTYPE html>", "web page"),
        (b"abc", "not a TFLite model"),
        (b"\x1c\0\0\0TFL3", "truncated or damaged"),
        (b"\xff\xff\xff\xffTFL3" + bytes(64), "truncated or damaged"),
    ],
)
def test_what_is_no_model_is_named(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=words) as caught:
        inspect(path)
    assert str(path) in caught.value.message
    assert caught.value.hint
    assert "\n" not in caught.value.message


@given(st.integers(8, len(tflite_files.to_bytes(PLAIN)) - 1))
def test_every_truncation_is_an_error_or_a_whole_model(tmp_path_factory: pytest.TempPathFactory, length: int) -> None:
    path = tmp_path_factory.getbasetemp() / "truncated.tflite"
    path.write_bytes(tflite_files.to_bytes(PLAIN)[:length])
    try:
        info = inspect(path)
    except ModelError:
        return
    # Only the appended zip can be missing without the model being damaged.
    assert info.outputs[0].shape == (1, 84, 2100)


@given(st.integers(0, 2**32 - 1))
def test_no_damage_gives_anything_but_an_error(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    rng = random.Random(seed)
    data = bytearray(tflite_files.to_bytes(PLAIN))
    for _ in range(rng.randint(1, 8)):
        data[rng.randrange(len(data))] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
    path = tmp_path_factory.getbasetemp() / "damaged.tflite"
    path.write_bytes(data)
    try:
        info = inspect(path)
    except ModelError:
        return
    assert info.inputs
    assert info.outputs


def test_the_main_process_reads_models_without_numpy() -> None:
    code = "import sys; from edgedet.models import inspection, labels, layout; print('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
