"""`edgedet detect --events`: a recording as a camera would tell of it."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from edgedet.bench.clips import render

TESTS = Path(__file__).parents[1]
CLIP = "videos/one-by-one-person-detection.mp4"
MODEL = "models/yolov8n_320_full_integer_quant.tflite"

STREET = """
version: 1
device: desk
detector: {model: MODEL, accelerators: [cpu]}
cameras:
  street:
    source: {type: synthetic, size: [640, 480], fps: 15}
    detect: {labels: [person, car], objects: {person: {}, car: {}}}
    zones:
      everywhere: {polygon: [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]}
    lines:
      middle: {from: [0.5, 1.0], to: [0.5, 0.0]}
"""


def replay(*arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "edgedet", "detect", "--events", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, timeout=300, check=False)


def events_of(result: subprocess.CompletedProcess[bytes]) -> list[dict]:
    assert result.returncode == 0, result.stderr.decode()
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty seconds of the drawn street, as a video that every machine can make."""
    clip = tmp_path_factory.mktemp("street") / "street.mp4"
    return render(clip, frames=600).path


def test_each_object_has_one_new_and_one_end_and_all_between_bears_its_id(street: Path) -> None:
    events = events_of(replay(street))
    lives: dict[str, list[str]] = {}
    for event in events:
        lives.setdefault(event["id"], []).append(event["type"])
    assert lives
    for steps in lives.values():
        assert steps[0] == "new"
        assert steps[-1] == "end"
        assert steps.count("new") == steps.count("end") == 1
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert [event["pts_s"] for event in events] == sorted(event["pts_s"] for event in events)


def test_the_same_recording_gives_the_same_bytes(street: Path) -> None:
    one, two = replay(street, "--instances", "1"), replay(street, "--instances", "2")
    assert one.stdout == two.stdout != b""


def test_zones_and_lines_are_those_of_the_named_camera(street: Path, tmp_path: Path) -> None:
    from edgedet.settings.model_choice import BUNDLED_MODEL

    config = tmp_path / "edgedet.yaml"
    config.write_text(STREET.replace("MODEL", str(BUNDLED_MODEL)))
    events = events_of(replay(street, "-c", config, "--camera", "street"))
    assert {event["zone"] for event in events if event["type"] == "zone_enter"} == {"everywhere"}
    crossings = [event for event in events if event["type"] == "line_cross"]
    assert {event["line"] for event in crossings} == {"middle"}
    assert {event["direction"] for event in crossings} <= {"in", "out"}
    ends = [event for event in events if event["type"] == "end"]
    assert all(event["entered_zones"] == ["everywhere"] for event in ends)


def test_pictures_have_no_time_so_that_nothing_is_told_of_them(tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (320, 240), "grey").save(tmp_path / "a.png")
    result = replay(tmp_path / "a.png", tmp_path / "a.png")
    assert events_of(result) == []
    assert b"2 frames" in result.stderr


def test_the_table_names_the_object_and_how_long_it_was_there(street: Path) -> None:
    result = replay(street, "--format", "table")
    rows = result.stdout.decode().splitlines()
    assert rows[0].split() == ["seconds", "event", "object", "score", "where"]
    assert any(" new " in row and "#" in row for row in rows)
    assert any(" end " in row and "after" in row for row in rows)


def test_as_many_persons_are_told_of_as_walk_through_the_clip_each_once_and_in_time(test_data: Path) -> None:
    truth = tomllib.loads((TESTS / "one_by_one_people.toml").read_text())["people"]
    events = [
        event
        for event in events_of(replay(test_data / CLIP, "-m", test_data / MODEL))
        if event["label"] == "person" and event["type"] in {"new", "end"}
    ]
    assert [event["type"] for event in events] == ["new", "end"] * len(truth)
    for person, new, end in zip(truth, events[::2], events[1::2], strict=True):
        assert new["started_s"] == pytest.approx(person["enters_s"], abs=1.5)
        assert end["ended_s"] == pytest.approx(person["leaves_s"], abs=1.5)
