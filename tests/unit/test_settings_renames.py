"""A key with a new name: accepted under the old one with a warning, and rewritten by --migrate."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgedet.errors import ConfigError
from edgedet.settings import load_settings, migrate
from edgedet.settings.renames import Rename

RENAMES = (
    Rename(("mqtt",), "keep_alive", "keepalive_s"),
    Rename(("cameras", "*", "detect"), "rate", "fps"),
    Rename(("cameras", "*"), "watch", "detect"),
    Rename((), "sensors", "cameras"),
)
OLD = """# my cameras
version: 1   # of the format
mqtt:
  "keep_alive": 60   # seconds
cameras:
  a:
    source: {type: picamera2}
    detect: {rate: 3, iou: 0.5}   # slow
  b:
    source: {type: picamera2}
    detect: &d
      rate: 4
  c: {source: {type: picamera2}, detect: *d}
"""
NEW = OLD.replace('"keep_alive"', "keepalive_s").replace("rate:", "fps:")


def write(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "e.yaml"
    file.write_text(text)
    return file


def test_an_old_name_is_accepted_with_a_warning_at_its_place(tmp_path: Path) -> None:
    loaded = load_settings(write(tmp_path, OLD), renames=RENAMES)
    assert loaded.settings.mqtt.keepalive_s == 60
    assert [camera.detect.fps for camera in loaded.settings.cameras.values()] == [3.0, 4.0, 4.0]
    advice = "rename it (edgedet check --migrate does)"
    assert [line.removeprefix(f"{tmp_path}/") for line in loaded.warnings] == [
        f"e.yaml:4:3: mqtt.keep_alive: this is keepalive_s today; {advice}",
        f"e.yaml:8:14: cameras.a.detect.rate: this is fps today; {advice}",
        f"e.yaml:12:7: cameras.b.detect.rate: this is fps today; {advice}",
        f"e.yaml:12:7: cameras.c.detect.rate: this is fps today; {advice}",
    ]


def test_migrating_changes_the_old_names_and_nothing_else(tmp_path: Path) -> None:
    file = write(tmp_path, OLD)
    assert migrate(file, renames=RENAMES) == NEW
    assert file.read_text() == OLD
    assert load_settings(write(tmp_path, NEW)).warnings == ()


def test_a_section_that_was_renamed_takes_what_is_under_it_along(tmp_path: Path) -> None:
    text = "version: 1\nsensors:\n  a:\n    source: {type: picamera2}\n    detect: {fps: 0.5, iou: 3}\n"
    with pytest.raises(ConfigError, match=r"e.yaml:5:29: cameras.a.detect.iou: 3 is too large"):
        load_settings(write(tmp_path, text), renames=RENAMES)
    right = text.replace("iou: 3", "iou: 0.3")
    assert load_settings(write(tmp_path, right), renames=RENAMES).settings.cameras["a"].detect.fps == 0.5
    assert migrate(write(tmp_path, right), renames=RENAMES) == right.replace("sensors", "cameras")


def test_both_names_at_once_are_refused(tmp_path: Path) -> None:
    text = OLD.replace("rate: 3", "rate: 3, fps: 4")
    with pytest.raises(ConfigError, match=r"e.yaml:8:14: cameras.a.detect.rate: this is fps today, which stands here"):
        load_settings(write(tmp_path, text), renames=RENAMES)


def test_migrating_adds_a_missing_version_below_the_leading_comment(tmp_path: Path) -> None:
    text = OLD.replace("version: 1   # of the format\n", "")
    assert migrate(write(tmp_path, text), renames=RENAMES) == NEW.replace("   # of the format", "")


def test_a_file_in_todays_form_is_printed_as_it_is(tmp_path: Path) -> None:
    text = "version:   1\n\n\ncameras: {a: {source: {type: picamera2}}} # tail"
    assert migrate(write(tmp_path, text)) == text


def test_a_wrong_file_is_not_migrated(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"e.yaml:1:1: zzz: unknown key"):
        migrate(write(tmp_path, "zzz: 1\ncameras: {a: {source: {type: picamera2}}}\n"))
