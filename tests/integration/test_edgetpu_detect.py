"""`edgedet detect` on a software Edge TPU, and on the CPU where there is none."""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edgedet.cameras.synthetic import Settings, scene_of
from edgedet.settings.model_choice import BUNDLED_MODEL
from integration.edgedet_process import Finished, run_edgedet
from software_edgetpu.compiled import compiled_from
from software_edgetpu.library import SoftwareEdgeTpu
from software_edgetpu.twin import Twin
from tflite_files import answering, write


@dataclass(frozen=True)
class Place:
    """A folder with a model in both forms, pictures, and a configuration that names the software Edge TPU."""

    folder: Path
    tpu: SoftwareEdgeTpu

    @property
    def cpu_model(self) -> Path:
        return self.folder / "demo.tflite"

    @property
    def compiled_model(self) -> Path:
        return self.folder / "demo_edgetpu.tflite"

    def detect(self, *arguments: str | Path) -> Finished:
        pictures = self.folder / "pictures"
        return run_edgedet("detect", pictures, "-c", self.folder / "edgedet.yaml", "--min-score", "0.25", *arguments)


@pytest.fixture
def place(edgetpu: SoftwareEdgeTpu, tmp_path: Path) -> Iterator[Place]:
    shutil.copy(BUNDLED_MODEL, tmp_path / "demo.tflite")
    compiled_from(BUNDLED_MODEL, tmp_path / "demo_edgetpu.tflite")
    (tmp_path / "pictures").mkdir()
    scene = scene_of(Settings(size=(320, 240), seed=3))
    for number in range(6):
        Image.fromarray(scene.render(number / 2)).save(tmp_path / f"pictures/{number}.png")
    (tmp_path / "edgedet.yaml").write_text(
        f"version: 1\ndetector: {{model: {tmp_path}/demo.tflite, edgetpu: {{library: {edgetpu.library}}}}}\n"
        "cameras: {porch: {source: {type: synthetic}}}\n"
    )
    with Twin(BUNDLED_MODEL) as twin:
        edgetpu.script(twin=twin.path)
        yield Place(tmp_path, edgetpu)


def frames_of(done: Finished) -> list[list[dict[str, Any]]]:
    return [json.loads(line)["detections"] for line in done.out.splitlines()]


def sees_the_same(one: Finished, other: Finished) -> bool:
    """Whether each has what the other is fairly sure of; arithmetic rounds here and there, which moves the doubtful."""
    pairs = list(zip(frames_of(one), frames_of(other), strict=True))
    return all(_has(found, second) for first, second in pairs for found in first) and all(
        _has(found, first) for first, second in pairs for found in second
    )


def _has(found: dict[str, Any], frame: list[dict[str, Any]]) -> bool:
    return found["score"] < 0.6 or any(
        each["label"] == found["label"] and np.allclose(each["box"], found["box"], atol=0.03) for each in frame
    )


def test_a_model_with_a_compiled_twin_runs_on_the_edge_tpu_and_sees_the_same(place: Place) -> None:
    on_edgetpu = place.detect()
    on_cpu = place.detect("--accelerator", "cpu")
    assert (on_edgetpu.code, on_cpu.code) == (0, 0)
    assert len(place.tpu.opened) == 1
    assert sees_the_same(on_edgetpu, on_cpu)
    assert any(found["score"] >= 0.6 for frame in frames_of(on_cpu) for found in frame)
    assert "warning" not in on_edgetpu.err


def test_the_compiled_file_itself_can_be_named(place: Place) -> None:
    done = place.detect("-m", place.compiled_model, "--accelerator", "edgetpu")
    assert (done.code, len(place.tpu.opened)) == (0, 1)
    assert len(done.out.splitlines()) == 6


def test_without_an_edge_tpu_the_cpu_runs_the_twin_and_one_line_says_why(place: Place) -> None:
    place.tpu.unplug()
    done = place.detect("-m", place.compiled_model)
    assert done.code == 0
    assert len(done.out.splitlines()) == 6
    warnings = [line for line in done.err.splitlines() if "warning" in line]
    assert warnings == ["edgedet: warning: no Edge TPU: the kernel sees none; the CPU runs demo.tflite instead"]


def test_without_the_library_the_cpu_runs_the_twin_too(place: Place) -> None:
    done = run_edgedet("detect", place.folder / "pictures/0.png", "-m", place.compiled_model)
    assert done.code == 0
    assert "; the CPU runs demo.tflite instead" in done.err


def test_an_edge_tpu_that_is_asked_for_and_not_there_is_an_error(place: Place) -> None:
    place.tpu.unplug()
    done = place.detect("--accelerator", "edgetpu")
    assert (done.code, done.out) == (1, "")
    assert "no Edge TPU: the kernel sees none" in done.err
    assert "Traceback" not in done.err


def test_an_edge_tpu_that_is_asked_for_without_a_compiled_file_is_wrong_usage(place: Place) -> None:
    place.compiled_model.unlink()
    done = place.detect("--accelerator", "edgetpu")
    assert done.code == 2
    assert "not compiled for the Edge TPU, and there is no demo_edgetpu.tflite beside it" in done.err


def test_a_compiled_file_alone_without_an_edge_tpu_says_both_what_it_is_and_what_is_missing(place: Place) -> None:
    place.cpu_model.unlink()
    place.tpu.unplug()
    done = place.detect("-m", place.compiled_model)
    assert done.code == 1
    assert "compiled for the Edge TPU, does not run on the CPU; no Edge TPU: the kernel sees none" in done.err


def test_an_edge_tpu_that_aborts_half_way_loses_no_frame(place: Place) -> None:
    # Three runs are the warm-up.
    place.tpu.script(invoke="abort", after=6)
    done = place.detect()
    assert done.code == 0
    assert sees_the_same(done, place.detect("--accelerator", "cpu"))
    assert "died of SIGABRT; the CPU runs demo.tflite instead" in done.err


def test_a_twin_of_another_shape_is_not_used_and_that_is_said(place: Place) -> None:
    other = write(place.folder / "other.tflite", answering(np.zeros((8, 21), np.float32)))
    shutil.copy(place.compiled_model, place.folder / "other_edgetpu.tflite")
    done = place.detect("-m", other)
    assert done.code == 0
    assert "other_edgetpu.tflite was not compiled from other.tflite (32x32 against 256x256 pixels)" in done.err
    assert place.tpu.opened == []


def test_a_configuration_without_the_edge_tpu_is_kept_to(place: Place) -> None:
    text = (place.folder / "edgedet.yaml").read_text()
    (place.folder / "edgedet.yaml").write_text(text.replace("detector: {", "detector: {accelerators: [cpu], "))
    assert place.detect().code == 0
    assert place.tpu.opened == []


def test_one_of_two_that_another_program_has_is_done_without(place: Place) -> None:
    place.tpu.plug_in("usb:0", "usb:1")
    config = place.folder / "edgedet.yaml"
    config.write_text(config.read_text().replace("edgetpu: {", "edgetpu: {devices: [usb:0, usb:1], "))
    with place.tpu.library.with_name(f"{place.tpu.library.name}.usb:1").open("w") as held:
        fcntl.lockf(held, fcntl.LOCK_EX)
        done = place.detect("--accelerator", "edgetpu", "-m", place.compiled_model)
    assert done.code == 0
    assert "usb:1" in done.err
    assert "done without" in done.err
    assert len(done.out.splitlines()) == 6
