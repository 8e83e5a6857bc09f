from pathlib import Path

import pytest

from edgedet.app.overrides import Override, Overrides
from edgedet.settings import DetectSettings


def reloaded(folder: Path) -> Overrides:
    overrides = Overrides(folder)
    overrides.load()
    return overrides


def test_what_was_set_by_command_survives_a_restart(tmp_path: Path) -> None:
    reloaded(tmp_path / "state").set("porch", Override(detect=False, min_score=0.4))
    assert reloaded(tmp_path / "state").of("porch") == Override(detect=False, min_score=0.4)
    assert reloaded(tmp_path / "state").of("yard") == Override()


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", '{"porch": 3}', '{"porch": {"detect": "no"}}', '{"porch": {"min_score": 7}}', "\x00" * 50],
)
def test_a_damaged_file_is_told_about_and_counts_as_empty(
    tmp_path: Path, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "overrides.json").write_text(content)
    assert reloaded(tmp_path).of("porch") == Override()
    assert "cannot be read" in caplog.text


def test_a_disk_that_cannot_be_written_is_told_about_and_the_setting_holds(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    overrides = Overrides(tmp_path / "state")
    overrides.set("porch", Override(detect=False))
    assert overrides.of("porch") == Override(detect=False)
    assert "cannot be written" in caplog.text


def test_nothing_is_left_over_beside_the_file(tmp_path: Path) -> None:
    reloaded(tmp_path).set("porch", Override(detect=True))
    assert [path.name for path in tmp_path.iterdir()] == ["overrides.json"]


def test_what_a_command_set_and_the_configuration_has_otherwise_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    overrides = reloaded(tmp_path)
    overrides.set("porch", Override(detect=False, min_score=0.4))
    overrides.tell("porch", DetectSettings(enabled=True, min_score=0.6))
    hidden = "detect.enabled: false, not true; detect.min_score: 0.4, not 0.6"
    assert caplog.messages == [f"porch: set by command, which wins over the configuration: {hidden}"]


def test_nothing_is_told_where_the_configuration_says_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    overrides = reloaded(tmp_path)
    overrides.set("porch", Override(min_score=0.4))
    overrides.tell("porch", DetectSettings(min_score=0.4))
    overrides.tell("yard", DetectSettings())
    assert caplog.messages == []
