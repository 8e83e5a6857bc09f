from __future__ import annotations

import os
import time
from pathlib import Path

import av
import numpy as np
import pytest

from clips import colourful, cut, turn_mp4, write_clip, write_sound
from edgedet.cameras import video
from edgedet.errors import SourceError, SourceLost


def read(path: Path, **settings: bool) -> list[float]:
    with video.open_camera(video.Settings(str(path), **settings)) as camera:
        return [shot.pts_s for shot in camera.frames()]


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.avi", "clip.ts", "clip.mov"])
def test_every_frame_comes_once_and_in_order(tmp_path: Path, name: str) -> None:
    times = read(write_clip(tmp_path / name))
    assert times == pytest.approx([index / 10 for index in range(30)], abs=0.002)


def test_a_file_says_how_many_frames_it_has(tmp_path: Path) -> None:
    for name in ("clip.mp4", "clip.mkv"):
        with video.open_camera(video.Settings(str(write_clip(tmp_path / name)))) as camera:
            assert camera.expected_frames == 30


def test_a_name_with_a_colon_is_a_file_and_no_protocol(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4").rename(tmp_path / "yard: 12:30.mp4")
    assert len(read(clip)) == 30


def test_sound_beside_the_video_is_passed_over(tmp_path: Path) -> None:
    assert len(read(write_clip(tmp_path / "clip.mp4", sound=True))) == 30


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.avi"])
def test_a_truncated_clip_gives_its_whole_frames_and_names_the_first_missing_one(tmp_path: Path, name: str) -> None:
    clip = cut(write_clip(tmp_path / name), 0.6)
    times = []
    with video.open_camera(video.Settings(str(clip))) as camera, pytest.raises(SourceLost) as caught:
        times.extend(shot.pts_s for shot in camera.frames())
    assert 5 < len(times) < 25
    assert times == pytest.approx([index / 10 for index in range(len(times))], abs=0.002)
    assert f"breaks off at frame {len(times)}" in str(caught.value)
    assert str(clip) in str(caught.value)


def test_an_mp4_without_its_index_is_refused_and_says_why(tmp_path: Path) -> None:
    clip = cut(write_clip(tmp_path / "clip.mp4", index_first=False), 0.6)
    with pytest.raises(SourceError, match="cannot be read as video") as caught:
        read(clip)
    assert "index is missing" in str(caught.value)


def test_damage_in_the_middle_is_counted_and_the_rest_is_read(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.avi")
    data = bytearray(path.read_bytes())
    middle = data.index(b"00dc", len(data) // 2) + 8
    data[middle : middle + 60] = bytes(60)
    path.write_bytes(data)
    with video.open_camera(video.Settings(str(path))) as camera:
        times = [shot.pts_s for shot in camera.frames()]
        notes = camera.notes
    assert 27 <= len(times) <= 30
    assert times[-1] == pytest.approx(2.9, abs=0.002)
    assert len(times) == 30 or "left out" in notes[0]


def test_a_loop_begins_again_and_time_goes_on(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4")
    times = []
    with video.open_camera(video.Settings(str(clip), loop=True)) as camera:
        assert camera.expected_frames is None
        for shot in camera.frames():
            times.append(shot.pts_s)
            if len(times) == 75:
                break
    assert times == pytest.approx([index / 10 for index in range(75)], abs=0.002)


def test_frames_that_the_decoder_held_back_to_the_end_have_their_times(tmp_path: Path) -> None:
    # Frames that depend on later ones come out when there is nothing more to read: cameras and phones record so.
    path = tmp_path / "clip.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10, options={"bf": "2"})
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for index in range(12):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(colourful(128, 96, phase=index), "rgb24")))
        container.mux(stream.encode(None))
    with video.open_camera(video.Settings(path=str(path), loop=True)) as camera:
        times = [shot.pts_s for shot, _ in zip(camera.frames(), range(24), strict=False)]
    assert times == pytest.approx([0.1 * index for index in range(24)])


def test_a_truncated_clip_in_a_loop_goes_on_and_says_so_once(tmp_path: Path) -> None:
    clip = cut(write_clip(tmp_path / "clip.mp4"), 0.6)
    with video.open_camera(video.Settings(str(clip), loop=True)) as camera:
        for count, _ in enumerate(camera.frames()):
            if count == 80:
                break
        assert len(camera.notes) == 1
        assert "breaks off at frame" in camera.notes[0]


def test_a_file_that_goes_away_ends_its_loop_with_an_error_that_names_the_frame(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4")
    count = 0
    with video.open_camera(video.Settings(str(clip), loop=True)) as camera:
        with pytest.raises(SourceLost, match="breaks off at frame 30: .*no such file"):
            for _ in camera.frames():
                count += 1
                clip.unlink(missing_ok=True)
        assert count == 30


def test_realtime_paces_the_frames_and_is_live(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", frames=6, rate=20)
    with video.open_camera(video.Settings(str(clip), realtime=True)) as camera:
        assert camera.live
        started_ns = time.monotonic_ns()
        stamps = [(shot.pts_s, (shot.captured_ns - started_ns) / 1e9) for shot in camera.frames()]
    for pts_s, captured_s in stamps:
        assert captured_s >= pts_s
    assert len(stamps) == 6


def test_a_file_is_not_live(tmp_path: Path) -> None:
    with video.open_camera(video.Settings(str(write_clip(tmp_path / "clip.mp4")))) as camera:
        assert not camera.live


@pytest.mark.parametrize(("degrees", "turns"), [(90, -1), (180, 2), (270, 1)])
def test_a_clip_of_a_turned_phone_is_shown_upright(tmp_path: Path, degrees: int, turns: int) -> None:
    plain = write_clip(tmp_path / "clip.mp4", frames=2)
    expected = np.rot90(colourful(128, 96), turns)
    with video.open_camera(video.Settings(str(turn_mp4(plain, degrees)))) as camera:
        shot = next(iter(camera.frames()))
        assert (shot.height, shot.width) == expected.shape[:2]
        window = np.zeros_like(expected)
        shot.draw_detect(window)
    assert np.abs(window.astype(int) - expected).mean() < 6


def test_what_is_no_video_is_refused_in_one_line_that_says_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "notes.txt").write_text("nothing to see\n" * 50)
    (tmp_path / "noise.mp4").write_bytes(os.urandom(5000))
    write_sound(tmp_path / "song.m4a")
    for name, says in (
        ("missing.mp4", "no such file"),
        ("empty.mp4", "empty"),
        ("notes.txt", "notes.txt"),
        ("noise.mp4", "cannot be read as video"),
        ("song.m4a", "only sound"),
        (".", "folder"),
    ):
        path = tmp_path / name
        with pytest.raises(SourceError, match=says) as caught:
            read(path)
        assert not isinstance(caught.value, SourceLost)
        assert str(path) in caught.value.message
        assert "\n" not in caught.value.message
        assert caught.value.hint


def test_the_cover_picture_of_a_song_is_no_video(tmp_path: Path) -> None:
    song = tmp_path / "song.mp3"
    _write_song_with_cover(song)
    with av.open(str(song)) as container:
        assert container.streams.video, "the cover has to be there for this test to say anything"
    with pytest.raises(SourceError, match="only sound"):
        read(song)


def _write_song_with_cover(path: Path) -> None:
    frame = av.VideoFrame.from_ndarray(colourful(64, 64), "rgb24")
    with av.open(str(path), "w", format="mp3") as container:
        audio = container.add_stream("mp3", rate=44100)
        cover = container.add_stream("png")
        cover.width, cover.height, cover.pix_fmt = 64, 64, "rgb24"
        cover.disposition = av.stream.Disposition.attached_pic
        container.mux(cover.encode(frame))
        container.mux(cover.encode(None))
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 44100), np.int16), format="s16", layout="mono")
        silence.sample_rate = 44100
        container.mux(audio.encode(silence))
        container.mux(audio.encode(None))


def test_nothing_of_ffmpegs_own_log_reaches_standard_error(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SourceLost):
        read(cut(write_clip(tmp_path / "clip.mp4"), 0.5))
    (tmp_path / "noise.mp4").write_bytes(b"\0\0\0\x18ftypmp42" + os.urandom(3000))
    with pytest.raises(SourceError):
        read(tmp_path / "noise.mp4")
    assert capfd.readouterr().err == ""


def test_real_clips_are_read_to_their_last_frame(test_data: Path) -> None:
    with video.open_camera(video.Settings(str(test_data / "videos/car-detection.mp4"))) as camera:
        assert camera.expected_frames == 377
        times = [shot.pts_s for shot in camera.frames()]
    assert len(times) == 377
    assert times == pytest.approx([index * 0.08 for index in range(377)])
