"""`edgedet bench`: that it measures what it says, and says all that it measured. How fast things are is not tested."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import pytest

from clips import write_clip, write_sound
from edgedet.bench import bare, clips, processes, rounds
from edgedet.errors import SourceError, WorkerError
from edgedet.settings.model_choice import BUNDLED_MODEL


def bench(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edgedet", "bench", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=280)


# Everything is measured, some of it three times, and a clip is drawn first: a minute where others use the machine too.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def body() -> dict[str, Any]:
    done = bench("--seconds", "2", "--rounds", "1", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_every_stage_is_measured(body: dict[str, Any]) -> None:
    names = [stage["name"] for stage in body["stages"]]
    decodings = [f"decode {count}" for count in (0, 10, 100, 1000)]
    assert names == ["read", "scale", "prepare", "invoke", *decodings, "round trip", "JSON line", "MQTT payload"]
    for stage in body["stages"]:
        assert 0 < stage["p50_us"] <= stage["p99_us"]
        assert stage["runs"] >= 5
        assert stage["what"]


def test_what_a_worker_adds_is_told_beside_inference_in_one_process(body: dict[str, Any]) -> None:
    worker = body["worker"]
    assert worker["frames"] >= 20
    for way in ("in_process", "in_worker"):
        assert 0 < worker[way]["p50_us"] <= worker[way]["p99_us"]
    for share in ("p50_us", "p99_us"):
        assert worker["added"][share] == pytest.approx(worker["in_worker"][share] - worker["in_process"][share])


def test_the_pipeline_is_held_against_bare_inference_with_all_rounds_told(body: dict[str, Any]) -> None:
    assert body["pipeline"][0]["instances"] == 1
    for found in body["pipeline"]:
        assert len(found["rounds"]) == 1
        only = found["rounds"][0]
        assert found["speed_to_bare"] == pytest.approx(only["detect"]["fps"] / only["bare"]["fps"])
        assert found["cpu_to_bare"] == pytest.approx(only["detect"]["cpu_ms"] / only["bare"]["cpu_ms"])
        assert only["detect"]["frames"] >= 20


def test_memory_is_that_of_all_three_processes_and_the_start_is_timed(body: dict[str, Any]) -> None:
    assert body["memory"]["processes"] == 3
    assert body["memory"]["median_mb"] > 30
    assert len(body["start_to_first_detection_s"]["runs"]) == 3
    assert body["machine"]["cores"] >= 1
    assert body["model"]["file"].endswith("demo_model.tflite")


def test_in_a_pipe_it_is_plain_lines_over_the_users_own_clip(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "mine.mp4", frames=12)
    done = bench("--seconds", "1", "--rounds", "1", "--source", clip)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert any(line.startswith("pipeline: share of the limit") for line in lines)
    assert any(line.startswith("worker: the worker adds") for line in lines)
    assert any(line.startswith("footprint: memory") for line in lines)
    assert any(line.startswith("measured: source") and str(clip) in line for line in lines)
    assert "\x1b" not in done.stdout


def test_what_is_no_video_is_refused_before_anything_is_measured(tmp_path: Path) -> None:
    done = bench("--source", tmp_path)
    assert done.returncode == 2
    assert "bench measures over a video file" in done.stderr
    sound = write_sound(tmp_path / "sound.mp4")
    done = bench("--source", sound)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"edgedet: {sound}: there is only sound in it")


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.avi"])
def test_a_repeated_clip_has_the_frames_asked_for_at_rising_times(tmp_path: Path, name: str) -> None:
    source = write_clip(tmp_path / name, frames=7)
    clip = clips.repeat(source, tmp_path / "long.mkv", 40)
    with av.open(str(clip.path)) as container:
        times = [frame.time for frame in container.decode(video=0)]
    assert len(times) == 40
    assert times == sorted(set(times))


def test_a_drawn_clip_with_frames_that_wait_for_later_ones_can_be_repeated(tmp_path: Path) -> None:
    drawn = clips.render(tmp_path / "drawn.mkv", 20, size=(160, 96))
    clip = clips.repeat(drawn.path, tmp_path / "long.mkv", 60)
    with av.open(str(clip.path)) as container:
        assert len(list(container.decode(video=0))) == 60


def test_bare_inference_side_by_side_counts_the_frames_of_all() -> None:
    found = bare.measure(BUNDLED_MODEL, seconds=0.1, processes=2)
    assert found.frames >= 2
    assert found.cpu_ms > 0


def test_a_model_that_does_not_run_is_an_error_and_no_endless_wait(tmp_path: Path) -> None:
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(BUNDLED_MODEL.read_bytes()[:2000])
    with pytest.raises(WorkerError, match="failed with status"):
        bare.measure(broken, seconds=0.1)


def test_a_program_that_fails_is_told_with_its_last_words() -> None:
    with pytest.raises(WorkerError, match="status 3: over and out"):
        processes.run([sys.executable, "-c", "import sys; sys.stderr.write('over and out'); sys.exit(3)"])


def test_processor_time_is_that_of_the_program_and_of_its_children() -> None:
    burn = "import time\nwhile time.process_time() < 0.3: pass"
    ran = processes.run(
        [sys.executable, "-c", f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn!r}])"]
    )
    assert ran.cpu_s >= 0.3


@pytest.mark.parametrize("content", [b"", b"no pictures here\n" * 50, b"\x00\x01" * 500])
def test_a_file_that_is_no_video_is_told_for_what_it_is(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "notes.txt"
    file.write_bytes(content)
    with pytest.raises(SourceError):
        clips.look_at(file)


def test_the_measured_command_is_the_one_that_users_type(tmp_path: Path) -> None:
    work = rounds.Work(BUNDLED_MODEL, tmp_path / "clip.mkv", tmp_path)
    argv = rounds.command(work, work.clip, 2, None)
    assert argv[1:5] == ["-m", "edgedet", "detect", str(work.clip)]
    assert argv[argv.index("--instances") + 1] == "2"
