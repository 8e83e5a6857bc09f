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
        ("/dev/v4l/by-id/usb-no-such-camera", "v4l2"),
        ("/dev/null", "v4l2"),
        ("not-there/", "images"),
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


def test_a_link_to_a_device_is_that_device(tmp_path: Path) -> None:
    link = tmp_path / "porch"
    link.symlink_to("/dev/null")
    assert source_of(str(link)).source == {"type": "v4l2", "device": str(link)}


@pytest.mark.parametrize(("name", "kind"), [("m" * 300 + ".jpg", "images"), ("m" * 300 + ".mp4", "video")])
def test_a_path_that_cannot_even_be_looked_at_goes_by_its_name(name: str, kind: str) -> None:
    # Too long a name: as in a folder that is closed to us, asking is an error and no "no".
    found = source_of(name)
    assert found.source["type"] == kind
    assert found.is_picture is (kind == "images")


@pytest.mark.parametrize("given", ["", "file://"])
def test_an_empty_name_is_not_the_current_folder(given: str) -> None:
    with pytest.raises(UsageError, match="a source without a name"):
        source_of(given)
