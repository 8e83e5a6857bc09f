from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from edgedet.outputs.messages import Publication
from edgedet.outputs.published import PublishedRecord

if TYPE_CHECKING:
    from pathlib import Path


def state(topic: str, payload: bytes = b"1") -> Publication:
    return Publication(topic, payload, qos=1, retain=True)


def test_what_was_retained_is_known_after_a_restart(tmp_path: Path) -> None:
    record = PublishedRecord(tmp_path / "state")
    record.load()
    record.note(state("a"))
    record.note(state("a", b"2"))
    record.note(state("b"))
    record.note(Publication("events", b"{}", qos=1))
    record.add_components({"porch:state": {"platform": "sensor"}})
    later = PublishedRecord(tmp_path / "state")
    later.load()
    assert later.topics == ("a", "b")
    assert later.components == {"porch:state": "sensor"}


def test_what_was_taken_away_is_forgotten(tmp_path: Path) -> None:
    record = PublishedRecord(tmp_path)
    for topic in "abc":
        record.note(state(topic))
    record.note(state("a", b""))
    record.forget(["b", "never"])
    assert record.topics == ("c",)


def test_without_a_record_the_broker_is_to_be_asked_until_it_was(tmp_path: Path) -> None:
    first = PublishedRecord(tmp_path)
    first.load()
    assert first.is_lost
    first.note(state("a"))
    killed_before_it_asked = PublishedRecord(tmp_path)
    killed_before_it_asked.load()
    assert killed_before_it_asked.is_lost
    killed_before_it_asked.add_found(["b"])
    later = PublishedRecord(tmp_path)
    later.load()
    assert (later.is_lost, later.topics) == (False, ("a", "b"))


def test_a_record_of_a_version_that_never_asked_is_whole(tmp_path: Path) -> None:
    (tmp_path / "published.json").write_text('{"topics": ["a"], "components": {}}')
    record = PublishedRecord(tmp_path)
    record.load()
    assert not record.is_lost


def test_nothing_is_written_while_nothing_new_joins(tmp_path: Path) -> None:
    record = PublishedRecord(tmp_path)
    record.note(state("a"))
    (tmp_path / "published.json").unlink()
    record.note(state("a", b"9"))
    record.add_components({})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", [b"", b"[]", b'{"topics": 7}', b"\xff", b'{"topics": [], "components": []}'])
def test_a_damaged_record_costs_only_the_cleaning_up(
    tmp_path: Path, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "published.json").write_bytes(damage)
    record = PublishedRecord(tmp_path)
    record.load()
    assert "cannot be read" in caplog.text
    record.note(state("a"))
    assert record.topics == ("a",)


def test_a_record_that_cannot_be_written_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    record = PublishedRecord(tmp_path / "file")
    record.note(state("a"))
    record.note(state("b"))
    assert record.topics == ("a", "b")
    assert caplog.text.count("cannot be written") == 1
