"""Zones, lines and limits that cannot be meant: refused with file, line, column and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgedet.app.event_rules import event_rules
from edgedet.errors import ConfigError, ExitCode
from edgedet.settings import load_settings

CAMERA = "version: 1\ncameras:\n  porch:\n    source: {type: picamera2}\n"
AREA = "polygon: [[0, 0], [1, 0], [1, 1]]"


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        (
            "    zones:\n      drive: {polygon: [[0, 0], [1, 1], [1, 0], [0, 1]]}\n",
            "6:24: cameras.porch.zones.drive.polygon: the polygon crosses or touches itself at [0.5, 0.5]",
        ),
        (
            "    zones:\n      drive: {polygon: [[0, 0], [1, 1]]}\n",
            "6:24: cameras.porch.zones.drive.polygon: 2 different points make no polygon; give at least 3",
        ),
        (
            "    zones:\n      drive: {polygon: [[0, 0], [1, 0], [1, 1.2]]}\n",
            "6:45: cameras.porch.zones.drive.polygon[2][1]: 1.2 is too large",
        ),
        (
            "    zones:\n      drive: {polygon: [[-0.1, 0], [1, 0], [1, 1]]}\n",
            "6:26: cameras.porch.zones.drive.polygon[0][0]: -0.1 is too small",
        ),
        (
            "    zones:\n      drive: {polygon: [[0.1, 0.1], [0.5, 0.5], [0.9, 0.9]]}\n",
            "6:24: cameras.porch.zones.drive.polygon: the polygon",
        ),
        (
            f"    zones:\n      drive: {{{AREA}}}\n      drive: {{{AREA}}}\n",
            "7:7: cameras.porch.zones.drive: this key stands in line 6 already; keep one of the two",
        ),
        (
            "    lines:\n      gate: {from: [0, 0], to: [1, 1]}\n      gate: {from: [0, 0], to: [1, 0]}\n",
            "7:7: cameras.porch.lines.gate: this key stands in line 6 already",
        ),
        (
            f"    zones:\n      drive: {{{AREA}, anchor: feet}}\n",
            "6:58: cameras.porch.zones.drive.anchor: the text 'feet' is not known here; give",
        ),
        (
            f"    zones:\n      drive: {{{AREA}, loiter_s: 0}}\n",
            "6:60: cameras.porch.zones.drive.loiter_s: 0 is too small; give a number (seconds), above 0",
        ),
        (
            "    detect:\n      objects: {car: {min_time_s: -1}}\n",
            "6:35: cameras.porch.detect.objects.car.min_time_s: -1 is too small",
        ),
        (
            "    detect:\n      night_min_score: 40\n",
            "6:24: cameras.porch.detect.night_min_score: 40 is too large",
        ),
        (
            "    stationary: {gone_after_s: never}\n",
            "5:32: cameras.porch.stationary.gone_after_s: the text 'never' does not belong here; give a number",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_at_its_place(tmp_path: Path, section: str, expected: str) -> None:
    file = tmp_path / "e.yaml"
    file.write_text(CAMERA + section)
    with pytest.raises(ConfigError) as caught:
        load_settings(file, environment={})
    assert caught.value.exit_code == ExitCode.CONFIG
    (line,) = str(caught.value).splitlines()
    assert line.startswith(f"{file}:{expected}")


def test_a_zone_and_its_limits_are_taken_as_they_are_written(tmp_path: Path) -> None:
    file = tmp_path / "e.yaml"
    zone = f"{{{AREA}, dwell_s: 2, loiter_s: 60, anchor: any}}"
    car = "{night_min_score: 0.4, min_time_s: 1.5}"
    file.write_text(f"{CAMERA}    zones: {{drive: {zone}}}\n    detect: {{objects: {{car: {car}}}}}\n")
    loaded = load_settings(file, environment={})
    camera = loaded.settings.cameras["porch"]
    assert (camera.zones["drive"].dwell_s, camera.zones["drive"].loiter_s, camera.zones["drive"].anchor) == (
        2,
        60,
        "any",
    )
    assert camera.detect.objects["car"].night_min_score == 0.4
    rules = event_rules(camera, min_score=0.7)
    assert (rules.zones[0].loiter_s, rules.zones[0].anchor) == (60, "any")
    assert rules.filters.threshold("person", night=False) == 0.7
    assert rules.filters.threshold("car", night=True) == 0.4
    assert rules.filters.of("car").min_time_s == 1.5
