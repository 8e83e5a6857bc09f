"""`--save`: images, folders and videos of annotated frames, read back."""

from __future__ import annotations

import os
from pathlib import Path

import av
import pytest
from PIL import Image

from edgedet.errors import EdgedetError, UsageError
from edgedet.outputs.save import Saver, open_saver
from edgedet.types import Box, Detection, FrameStamp, PixelFormat

FOUND = (Detection("person", 0, 0.9, Box(0.2, 0.2, 0.8, 0.8)),)


def put(
    saver: Saver, source: str, seq: int = 0, pts_s: float = 0.0, size: tuple[int, int] = (64, 48), name: str = ""
) -> None:
    full = memoryview(bytes([90]) * (size[0] * size[1] * 3))
    saver.save(source, FrameStamp(seq, 0, pts_s, *size, name), full, PixelFormat.RGB24, FOUND)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(("name", "kind"), [("a.jpg", "JPEG"), ("a.PNG", "PNG"), ("a.webp", "WEBP"), ("a.bmp", "BMP")])
def test_the_extension_decides_the_format_of_a_single_picture(tmp_path: Path, name: str, kind: str) -> None:
    with open_saver(tmp_path / name) as saver:
        put(saver, "in.jpg")
    with Image.open(tmp_path / name) as picture:
        assert (picture.format, picture.size) == (kind, (64, 48))


def test_a_second_picture_for_one_image_is_refused(tmp_path: Path) -> None:
    with open_saver(tmp_path / "a.jpg") as saver:
        put(saver, "1.jpg")
        with pytest.raises(UsageError, match="one image cannot hold several"):
            put(saver, "2.jpg")


@pytest.mark.parametrize("sources", [["1.jpg", "2.jpg"], ["clip.mp4"], ["rtsp://a/cam", "rtsp://b/cam"], ["."]])
def test_several_pictures_for_one_image_are_refused_before_the_work_begins(tmp_path: Path, sources: list[str]) -> None:
    with pytest.raises(UsageError, match="Give a folder"), open_saver(tmp_path / "a.jpg", sources):
        pass


@pytest.mark.parametrize("source", ["rtsp://host/cam", "rtsp://host/cam.mp4", "/dev/video0", "synthetic"])
def test_one_picture_of_a_camera_is_saved(tmp_path: Path, source: str) -> None:
    with open_saver(tmp_path / "a.jpg", [source]) as saver:
        put(saver, source)
    assert files(tmp_path) == ["a.jpg"]


def test_an_empty_target_is_not_the_current_folder() -> None:
    with pytest.raises(UsageError, match="--save: an empty name"), open_saver(""):
        pass


def test_a_source_that_cannot_be_looked_at_is_not_the_target_s_fault(tmp_path: Path) -> None:
    # Too long a name: as in a folder that is closed to us, asking is an error and no "no".
    for target in ("a.jpg", "folder/"):
        with open_saver(f"{tmp_path}/{target}", ["m" * 300 + ".jpg"]):
            pass


@pytest.mark.parametrize("target", ["new", "new/", "deep/new.d/"])
def test_a_target_without_an_extension_or_with_a_slash_is_a_folder(tmp_path: Path, target: str) -> None:
    with open_saver(f"{tmp_path}/{target}") as saver:
        put(saver, "clip.mp4", seq=123)
    assert files(tmp_path / target) == ["frame_000123.jpg"]


def test_pictures_keep_their_names_and_none_is_lost_to_another(tmp_path: Path) -> None:
    with open_saver(tmp_path) as saver:
        put(saver, "here/bus.jpg")
        put(saver, "there/bus.jpg")
        put(saver, "pics", name="pics/bus.png")
        put(saver, "pics", name="pics/BUS.PNG")
        put(saver, "pics", name="pics/odd.heic")
        put(saver, "one.mp4", seq=7)
        put(saver, "two.mp4", seq=7)
    assert set(files(tmp_path)) == {
        *("bus.jpg", "bus-2.jpg", "bus.png", "BUS-2.PNG", "odd.jpg"),
        *("frame_000007.jpg", "two_frame_000007.jpg"),
    }


def test_the_source_is_never_written_over(tmp_path: Path) -> None:
    source = tmp_path / "bus.jpg"
    source.write_bytes(b"precious")
    for target in (source, tmp_path / "." / "bus.jpg"):
        with pytest.raises(UsageError, match="the source itself"), open_saver(target, [str(source)]):
            pass
        with pytest.raises(UsageError, match="the source itself"), open_saver(target) as saver:
            put(saver, str(source))
    with pytest.raises(UsageError, match="written over"), open_saver(tmp_path, [str(tmp_path)]):
        pass
    with pytest.raises(UsageError, match="the source itself"), open_saver(tmp_path) as saver:
        put(saver, str(source))
    assert source.read_bytes() == b"precious"


def test_a_link_to_the_source_is_the_source(tmp_path: Path) -> None:
    source = tmp_path / "clip.mp4"
    source.write_bytes(b"precious")
    (tmp_path / "link.mp4").symlink_to(source)
    with pytest.raises(UsageError, match="the source itself"), open_saver(tmp_path / "link.mp4", [str(source)]):
        pass
    assert source.read_bytes() == b"precious"


@pytest.mark.parametrize(
    ("target", "said"),
    [("a.txt", "is no kind of file"), ("missing/a.jpg", "there is no folder"), ("file/folder/", "Not a directory")],
)
def test_a_target_that_cannot_work_is_refused_before_the_work_begins(tmp_path: Path, target: str, said: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=said) as caught, open_saver(f"{tmp_path}/{target}"):
        pass
    assert len(str(caught.value).splitlines()) == 2


def test_a_folder_without_the_right_to_write_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Root, who often runs tests, may write anywhere.
    monkeypatch.setattr(os, "access", lambda *_: False)
    for target in (tmp_path / "a.jpg", tmp_path / "a.mp4", tmp_path):
        with pytest.raises(UsageError, match="no right to write"), open_saver(target):
            pass


def test_a_full_disk_is_one_plain_error(tmp_path: Path) -> None:
    (tmp_path / "full.jpg").symlink_to("/dev/full")
    with pytest.raises(EdgedetError, match="No space left"), open_saver(tmp_path / "full.jpg") as saver:
        put(saver, "bus.png")


def times(path: Path) -> tuple[list[float], float, tuple[int, int]]:
    """Presentation times of all frames, the duration of the whole, and the size."""
    with av.open(str(path)) as container:
        frames = [(frame.time, frame.width, frame.height) for frame in container.decode(video=0)]
        return [at for at, *_ in frames], container.duration / av.time_base, frames[0][1:]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi", ".webm"])
@pytest.mark.parametrize("rate", [30000 / 1001, 12.0])
def test_a_video_takes_as_long_as_its_source(tmp_path: Path, suffix: str, rate: float) -> None:
    path = tmp_path / f"out{suffix}"
    with open_saver(path) as saver:
        for seq in range(24):
            put(saver, "clip.mp4", seq, 5.0 + seq / rate)
    at_s, duration_s, size = times(path)
    assert len(at_s) == 24
    assert duration_s == pytest.approx(24 / rate, abs=0.06)
    assert [at - at_s[0] for at in at_s] == pytest.approx([seq / rate for seq in range(24)], abs=0.005)
    assert size == (64, 48)


def test_frames_that_a_live_source_lost_leave_their_time_in_the_video(tmp_path: Path) -> None:
    with open_saver(tmp_path / "out.mp4") as saver:
        for seq in (0, 1, 5, 6):
            put(saver, "rtsp://cam", seq, seq / 10)
    at_s, duration_s, _size = times(tmp_path / "out.mp4")
    assert at_s == pytest.approx([0.0, 0.1, 0.5, 0.6], abs=0.002)
    assert duration_s == pytest.approx(0.7, abs=0.02)


def test_clips_follow_each_other_in_one_video(tmp_path: Path) -> None:
    with open_saver(tmp_path / "out.mp4") as saver:
        for source in ("a.mp4", "b.mp4"):
            for seq in range(3):
                put(saver, source, seq, seq / 10)
    assert times(tmp_path / "out.mp4")[0] == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4, 0.5], abs=0.002)


def test_still_pictures_are_shown_for_a_second_each(tmp_path: Path) -> None:
    with open_saver(tmp_path / "out.mp4") as saver:
        for name in ("a.jpg", "b.jpg", "c.jpg"):
            put(saver, name)
    assert times(tmp_path / "out.mp4")[:2] == (pytest.approx([0.0, 1.0, 2.0], abs=0.01), pytest.approx(3.0, abs=0.05))


def test_a_single_frame_is_a_video_too(tmp_path: Path) -> None:
    with open_saver(tmp_path / "out.mp4") as saver:
        put(saver, "clip.mp4")
    assert len(times(tmp_path / "out.mp4")[0]) == 1


def test_an_odd_size_becomes_even_without_losing_a_row(tmp_path: Path) -> None:
    with open_saver(tmp_path / "out.mp4") as saver:
        for seq in range(3):
            put(saver, "clip.mp4", seq, seq / 10, (65, 47))
    assert times(tmp_path / "out.mp4")[2] == (66, 48)


def test_pictures_of_different_sizes_are_refused_as_a_video_and_what_was_written_plays(tmp_path: Path) -> None:
    with open_saver(tmp_path / "o.mp4") as saver:
        put(saver, "a.jpg")
        with pytest.raises(UsageError, match=r"b\.jpg is 32x32, the first was 64x48"):
            put(saver, "b.jpg", size=(32, 32))
    assert len(times(tmp_path / "o.mp4")[0]) == 1


def test_a_video_without_frames_leaves_no_file(tmp_path: Path) -> None:
    with open_saver(tmp_path / "out.mp4"):
        pass
    assert files(tmp_path) == []
