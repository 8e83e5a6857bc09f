"""`detect.motion`: the same events, with less to do."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from edgedet.settings.model_choice import BUNDLED_MODEL
from integration.broker import Broker, Subscriber
from integration.edgedet_process import RunningDaemon, run_edgedet
from visits import parked, record, street

VISITS_S = (8.0, 30.0)
SIZE = (320, 240)


@pytest.fixture(scope="module")
def visits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Somebody comes twice within 45 seconds."""
    path = tmp_path_factory.mktemp("visits") / "visits.mp4"
    return record(path, street(VISITS_S, SIZE), 45.0, rate=10)


def write_config(folder: Path, model: Path = BUNDLED_MODEL) -> Path:
    config = folder / "edgedet.yaml"
    cameras = "\n".join(
        f"  {name}:\n"
        f"    source: {{type: synthetic}}\n"
        f"    detect: {{objects: {{person: {{}}, car: {{}}, bus: {{}}}}, labels: [person, car, bus]{motion}}}"
        for name, motion in (("plain", ""), ("gated", ", motion: {enabled: true, idle_fps: 0.5}"))
    )
    labels = cameras if model != BUNDLED_MODEL else cameras.replace(", bus: {}", "").replace(", bus]", "]")
    config.write_text(f"version: 1\ndevice: d\ndetector: {{model: {model}, accelerators: [cpu]}}\ncameras:\n{labels}\n")
    return config


def replay(clip: Path, config: Path, camera: str, *arguments: str) -> tuple[str, int]:
    """The events as they were written, and how many frames were looked at."""
    done = run_edgedet(
        "detect", "--events", clip, "-c", config, "--camera", camera, "--format", "jsonl", *arguments, timeout_s=300
    )
    assert done.code == 0, done.err
    found = re.search(r"(\d+) frames in", done.err)
    assert found is not None, done.err
    return done.out, int(found.group(1))


def lives(lines: str) -> list[tuple[str, float, float]]:
    """Label, and when it was told to have come and to have gone."""
    came: dict[str, tuple[str, float]] = {}
    found = []
    for event in map(json.loads, lines.splitlines()):
        if event["type"] == "new":
            came[event["id"]] = (event["label"], event["pts_s"])
        elif event["type"] == "end":
            label, at_s = came.pop(event["id"])
            found.append((label, at_s, event["pts_s"]))
    assert not came
    return found


def assert_same_lives(gated: list[tuple[str, float, float]], plain: list[tuple[str, float, float]]) -> None:
    assert [label for label, _, _ in gated] == [label for label, _, _ in plain]
    for (_, came_s, left_s), (_, plainly_came_s, plainly_left_s) in zip(gated, plain, strict=True):
        assert abs(came_s - plainly_came_s) <= 0.5
        assert abs(left_s - plainly_left_s) <= 0.5


def test_whoever_comes_is_told_of_as_without_the_gate_though_less_is_looked_at(visits: Path, tmp_path: Path) -> None:
    config = write_config(tmp_path)
    plain, every = replay(visits, config, "plain")
    gated, looked_at = replay(visits, config, "gated")
    assert every == 450
    assert looked_at < 0.75 * every
    assert len(lives(plain)) == len(VISITS_S)
    assert_same_lives(lives(gated), lives(plain))


def test_a_parked_car_stays_one_object_though_it_is_looked_at_rarely(tmp_path: Path) -> None:
    clip = record(tmp_path / "parked.mp4", parked(SIZE), 40.0, rate=10)
    told, looked_at = replay(clip, write_config(tmp_path), "gated")
    assert [label for label, _, _ in lives(told)] == ["car"]
    assert looked_at < 200


def test_the_gate_passes_over_the_same_frames_however_fast_the_machine_is(visits: Path, tmp_path: Path) -> None:
    config = write_config(tmp_path)
    once = replay(visits, config, "gated", "--instances", "1")
    assert once[0]
    assert replay(visits, config, "gated", "--instances", "4") == once


def test_boxes_are_given_for_every_frame_whatever_the_configuration_says_of_motion(
    visits: Path, tmp_path: Path
) -> None:
    done = run_edgedet("detect", visits, "-c", write_config(tmp_path), "--camera", "gated", "--format", "jsonl")
    assert done.code == 0, done.err
    assert len(done.out.splitlines()) == 450


@pytest.mark.parametrize("clip", ["one-by-one-person-detection.mp4", "car-detection.mp4"])
def test_the_gate_costs_no_event_on_real_clips(clip: str, test_data: Path, tmp_path: Path) -> None:
    config = write_config(tmp_path, test_data / "models/yolov8n_320_full_integer_quant.tflite")
    path = test_data / "videos" / clip
    plain, every = replay(path, config, "plain")
    gated, looked_at = replay(path, config, "gated")
    assert looked_at < every
    assert lives(plain)
    assert_same_lives(lives(gated), lives(plain))


async def test_a_camera_before_an_empty_street_is_looked_at_rarely_and_is_well(broker: Broker, tmp_path: Path) -> None:
    config = tmp_path / "edgedet.yaml"
    config.write_text(
        f"version: 1\n"
        f"device: dev\n"
        f"state_dir: {tmp_path / 'state'}\n"
        f"mqtt: {{url: 'mqtt://127.0.0.1:{broker.port}', stats_interval_s: 1}}\n"
        f"detector: {{model: {BUNDLED_MODEL}, accelerators: [cpu]}}\n"
        f"cameras:\n"
        f"  porch:\n"
        f"    source: {{type: synthetic, size: [320, 240], fps: 20, objects: 0}}\n"
        f"    detect: {{fps: 10, motion: {{enabled: true, idle_fps: 1}}}}\n"
        f"    publish: {{detections: all}}\n"
    )

    def camera() -> dict[str, float | None]:
        return json.loads(heard.of("edgedet/dev/stats")[-1])["cameras"]["porch"]

    def is_idle() -> bool:
        looks = [json.loads(body)["captured_ns"] for body in heard.of("edgedet/dev/porch/detections")[-4:]]
        return len(looks) == 4 and looks[-1] - looks[0] > 2.4e9

    with Subscriber(broker.port) as heard, RunningDaemon(config, tmp_path / "log") as run:
        await heard.until(is_idle)
        told = camera()
        captured_fps = told["captured_fps"]
        assert captured_fps is not None
        assert captured_fps > 8
        assert heard.last("edgedet/dev/porch/state") == b"watching"
        assert json.loads(heard.last("edgedet/dev/health") or b"{}")["state"] == "ok"
        assert set(heard.of("edgedet/dev/porch/state")) <= {b"starting", b"watching"}
        assert told["dropped"] is not None
        assert told["dropped"] <= 20 * (os.cpu_count() or 1), "what the gate passes over is not dropped"
        assert run.stop() == 0
