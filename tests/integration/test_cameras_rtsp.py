from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from PIL import Image

from edgedet.cameras import Camera, rtsp
from edgedet.errors import SourceError, SourceLost
from edgedet.types import PixelFormat
from integration.edgedet_process import run_edgedet
from rtsp import RtspServer, serving

SECRET = "p@ss/w:rd%"


@pytest.fixture
def server() -> Iterator[RtspServer]:
    with serving() as running:
        yield running


@pytest.fixture(scope="module")
def locked_server() -> Iterator[RtspServer]:
    with serving(credentials=f"viewer:{SECRET}") as running:
        yield running


def camera_at(url: str, **settings: object) -> Camera:
    waits = {"open_timeout_s": 8.0, "read_timeout_s": 1.5}
    return rtsp.open_camera(rtsp.Settings(url, **(waits | settings)))


def test_frames_arrive_soon_and_at_the_rate_of_the_camera(server: RtspServer) -> None:
    started = time.monotonic()
    with camera_at(server.url) as camera:
        assert camera.live
        stamps = []
        for shot in islice(camera.frames(), 30):
            stamps.append(shot.captured_ns / 1e9)
            assert (shot.width, shot.height) == (160, 120)
        window = np.full((120, 160, 3), 7, np.uint8)
        shot.draw_detect(window)
        assert shot.draw_full(np.zeros(160 * 120 * 3, np.uint8)) is PixelFormat.I420
    # A white ball on black.
    assert window.max() > 200
    assert np.median(window) < 30
    # FFmpeg's own probing would take two seconds, and hand out frames as old as that.
    assert stamps[0] - started < 5
    assert stamps[-1] - stamps[0] > 1.0


def test_one_picture_of_it_can_be_saved_which_ends_the_run(server: RtspServer, tmp_path: Path) -> None:
    done = run_edgedet("detect", server.url, "--save", tmp_path / "now.jpg")
    assert done.code == 0, done.err
    assert len(done.out.splitlines()) == 1
    with Image.open(tmp_path / "now.jpg") as picture:
        assert picture.size == (160, 120)


def lost_after(server: RtspServer, act: Callable[[], None]) -> tuple[float, SourceLost]:
    """When the tenth frame had come and `act` was called, and the error that followed."""
    acted_at = 0.0
    try:
        with camera_at(server.url) as camera:
            for number, _ in enumerate(camera.frames()):
                if number == 10:
                    act()
                    acted_at = time.monotonic()
    except SourceLost as error:
        return acted_at, error
    pytest.fail("the source ended as if that were its end")


def test_a_camera_that_hangs_is_stalled_within_the_time_out(server: RtspServer) -> None:
    acted_at, error = lost_after(server, lambda: os.kill(server.process.pid, signal.SIGSTOP))
    # Leaving included: to take leave of a server that hangs would take as long again.
    assert time.monotonic() - acted_at < 2.5
    assert error.code == "camera_stalled"
    assert re.search(r"breaks off at frame 1\d: no picture for 1\.5 s", str(error))


def test_a_camera_that_goes_away_is_lost_at_once(server: RtspServer) -> None:
    acted_at, error = lost_after(server, server.process.kill)
    assert time.monotonic() - acted_at < 1.4
    assert error.code == "camera_absent"
    assert "the other side has closed the stream" in str(error)


def test_a_camera_that_does_not_answer_is_refused_after_the_time_out(server: RtspServer) -> None:
    os.kill(server.process.pid, signal.SIGSTOP)
    started = time.monotonic()
    with pytest.raises(SourceError, match="no answer within 1 s"), camera_at(server.url, open_timeout_s=1.0):
        pytest.fail("opened")
    assert time.monotonic() - started < 3


def test_a_password_from_a_file_or_from_the_url_opens_the_camera(locked_server: RtspServer, tmp_path: Path) -> None:
    (tmp_path / "password").write_text(f"{SECRET}\n")
    with camera_at(locked_server.url, username="viewer", password_file=str(tmp_path / "password")) as camera:
        assert next(iter(camera.frames())).width == 160
    url = locked_server.url.replace("//", f"//viewer:{quote(SECRET, safe='')}@")
    with camera_at(url) as camera:
        assert next(iter(camera.frames())).width == 160


@pytest.mark.parametrize("password", [None, "topsecret"])
def test_a_wrong_password_is_a_clear_error_that_does_not_repeat_it(
    locked_server: RtspServer, password: str | None
) -> None:
    url = locked_server.url if password is None else locked_server.url.replace("//", f"//viewer:{password}@")
    with pytest.raises(SourceError, match="refuses user name and password") as caught, camera_at(url):
        pytest.fail("opened")
    assert "topsecret" not in str(caught.value)
    assert caught.value.code == "camera_absent"


def test_an_unknown_path_is_a_clear_error(server: RtspServer) -> None:
    with pytest.raises(SourceError, match="has no such stream"), camera_at(server.url.replace("cam", "nothing")):
        pytest.fail("opened")
