"""`edgedet check` and `edgedet schema config` as a user runs them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONFIG = Path(__file__).parents[2] / "config" / "edgedet.yaml"
CAMERA = "cameras:\n  porch:\n    source: {type: picamera2}\n"


def edgedet(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edgedet", *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=60, env={**os.environ, **environment}
    )


def check(tmp_path: Path, text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    file = tmp_path / "e.yaml"
    file.write_text(text)
    return edgedet("check", "-c", file, *arguments, STATE_DIRECTORY=str(tmp_path / "state"))


def test_a_right_configuration_is_summed_up(tmp_path: Path) -> None:
    done = check(tmp_path, "version: 1\ndevice: here\nmqtt: {url: mqtts://broker}\n" + CAMERA)
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        f"{tmp_path}/e.yaml: ok",
        "  device  here",
        "  broker  mqtts://broker:8883",
        "  model   none",
        "  camera  porch: picamera2, 5 frames a second, all labels",
    ]


def test_the_shipped_configuration_is_right_but_for_the_model_that_a_user_brings(tmp_path: Path) -> None:
    done = edgedet("check", "-c", CONFIG, STATE_DIRECTORY=str(tmp_path))
    assert done.returncode == 0
    (warning,) = done.stderr.splitlines()
    assert re.match(rf"warning: {re.escape(str(CONFIG))}:\d+:10: detector.model: there is no model", warning)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("mqtt: {ulr: x}\n" + CAMERA, ":1:8: mqtt.ulr: unknown key; did you mean url?"),
        ("mqtt:\n\turl: x\n" + CAMERA, ":2:1: a tab; YAML is indented with spaces"),
        (
            CAMERA + "    detect: {fps: often}\n",
            ":4:19: cameras.porch.detect.fps: the text 'often' does not belong here",
        ),
    ],
)
def test_a_wrong_configuration_exits_78_with_its_place_and_without_a_traceback(
    tmp_path: Path, text: str, place: str
) -> None:
    done = check(tmp_path, text)
    assert done.returncode == 78
    assert f"{tmp_path}/e.yaml{place}" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_missing_configuration_exits_78(tmp_path: Path) -> None:
    done = edgedet("check", "-c", tmp_path / "none.yaml")
    assert done.returncode == 78
    assert len(done.stderr.splitlines()) == 2
    assert "none.yaml: there is no such configuration file" in done.stderr


def test_migrate_prints_the_file_with_its_comments_and_adds_the_version(tmp_path: Path) -> None:
    done = check(tmp_path, "# mine\n" + CAMERA + "# end\n", "--migrate")
    assert (done.returncode, done.stdout) == (0, "# mine\nversion: 1\n" + CAMERA + "# end\n")


def test_files_that_are_not_there_are_warnings(tmp_path: Path) -> None:
    done = check(
        tmp_path,
        "version: 1\nmqtt: {password_file: secret}\ndetector:\n  model: m.tflite\n" + CAMERA,
    )
    assert done.returncode == 0
    assert "e.yaml:2:23: mqtt.password_file: " in done.stderr
    assert f"e.yaml:4:10: detector.model: {tmp_path}/m.tflite is not there; the daemon starts without" in done.stderr
    assert "model   m, not there yet" in done.stdout


def test_what_a_camera_cannot_read_yet_is_a_warning_at_its_place(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    done = check(
        tmp_path,
        "version: 1\ncameras:\n"
        "  a: {source: {type: rtsp, url: 'rtsp://host/cam', username: me, password_file: secret}}\n"
        "  b: {source: {type: video, path: gone.mp4}}\n"
        "  c: {source: {type: video, path: clips}}\n"
        "  d: {source: {type: images, path: gone}}\n"
        "  e: {source: {type: images, path: clips}}\n",
    )
    assert done.returncode == 0
    assert f"e.yaml:3:81: cameras.a.source.password_file: {tmp_path}/secret cannot be read here" in done.stderr
    assert f"e.yaml:4:35: cameras.b.source.path: {tmp_path}/gone.mp4 cannot be read here" in done.stderr
    assert f"e.yaml:5:35: cameras.c.source.path: {tmp_path}/clips is a folder, not a video; give a file" in done.stderr
    assert f"e.yaml:6:36: cameras.d.source.path: {tmp_path}/gone cannot be read here" in done.stderr
    assert "cameras.e" not in done.stderr


def test_a_file_that_is_no_model_exits_78_at_its_key(tmp_path: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(b"no model at all")
    done = check(tmp_path, "version: 1\nmodels:\n  m:\n    cpu: m.tflite\n" + CAMERA)
    assert done.returncode == 78
    assert f"e.yaml:4:10: models.m.cpu: {tmp_path}/m.tflite: not a TFLite model" in done.stderr


def test_a_model_that_is_configured_and_not_in_use_is_checked_too(tmp_path: Path) -> None:
    (tmp_path / "b.tflite").touch()
    text = "version: 1\ndetector: {model: a}\nmodels:\n  a: {cpu: a.tflite}\n  b: {cpu: b.tflite}\n" + CAMERA
    done = check(tmp_path, text)
    assert done.returncode == 78
    assert f"e.yaml:5:12: models.b.cpu: {tmp_path}/b.tflite: an empty file" in done.stderr


def test_several_models_without_a_choice_exit_78_and_are_named(tmp_path: Path) -> None:
    done = check(tmp_path, "version: 1\nmodels: {b: {cpu: b.tflite}, a: {cpu: a.tflite}}\n" + CAMERA)
    assert done.returncode == 78
    assert "auto, and there are 2 models: a, b; Name the one to use, such as model: a" in done.stderr


def test_a_real_model_is_described(tmp_path: Path, test_data: Path) -> None:
    model = test_data / "models" / "yolov8n_320_full_integer_quant.tflite"
    done = check(tmp_path, f"version: 1\ndetector: {{model: {model}, accelerators: [cpu]}}\n" + CAMERA)
    assert done.returncode == 0
    assert "  model   yolov8n_320_full_integer_quant, 320x320, 80 classes, for " in done.stdout


AREA = "polygon: [[0, 0], [1, 0], [1, 1]]"


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        (
            "detect: {labels: [preson]}",
            "6:23: cameras.porch.detect.labels[0]: the model has no label 'preson'; did you",
        ),
        ("detect: {objects: {Person: {}}}", "6:24: cameras.porch.detect.objects.Person: the model has no label"),
        ("zones: {a: {%s, labels: [car, traffic_light]}}", "labels[1]: the model has no label 'traffic_light'; did"),
        (
            "lines: {a: {from: [0, 0], to: [1, 1], labels: [ufo]}}",
            "it knows 80, such as person, bicycle, car, motorcycle",
        ),
    ],
)
def test_a_label_that_the_model_does_not_have_exits_78_with_the_nearest_ones(
    tmp_path: Path, test_data: Path, section: str, expected: str
) -> None:
    model = test_data / "models" / "yolov8n_320_full_integer_quant.tflite"
    section = section.replace("%s", AREA)
    done = check(tmp_path, f"version: 1\ndetector: {{model: {model}}}\n{CAMERA}    {section}\n")
    assert done.returncode == 78
    assert expected in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_labels_are_a_matter_of_the_model_in_use_and_of_none_while_it_is_not_there(
    tmp_path: Path, test_data: Path
) -> None:
    model = test_data / "models" / "yolov8n_320_full_integer_quant.tflite"
    text = f"version: 1\ndetector: {{model: a}}\nmodels: {{a: {{cpu: a.tflite}}, b: {{cpu: {model}}}}}\n"
    assert check(tmp_path, f"{text}{CAMERA}    detect: {{labels: [parcel]}}\n").returncode == 0


def test_two_files_that_are_not_one_model_exit_78(tmp_path: Path, test_data: Path) -> None:
    models = sorted((test_data / "models").glob("*_edgetpu.tflite"))
    compiled = next(model for model in models if "640" not in model.name)
    plain = test_data / "models" / "yolov8n_640_float32.tflite"
    text = f"version: 1\nmodels:\n  m:\n    cpu: {plain}\n    edgetpu: {compiled}\n{CAMERA}"
    done = check(tmp_path, text)
    assert done.returncode == 78
    assert "e.yaml:5:14: models.m.edgetpu: the two files are not one model: yolov8n_640_float32.tflite has 640x640" in (
        done.stderr
    )


def test_a_compiled_model_in_the_place_of_the_plain_one_exits_78(tmp_path: Path, test_data: Path) -> None:
    compiled = shutil.copy(next((test_data / "models").glob("*_edgetpu.tflite")), tmp_path / "m.tflite")
    done = check(tmp_path, f"version: 1\nmodels: {{m: {{cpu: {compiled}}}}}\n" + CAMERA)
    assert done.returncode == 78
    assert "is compiled for the Edge TPU; put it under edgetpu, or give another file" in done.stderr


@pytest.mark.parametrize("kind", ["config", "detections", "event", "health", "stats"])
def test_a_schema_is_printed_as_json(kind: str) -> None:
    done = edgedet("schema", kind)
    assert done.returncode == 0
    assert json.loads(done.stdout)["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_an_unknown_schema_is_wrong_usage() -> None:
    done = edgedet("schema", "nothing")
    assert done.returncode == 2
    assert "config" in done.stderr


@pytest.mark.parametrize("example", sorted((CONFIG.parent / "examples").glob("*.yaml")), ids=lambda file: file.name)
def test_an_example_is_right_and_its_labels_are_those_of_the_models_that_people_use(
    tmp_path: Path, test_data: Path, example: Path
) -> None:
    models = tmp_path / "state" / "models"
    models.mkdir(parents=True)
    # The one that the examples name is of the same family, with the same labels.
    shutil.copy(test_data / "models" / "ssd_mobilenet_v1_quant_postprocess.tflite", models / "mobiledet.tflite")
    shutil.copy(test_data / "models" / "ssd_coco_labels.txt", models / "mobiledet.txt")
    done = check(tmp_path, f"{example.read_text()}\nstate_dir: {tmp_path}/state\n")
    assert done.returncode == 0
    model = "demo_model" if example.name == "drawn-street.yaml" else "mobiledet, 300x300, 90 classes"
    assert f"model   {model}" in done.stdout


def test_a_model_whose_twin_cannot_even_be_looked_for_has_none(tmp_path: Path) -> None:
    # Too long a name with `_edgetpu` in it: as in a folder that is closed to us, asking is an error and no "no".
    name = "m" * 245 + ".tflite"
    done = check(tmp_path, f"models: {{mine: {{cpu: {name}}}}}\ndetector: {{model: mine}}\n" + CAMERA)
    assert done.returncode == 0
    assert f"{name} is not there" in done.stderr
    assert "Traceback" not in done.stderr
