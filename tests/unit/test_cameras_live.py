from __future__ import annotations

import errno
import socket
from pathlib import Path

import av
import pytest

from edgedet.cameras import rtsp, v4l2
from edgedet.errors import SourceError


def test_a_message_shows_no_part_of_a_url_that_may_be_secret() -> None:
    assert rtsp.public_name("rtsp://me:pass@10.0.0.7:554/live/1?user=me&password=pass") == "rtsp://10.0.0.7:554/live/1"
    assert rtsp.public_name("rtsp://[fe80::1]:554/a") == "rtsp://[fe80::1]:554/a"


def test_settings_do_not_show_the_url_when_they_are_printed() -> None:
    assert "hush" not in repr(rtsp.Settings("rtsp://me:hush@host/cam"))


@pytest.mark.parametrize("url", ["http://host/cam", "host/cam", "rtsp://", "/dev/video0", ""])
def test_what_is_no_rtsp_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="url: not an address"):
        rtsp.Settings(url)


@pytest.mark.parametrize("name", ["open_timeout_s", "read_timeout_s"])
def test_a_time_out_has_to_be_a_time(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        rtsp.Settings("rtsp://host/cam", **{name: 0.0})


def test_a_port_where_nothing_listens_is_a_clear_error() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        url = f"rtsp://127.0.0.1:{bound.getsockname()[1]}/cam"
        with pytest.raises(SourceError, match="nothing answers there") as caught, rtsp.open_camera(rtsp.Settings(url)):
            pytest.fail("opened")
    assert caught.value.code == "camera_absent"


def test_a_missing_password_file_is_named(tmp_path: Path) -> None:
    settings = rtsp.Settings("rtsp://127.0.0.1/cam", username="me", password_file=str(tmp_path / "none"))
    with pytest.raises(SourceError, match=f"{tmp_path}/none"), rtsp.open_camera(settings):
        pytest.fail("opened")


def test_the_settings_of_a_v4l2_camera_become_ffmpegs_options() -> None:
    settings = v4l2.Settings("/dev/video2", size=(1280, 720), fps=30.0, input_format="mjpeg")
    assert v4l2.options_of(settings) == {"video_size": "1280x720", "framerate": "30", "input_format": "mjpeg"}
    assert v4l2.options_of(v4l2.Settings()) == {}


def test_a_missing_v4l2_device_is_absent(tmp_path: Path) -> None:
    settings = v4l2.Settings(str(tmp_path / "video9"))
    with pytest.raises(SourceError, match="no such camera") as caught, v4l2.open_camera(settings):
        pytest.fail("opened")
    assert caught.value.code == "camera_absent"


def test_a_file_that_is_no_v4l2_device_is_refused() -> None:
    with pytest.raises(SourceError, match="is no camera"), v4l2.open_camera(v4l2.Settings("/dev/null")):
        pytest.fail("opened")


@pytest.mark.parametrize(
    ("number", "code", "says"),
    [
        (errno.EBUSY, "camera_busy", "in use by another program"),
        (errno.EACCES, "camera_absent", "no permission"),
        (errno.EPERM, "camera_absent", "closed to this process"),
        (errno.EINVAL, "camera_absent", "refuses the size, rate or format"),
        (errno.EIO, "camera_absent", "cannot be opened"),
    ],
)
def test_what_the_kernel_says_of_a_v4l2_device_becomes_plain_words(
    monkeypatch: pytest.MonkeyPatch, number: int, code: str, says: str
) -> None:
    def refuse(*_args: object, **_options: object) -> None:
        av.error.err_check(-number)

    monkeypatch.setattr(av, "open", refuse)
    with pytest.raises(SourceError, match=says) as caught, v4l2.open_camera(v4l2.Settings()):
        pytest.fail("opened")
    assert caught.value.code == code


@pytest.mark.parametrize(("number", "advice"), [(errno.EACCES, "group `video`"), (errno.EPERM, "systemctl restart")])
def test_a_group_that_is_missing_is_told_from_a_service_that_came_before_the_cameras_driver(
    monkeypatch: pytest.MonkeyPatch, number: int, advice: str
) -> None:
    monkeypatch.setattr(av, "open", lambda *_arguments, **_options: av.error.err_check(-number))
    with pytest.raises(SourceError) as caught, v4l2.open_camera(v4l2.Settings()):
        pytest.fail("opened")
    assert advice in caught.value.hint
