from pathlib import Path

import pytest

from edgedet.app.sources import source_of
from edgedet.errors import UsageError


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ("clip.mp4", "video"),
        ("clip", "video"),
        ("a.JPG", "images"),
        ("/dev/video0", "v4l2"),
        ("rtsp://host/stream", "rtsp"),
        ("rtsps://host/stream", "rtsp"),
        ("synthetic", "synthetic"),
        ("file:///tmp/a.png", "images"),
    ],
)
def test_the_driver_follows_from_what_is_given(given: str, kind: str) -> None:
    assert source_of(given).source["type"] == kind


def test_a_folder_is_a_source_of_pictures(tmp_path: Path) -> None:
    found = source_of(str(tmp_path))
    assert found.source == {"type": "images", "path": str(tmp_path)}
    assert not found.is_picture


def test_a_file_called_synthetic_is_that_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "synthetic").write_bytes(b"")
    assert source_of("synthetic").source["type"] == "video"


def test_an_address_that_nothing_reads_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match="no source reads ftp://"):
        source_of("ftp://host/clip.mp4")
