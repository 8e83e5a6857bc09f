import json
from datetime import date
from pathlib import Path

import pytest

from edgedet.app.line_totals import Crossings, LineTotals


class Day:
    def __init__(self) -> None:
        self.date = date(2026, 3, 28)
        self.now_s = 0.0

    def totals(self, folder: Path) -> LineTotals:
        totals = LineTotals(folder, lambda: self.date, lambda: self.now_s)
        totals.load()
        return totals


def test_crossings_are_counted_by_direction_and_line(tmp_path: Path) -> None:
    totals = Day().totals(tmp_path)
    for direction in ("in", "in", "out"):
        totals.crossed("porch", "gate", direction)
    totals.crossed("porch", "door", "out")
    assert totals.of("porch", "gate") == Crossings(2, 1)
    assert totals.of("porch", "door") == Crossings(0, 1)
    assert totals.of("yard", "gate") == Crossings()


def test_a_restart_on_the_same_day_goes_on_counting_and_one_on_the_next_starts_from_zero(tmp_path: Path) -> None:
    day = Day()
    totals = day.totals(tmp_path)
    totals.crossed("porch", "gate", "in")
    totals.save()
    again = day.totals(tmp_path)
    assert again.of("porch", "gate") == Crossings(1, 0)
    day.date = date(2026, 3, 29)
    assert day.totals(tmp_path).of("porch", "gate") == Crossings()


def test_midnight_sets_the_counts_to_zero_once(tmp_path: Path) -> None:
    day = Day()
    totals = day.totals(tmp_path)
    totals.crossed("porch", "gate", "in")
    assert not totals.roll()
    day.date = date(2026, 3, 29)
    assert totals.roll()
    assert not totals.roll()
    assert totals.of("porch", "gate") == Crossings()


def test_a_busy_door_writes_the_disk_once_a_minute(tmp_path: Path) -> None:
    day = Day()
    totals = day.totals(tmp_path)
    for _ in range(100):
        totals.crossed("porch", "gate", "in")
    saved = json.loads((tmp_path / "lines.json").read_text())
    assert saved["crossings"] == [["porch", "gate", 1, 0]]
    day.now_s = 61.0
    totals.crossed("porch", "gate", "in")
    saved = json.loads((tmp_path / "lines.json").read_text())
    assert saved["crossings"] == [["porch", "gate", 101, 0]]


def test_a_damaged_file_is_told_about_and_counts_as_none(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for content in ("{", "[]", '{"date": "2026-03-28", "crossings": [[1]]}', '{"date": "2026-03-28"}'):
        (tmp_path / "lines.json").write_text(content)
        caplog.clear()
        assert Day().totals(tmp_path).of("porch", "gate") == Crossings()
        assert "counted from zero" in caplog.text


def test_a_state_directory_that_cannot_be_written_does_not_stop_the_counting(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    totals = Day().totals(tmp_path / "file")
    totals.crossed("porch", "gate", "in")
    assert totals.of("porch", "gate") == Crossings(1, 0)
    assert "cannot be written" in caplog.text
