"""`edgedet detect` on the bundled model and pictures made here: results, order, faults, bad input."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from clips import colourful, write_clip
from edgedet.cameras._scene.scene import Scene
from edgedet.settings.model_choice import BUNDLED_MODEL
from integration.edgedet_process import run_edgedet
from tflite_files import answering, write


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip in which the bundled model has something to find."""
    path = tmp_path_factory.mktemp("scene") / "scene.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=5)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 320, 240, "yuv420p", 4_000_000
        drawn = Scene(3, (320, 240))
        for number in range(40):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(drawn.render(number / 5), "rgb24")))
        container.mux(stream.encode())
    return path


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "clip.mp4", frames=30)


def lines(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def test_every_frame_of_a_clip_comes_out_in_order_as_a_line_of_json(clip: Path) -> None:
    done = run_edgedet("detect", clip, "--instances", "2")
    assert done.code == 0
    frames = lines(done.out)
    assert [frame["frame"] for frame in frames] == list(range(30))
    assert {frame["source"] for frame in frames} == {str(clip)}
    assert set(frames[0]) == {"source", "frame", "pts_s", "width", "height", "detections"}
    assert re.match(r"30 frames in \d+\.\d\d s, \d+\.\d fps\n", done.err)


def test_the_summary_gives_the_spread_of_each_stage(clip: Path) -> None:
    done = run_edgedet("detect", clip, "--format", "none")
    assert done.out == ""
    assert [line.split()[0] for line in done.err.splitlines()[1:]] == ["prepare", "invoke", "decode", "latency"]


def test_one_interpreter_and_several_give_the_same_answers(scene: Path) -> None:
    one = run_edgedet("detect", scene, "--instances", "1", "--min-score", "0.1")
    two = run_edgedet("detect", scene, "--instances", "2", "--min-score", "0.1")
    assert one.out == two.out
    assert any(frame["detections"] for frame in lines(one.out))


def test_detections_are_inside_the_frame_and_the_best_comes_first(scene: Path) -> None:
    done = run_edgedet("detect", scene, "--min-score", "0.05")
    seen = [frame["detections"] for frame in lines(done.out)]
    assert any(seen)
    for found in seen:
        assert isinstance(found, list)
        scores = [one["score"] for one in found]
        assert scores == sorted(scores, reverse=True)
        for one in found:
            x1, y1, x2, y2 = one["box"]
            assert 0 <= x1 < x2 <= 1
            assert 0 <= y1 < y2 <= 1


def test_several_sources_are_taken_in_the_order_given_and_a_folder_in_that_of_its_names(
    clip: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in ("b.png", "a.jpg"):
        Image.fromarray(colourful(64, 48)).save(folder / name)
    (folder / "notes.txt").write_text("no picture")
    done = run_edgedet("detect", folder, clip)
    assert [frame["source"] for frame in lines(done.out)] == [
        f"{folder}/a.jpg",
        f"{folder}/b.png",
        *[str(clip)] * 30,
    ]
    assert "1 " in done.err


def test_labels_leave_the_others_out(scene: Path) -> None:
    everything = lines(run_edgedet("detect", scene, "--min-score", "0.1").out)
    people = lines(run_edgedet("detect", scene, "--min-score", "0.1", "--labels", "person").out)
    labels = {one["label"] for frame in people for one in frame["detections"]}  # type: ignore[attr-defined]
    assert labels <= {"person"}
    assert len({one["label"] for frame in everything for one in frame["detections"]}) > 1  # type: ignore[attr-defined]


def test_a_detector_that_is_killed_in_the_middle_costs_no_frame(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "long.mp4", frames=400)
    whole = run_edgedet("detect", clip, "--instances", "1")
    with subprocess.Popen(
        [sys.executable, "-m", "edgedet", "detect", str(clip), "--instances", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as job:
        assert job.stdout is not None
        first = job.stdout.readline()
        killed = _child(job.pid, "detector_child")
        os.kill(killed, signal.SIGKILL)
        out = first + job.stdout.read()
    assert job.returncode == 0
    assert out == whole.out


def test_ctrl_c_ends_with_the_summary_and_130(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "long.mp4", frames=600)
    with subprocess.Popen(
        [sys.executable, "-m", "edgedet", "detect", str(clip)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as job:
        assert job.stdout is not None
        assert job.stderr is not None
        job.stdout.readline()
        job.send_signal(signal.SIGINT)
        job.stdout.read()
        summary = job.stderr.read()
    assert job.returncode == 130
    assert re.search(r"^\d+ frames in", summary, re.MULTILINE)
    assert "Traceback" not in summary


def test_a_reader_that_goes_away_is_no_error(clip: Path) -> None:
    command = f"{sys.executable} -m edgedet detect {clip} | head -n 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, timeout=60)
    assert len(done.stdout.splitlines()) == 1
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


def test_a_clip_that_breaks_off_is_a_warning_that_names_the_frame(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", frames=60)
    data = clip.read_bytes()
    clip.write_bytes(data[: len(data) * 2 // 3])
    done = run_edgedet("detect", clip)
    assert done.code == 0
    assert f"breaks off at frame {len(done.out.splitlines())}" in done.err


@pytest.mark.parametrize(
    ("content", "name", "complaint"),
    [
        (None, "missing.mp4", "there is no such file"),
        (b"", "empty.mp4", "is an empty file"),
        (b"no video at all", "text.mp4", "cannot be read as video"),
        (b"no picture", "text.jpg", "text.jpg"),
    ],
)
def test_a_source_that_gives_nothing_is_one_clear_error(
    tmp_path: Path, content: bytes | None, name: str, complaint: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    done = run_edgedet("detect", path)
    assert (done.code, done.out) == (1, "")
    assert complaint in done.err
    assert len(done.err.splitlines()) <= 2


def test_a_source_that_gives_nothing_does_not_keep_the_others(clip: Path) -> None:
    done = run_edgedet("detect", "/no/such.mp4", clip)
    assert done.code == 1
    assert len(lines(done.out)) == 30
    assert "/no/such.mp4: there is no such file" in done.err
    assert "30 frames in" in done.err


def test_a_folder_without_pictures_is_one_clear_error(tmp_path: Path) -> None:
    done = run_edgedet("detect", tmp_path)
    assert done.code == 1
    assert "no pictures in this folder" in done.err


@pytest.mark.parametrize(
    ("content", "complaint"),
    [(None, "no such model file"), (b"", "an empty file"), (b"nonsense" * 100, "model.tflite")],
    ids=["missing", "empty", "nonsense"],
)
def test_a_model_that_is_none_is_one_clear_error(
    clip: Path, tmp_path: Path, content: bytes | None, complaint: str
) -> None:
    model = tmp_path / "model.tflite"
    if content is not None:
        model.write_bytes(content)
    done = run_edgedet("detect", clip, "-m", model)
    assert (done.code, done.out) == (1, "")
    assert complaint in done.err
    assert len(done.err.splitlines()) <= 2


def answers(scores: float) -> NDArray[np.float32]:
    """Of two classes for 21 anchors: one clear box, and those scores everywhere else."""
    values = np.full((6, 21), scores, np.float32)
    values[:4] = 0.5
    values[4:, 0] = 0.9, 0.1
    return values


def test_values_that_are_no_numbers_are_left_out_and_told_about(clip: Path, tmp_path: Path) -> None:
    model = write(tmp_path / "model.tflite", answering(answers(np.nan)))
    done = run_edgedet("detect", clip, "-m", model)
    assert done.code == 0
    assert all(len(frame["detections"]) == 1 for frame in lines(done.out))  # type: ignore[arg-type]
    assert "30 of 30 frames had outputs that are no numbers" in done.err


def test_a_model_that_answers_nothing_but_nan_is_refused(clip: Path, tmp_path: Path) -> None:
    model = write(tmp_path / "model.tflite", answering(np.full((6, 21), np.nan, np.float32)))
    done = run_edgedet("detect", clip, "-m", model)
    assert (done.code, done.out) == (1, "")
    assert "no numbers (NaN)" in done.err
    assert len(done.err.splitlines()) == 2


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        [""],
        ["synthetic", "--save", ""],
        ["--min-score", "2"],
        ["http://somewhere/else"],
        ["synthetic", "--labels", "unicorn"],
        ["synthetic", "--camera", "porch"],
        ["synthetic", "-o", "/no/such/folder/out.jsonl"],
        ["synthetic", "--save", "out.xyz"],
    ],
)
def test_wrong_usage_ends_with_2(arguments: list[str]) -> None:
    done = run_edgedet("detect", *arguments)
    assert done.code == 2
    assert done.err
    assert "Traceback" not in done.err


def test_annotated_frames_are_saved_as_a_folder_and_as_a_video(clip: Path, tmp_path: Path) -> None:
    assert run_edgedet("detect", clip, "--save", f"{tmp_path}/frames/", "--format", "none").code == 0
    assert len(list((tmp_path / "frames").iterdir())) == 30
    assert run_edgedet("detect", clip, "--save", tmp_path / "out.mp4", "--format", "none").code == 0
    assert len(lines(run_edgedet("detect", tmp_path / "out.mp4").out)) == 30


def test_one_picture_of_a_camera_is_its_first_frame_and_ends_the_run(tmp_path: Path) -> None:
    done = run_edgedet("detect", "synthetic", "--save", tmp_path / "now.jpg")
    assert done.code == 0, done.err
    assert [frame["frame"] for frame in lines(done.out)] == [0]
    assert done.err.startswith("1 frames in ")
    with Image.open(tmp_path / "now.jpg") as picture:
        assert picture.size == (640, 480)


def test_one_picture_of_a_clip_is_refused_before_it_is_begun(clip: Path, tmp_path: Path) -> None:
    done = run_edgedet("detect", clip, "--save", tmp_path / "now.jpg")
    assert (done.code, done.out) == (2, "")
    assert "one image cannot hold several pictures" in done.err


def test_a_score_on_the_command_line_stands_in_place_of_all_of_the_configuration(scene: Path, tmp_path: Path) -> None:
    config = tmp_path / "edgedet.yaml"
    config.write_text(
        f"version: 1\ndetector: {{model: {BUNDLED_MODEL}, accelerators: [cpu]}}\n"
        "cameras:\n"
        "  porch:\n"
        "    source: {type: synthetic}\n"
        "    detect: {objects: {person: {min_score: 1.0}, car: {min_score: 1.0}}}\n"
    )

    def found(*more: str) -> set[object]:
        frames = lines(run_edgedet("detect", scene, "-c", config, "--labels", "person,car", *more).out)
        return {one["label"] for frame in frames for one in frame["detections"]}  # type: ignore[attr-defined]

    assert not found()
    assert found("--min-score", "0.1") == {"person", "car"}


def test_a_recording_is_looked_at_as_a_configured_camera_would(scene: Path, tmp_path: Path) -> None:
    config = tmp_path / "edgedet.yaml"
    config.write_text(
        f"version: 1\ndetector: {{model: {BUNDLED_MODEL}, accelerators: [cpu]}}\n"
        "cameras:\n"
        "  porch:\n"
        "    source: {type: synthetic}\n"
        "    detect: {min_score: 0.1, objects: {person: {}}}\n"
        "    masks: [[[0, 0], [1, 0], [1, 1], [0, 1]]]\n"
    )
    done = run_edgedet("detect", scene, "-c", config)
    assert done.code == 0
    assert not any(frame["detections"] for frame in lines(done.out))
    assert any(frame["detections"] for frame in lines(run_edgedet("detect", scene).out))


def _child(pid: int, module: str) -> int:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            if module in Path(f"/proc/{child}/cmdline").read_text():
                return int(child)
        time.sleep(0.01)
    raise AssertionError(f"no {module}")
