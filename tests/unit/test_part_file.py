"""Parts of models, in a folder whose owner may lay anything in their place: root is led to no other file by it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from edgedet.app.model_store import Places, copy_to_part, put_in_place, write_part
from edgedet.app.part_file import begin, finish, go_on, opened_folder, part_of
from edgedet.errors import DownloadError

NOBODY = 65534


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """A file of root's that nobody may be given."""
    file = tmp_path / "shadow"
    file.write_text("secret")
    file.chmod(0o600)
    return file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "models"
    made.mkdir()
    return made


def finish_in_its_folder(part: Path) -> None:
    with opened_folder(part.parent) as handle:
        finish(part, handle)


WAYS: dict[str, Callable[[Path], object]] = {
    "begins": begin,
    "goes on": go_on,
    "finishes": finish_in_its_folder,
    "writes": lambda part: write_part("text", part.with_name("m.tflite")),
    "copies": lambda part: copy_to_part(Path(__file__), part.with_name("m.tflite")),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_link_in_the_place_of_a_part_is_refused_and_what_it_leads_to_stays_as_it_was(
    folder: Path, other: Path, way: str
) -> None:
    part = part_of(folder / "m.tflite")
    part.symlink_to(other)
    with pytest.raises(DownloadError, match="a link, or no plain file") as refused:
        WAYS[way](part)
    assert f"rm -r {part}" in refused.value.hint
    assert (other.read_text(), other.stat().st_mode & 0o777) == ("secret", 0o600)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_a_pipe_or_a_folder_is_refused_and_not_waited_for(folder: Path, way: str, make: Callable[[Path], None]) -> None:
    part = part_of(folder / "m.tflite")
    make(part)
    with pytest.raises(DownloadError, match="no plain file"):
        WAYS[way](part)


@pytest.mark.parametrize("way", ["goes on", "finishes"])
def test_a_second_name_of_another_file_is_no_part(folder: Path, other: Path, way: str) -> None:
    part = part_of(folder / "m.tflite")
    part.hardlink_to(other)
    with pytest.raises(DownloadError, match="no plain file"):
        WAYS[way](part)
    assert other.stat().st_mode & 0o777 == 0o600


def test_what_a_link_leads_to_is_not_given_away_with_the_note_of_a_model(folder: Path, other: Path) -> None:
    places = Places(folder, "m")
    part_of(places.record).symlink_to(other)
    with pytest.raises(DownloadError, match=r"\.m\.json\.part: a link"):
        put_in_place(places, {}, {"files": {}})
    assert other.read_text() == "secret"
    assert not places.record.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files to somebody else: for root only")
def test_a_finished_part_is_its_folder_s_owner_s_and_readable_for_all(folder: Path) -> None:
    os.chown(folder, NOBODY, NOBODY)
    part = part_of(folder / "m.tflite")
    with begin(part) as file:
        file.write(b"half ")
    part.chmod(0o600)
    with go_on(part) as file:
        file.write(b"and half")
    finish_in_its_folder(part)
    assert part.read_bytes() == b"half and half"
    status = part.stat()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o777) == (NOBODY, NOBODY, 0o644)


def test_a_part_begins_empty_whatever_it_held(folder: Path) -> None:
    part = part_of(folder / "m.tflite")
    part.write_text("of before")
    begin(part).close()
    assert part.read_bytes() == b""
