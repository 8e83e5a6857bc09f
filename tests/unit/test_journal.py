"""Entries of the journal: their fields, and their way over a real socket."""

from __future__ import annotations

import logging
import os
import re
import socket
from pathlib import Path

import pytest

from edgedet.service.journal import JournalHandler, Kind, NativeJournal, fields, goes_to_journal

DOCS = Path(__file__).resolve().parents[2] / "docs/service.md"


def record(message: str, level: int = logging.INFO, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("edgedet.app.status", level, __file__, 7, message, None, None, "say")
    made.__dict__.update(extra)
    return made


def entry_of(made: logging.LogRecord) -> dict[str, str]:
    return JournalHandler(lambda entry: None).entry(made)


def test_an_entry_carries_what_it_is_about() -> None:
    about = fields(Kind.TROUBLE, camera="porch", component="porch", code="camera_stalled")
    entry = entry_of(record("porch: no frames", logging.WARNING, **about))
    assert entry["MESSAGE"] == "porch: no frames"
    assert entry["MESSAGE_ID"] == Kind.TROUBLE.value
    assert entry["EDGEDET_CAMERA"] == entry["EDGEDET_COMPONENT"] == "porch"
    assert entry["EDGEDET_CODE"] == "camera_stalled"
    assert entry["PRIORITY"] == "4"


def test_fields_that_do_not_apply_are_left_out() -> None:
    entry = entry_of(record("a plain line"))
    assert not [name for name in entry if name.startswith("EDGEDET_")]
    assert "MESSAGE_ID" not in entry


@pytest.mark.parametrize(
    ("level", "priority"),
    [(logging.CRITICAL, "2"), (logging.ERROR, "3"), (logging.WARNING, "4"), (logging.INFO, "6"), (logging.DEBUG, "7")],
)
def test_levels_become_priorities_of_syslog(level: int, priority: str) -> None:
    assert entry_of(record("x", level))["PRIORITY"] == priority


def test_without_the_binding_entries_go_over_the_native_protocol(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journald:
        journald.bind(str(tmp_path / "socket"))
        NativeJournal(str(tmp_path / "socket")).send({"MESSAGE": "two\nlines", "PRIORITY": "6"})
        assert journald.recv(1000) == b"MESSAGE\n\x09\0\0\0\0\0\0\0two\nlines\nPRIORITY=6\n"


def test_a_message_that_is_too_long_for_the_socket_is_cut(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journald:
        journald.bind(str(tmp_path / "socket"))
        NativeJournal(str(tmp_path / "socket")).send({"MESSAGE": "x" * 1_000_000})
        assert 1000 < len(journald.recv(1_000_000)) < 100_000


def test_a_journal_that_has_gone_ends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    handler = JournalHandler(NativeJournal(str(tmp_path / "nobody")).send)
    handler.handle(record("said to nobody"))


def test_only_a_stream_that_ends_in_the_journal_is_replaced_by_it(tmp_path: Path) -> None:
    with (tmp_path / "stream").open("w") as stream:
        status = os.fstat(stream.fileno())
        assert goes_to_journal(stream, {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"})
        assert not goes_to_journal(stream, {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino + 1}"})
        assert not goes_to_journal(stream, {})


def test_the_page_on_the_service_lists_every_kind_with_its_id() -> None:
    listed = dict(re.findall(r"^\| `(\w+)` \| `([0-9a-f]{32})` \|", DOCS.read_text(), re.MULTILINE))
    assert listed == {kind.name: kind.value for kind in Kind}
