"""The picamera2 driver against a scripted picamera2, whose camera misbehaves when it is told to."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import scripted_camera
from edgedet.app.composition import camera_spec
from edgedet.app.model import open_model
from edgedet.cameras import ScalesItself, _libcamera, synthetic
from edgedet.cameras._libcamera import LibcameraCamera
from edgedet.cameras._planes import FORMATS, Stream
from edgedet.cameras.picamera2 import Settings, open_camera
from edgedet.errors import SourceError, SourceLost
from edgedet.settings import CameraSettings
from edgedet.settings.model_choice import BUNDLED_MODEL
from edgedet.types import PixelFormat, ViewSize
from edgedet.workers.detector import DetectorSpec
from scripted_camera import Script

VIEW = ViewSize(320, 320)


@pytest.fixture
def script(tmp_path: Path) -> Iterator[Script]:
    with scripted_camera.installed(tmp_path) as script:
        yield script


def stand_in() -> Any:
    import picamera2

    return picamera2


def pi_camera(view: ViewSize | None = VIEW, **settings: Any) -> LibcameraCamera:
    camera = open_camera(Settings(**{"size": (640, 360)} | settings))
    assert isinstance(camera, LibcameraCamera)
    if view is not None:
        camera.scale_to(view)
    return camera


def drawn(camera: LibcameraCamera, width: int = 320, height: int = 180) -> np.ndarray:
    with camera:
        shot = next(camera.frames())
        window = np.zeros((height, width, 3), np.uint8)
        shot.draw_detect(window)
        return window.astype(int)


def test_it_is_told_the_detect_view_before_it_is_entered() -> None:
    assert isinstance(pi_camera(), ScalesItself)


@pytest.mark.parametrize(
    ("size", "view", "expected"),
    [
        ((640, 360), VIEW, (320, 180)),
        ((1296, 972), ViewSize(640, 640), (640, 480)),
        ((1000, 666), VIEW, (320, 214)),
        ((640, 480), ViewSize(640, 640), (640, 480)),
        ((320, 240), ViewSize(640, 640), None),
    ],
)
def test_the_second_stream_has_the_size_of_the_picture_in_the_detect_view_made_even(
    script: Script, size: tuple[int, int], view: ViewSize, expected: tuple[int, int] | None
) -> None:
    with pi_camera(view, size=size):
        lores = stand_in().Picamera2.opened[-1].configuration["lores"]
    assert (None if lores is None else lores["size"]) == expected


@pytest.mark.parametrize(("platform", "expected"), [("VC4", "YUV420"), ("PISP", "BGR888")])
def test_a_pi_5_converts_to_rgb_itself_and_the_older_ones_are_not_asked_to(
    script: Script, platform: str, expected: str
) -> None:
    script.say(platform=platform)
    picture = drawn(pi_camera())
    assert stand_in().Picamera2.opened[-1].configuration["lores"]["format"] == expected
    assert np.abs(picture - stand_in().scene(320, 180)).mean() < 2


@pytest.mark.parametrize("given", sorted(FORMATS))
def test_whatever_format_the_camera_makes_of_the_wish_red_stays_red(script: Script, given: str) -> None:
    script.say(adjust={"main": given, "lores": given}, platform="PISP")
    camera = pi_camera(size=(600, 360))
    with camera:
        shot = next(camera.frames())
        window = np.zeros((192, 320, 3), np.uint8)
        shot.draw_detect(window)
        memory = np.zeros(600 * 360 * 3, np.uint8)
        pixel_format = shot.draw_full(memory)
    assert np.abs(window - stand_in().scene(320, 192)).mean() < 2
    assert pixel_format is (PixelFormat.RGB24 if "888" in given else PixelFormat.I420)
    if pixel_format is PixelFormat.I420:
        tight = Stream("YUV420", 600, 360, 600)
        full = np.empty((360, 600, 3), np.uint8)
        tight.draw_rgb(memory, full)
    else:
        full = memory.reshape(360, 600, 3)
    assert np.abs(full - stand_in().scene(600, 360)).mean() < 2


def test_white_and_black_come_out_as_such() -> None:
    buffer = np.full(4 * 4 * 3 // 2, 128, np.uint8)
    picture = np.empty((4, 4, 3), np.uint8)
    for luma, level in ((16, 0), (235, 255), (0, 0), (255, 255)):
        buffer[:16] = luma
        Stream("YUV420", 4, 4, 4).draw_rgb(buffer, picture)
        assert (picture == level).all()


def rgb_of_yuv(luma: np.ndarray, u: float, v: float) -> np.ndarray:
    """BT.601 in limited range, in floating point."""
    luma, u, v = (luma - 16) * 255 / 219, u - 128, v - 128
    return np.stack((luma + 1.596 * v, luma - 0.392 * u - 0.813 * v, luma + 2.017 * u), axis=2).clip(0, 255)


def test_no_mixture_of_luma_and_chroma_runs_over() -> None:
    levels = np.arange(0, 256, 5)
    for u, v in ((0, 0), (0, 255), (255, 0), (255, 255), (128, 128), (240, 90)):
        luma = np.repeat(levels, 2).astype(np.uint8)[:, None].repeat(2, axis=1)
        buffer = np.concatenate((luma.ravel(), np.full(len(levels), u), np.full(len(levels), v))).astype(np.uint8)
        picture = np.empty((len(levels) * 2, 2, 3), np.uint8)
        Stream("YUV420", 2, len(levels) * 2, 2).draw_rgb(buffer, picture)
        exact = rgb_of_yuv(luma.astype(float), u, v)
        assert np.abs(picture - exact).max() <= (24 if u == 255 else 1)


def test_a_format_that_cannot_be_read_is_refused_and_the_camera_given_back(script: Script) -> None:
    script.say(adjust={"main": "YUYV"})
    with pytest.raises(SourceError, match="camera 0 gives YUYV") as caught:
        pi_camera().__enter__()
    assert "v4l2" in caught.value.hint
    assert stand_in().Picamera2.opened[-1].closed


def test_a_window_of_another_size_than_the_second_stream_is_filled_all_the_same(script: Script) -> None:
    picture = drawn(pi_camera(size=(1000, 666)), 320, 213)
    assert np.abs(picture - stand_in().scene(320, 213)).mean() < 2


def test_a_second_stream_that_came_in_another_shape_is_not_looked_at(script: Script) -> None:
    script.say(resize={"lores": [320, 240]})
    with pi_camera() as camera:
        shot = next(camera.frames())
        stand_in().Picamera2.opened[-1].buffers["lores"][:] = 0
        window = np.zeros((180, 320, 3), np.uint8)
        shot.draw_detect(window)
    assert np.abs(window - stand_in().scene(320, 180)).mean() < 2


@pytest.mark.parametrize(
    ("settings", "step"),
    [
        ({"rotation": 180}, (-1, -1)),
        ({"hflip": True}, (1, -1)),
        ({"vflip": True}, (-1, 1)),
        ({"rotation": 180, "hflip": True}, (-1, 1)),
        ({"rotation": 180, "hflip": True, "vflip": True}, (1, 1)),
    ],
)
def test_turns_and_flips_add_up(script: Script, settings: dict[str, Any], step: tuple[int, int]) -> None:
    expected = stand_in().scene(320, 180)[:: step[0], :: step[1]]
    assert np.abs(drawn(pi_camera(**settings)) - expected).mean() < 2


def test_the_frame_is_stamped_when_the_sensor_saw_it_unless_the_sensor_has_another_clock(script: Script) -> None:
    script.say(clock_ahead_s=-0.3)
    with pi_camera() as camera:
        captured_ns = next(camera.frames()).captured_ns
    assert 0.3 <= (time.monotonic_ns() - captured_ns) / 1e9 < 5
    script.say(clock_ahead_s=86_400)
    with pi_camera() as camera:
        captured_ns = next(camera.frames()).captured_ns
    assert 0 <= (time.monotonic_ns() - captured_ns) / 1e9 < 5


def controls_of(script: Script, **controls: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    with pi_camera(fps=12.5, controls=controls) as camera:
        return stand_in().Picamera2.opened[-1].configuration["controls"], camera.notes


def test_controls_are_set_by_libcameras_names_and_values_by_theirs(script: Script) -> None:
    controls, notes = controls_of(script, AfMode="continuous", ExposureValue=-1.5, ColourGains=[1.5, 2.0])
    assert notes == ()
    assert controls == {
        "FrameDurationLimits": (80_000, 80_000),
        "AfMode": 2,
        "ExposureValue": -1.5,
        "ColourGains": (1.5, 2.0),
        "NoiseReductionMode": 1,
    }


def test_noise_reduction_is_found_among_libcameras_drafts(script: Script) -> None:
    controls, _ = controls_of(script, NoiseReductionMode="off")
    assert controls["NoiseReductionMode"] == 0


def test_a_control_that_the_camera_does_not_have_is_named_and_the_others_are_set(script: Script) -> None:
    controls, notes = controls_of(script, AfMod="Auto", ExposureValue=9.0, AfMode="sometimes", ColourGains=[1.0, 1.0])
    assert controls.keys() == {"FrameDurationLimits", "ColourGains", "NoiseReductionMode"}
    assert notes == (
        "control AfMod: this camera does not have it; did you mean AfMode?",
        "control ExposureValue: 9.0 is outside -8.0 to 8.0; it is left as it is",
        "control AfMode: 'sometimes' is no value of it; it is left as it is",
    )


def test_a_camera_without_any_control_runs_at_its_own_rate(script: Script) -> None:
    script.say(controls={})
    controls, notes = controls_of(script)
    assert controls == {}
    assert notes == ()


TWO = [
    {"Model": "imx708", "Id": "/base/i2c@1/imx708@1a", "Num": 0},
    {"Model": "ov5647", "Id": "/base/i2c@2/ov5647@36", "Num": 1},
]


@pytest.mark.parametrize(("wanted", "number"), [(0, 0), (1, 1), ("ov5647", 1), ("/base/i2c@1/imx708@1a", 0)])
def test_a_camera_is_chosen_by_number_model_or_id(script: Script, wanted: int | str, number: int) -> None:
    script.say(cameras=TWO)
    with pi_camera(camera=wanted):
        assert stand_in().Picamera2.opened[-1].number == number


@pytest.mark.parametrize(
    ("said", "settings", "code", "words"),
    [
        ({"cameras": []}, {}, "camera_absent", "no camera is found by libcamera"),
        ({"cameras": TWO}, {"camera": 2}, "camera_absent", "there is no camera 2"),
        ({"cameras": TWO}, {"camera": "imx477"}, "camera_absent", "there is no camera imx477"),
        ({"busy": True}, {}, "camera_busy", "Failed to acquire camera: Device or resource busy"),
        ({"refuses": "Invalid camera configuration: 7"}, {}, "camera_absent", "Invalid camera configuration: 7"),
    ],
)
def test_a_camera_that_cannot_be_had_says_why(
    script: Script, said: dict[str, Any], settings: dict[str, Any], code: str, words: str
) -> None:
    script.say(**said)
    with pytest.raises(SourceError, match=words) as caught:
        pi_camera(**settings).__enter__()
    assert caught.value.code == code
    assert "\n" not in caught.value.message
    assert caught.value.hint


def test_an_interpreter_without_picamera2_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "picamera2", None)
    with pytest.raises(SourceError, match="cannot load picamera2") as caught:
        pi_camera().__enter__()
    assert sys.executable in caught.value.message
    assert "sudo apt install python3-picamera2" in caught.value.hint
    assert caught.value.code == "camera_absent"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    monkeypatch.setattr(_libcamera, "_WAIT_S", 0.03)

    def set_patience(seconds: float) -> None:
        monkeypatch.setattr(_libcamera, "_SILENCE_S", seconds)
        monkeypatch.setattr(_libcamera, "_SILENT_FRAMES", 0)
        monkeypatch.setattr(_libcamera, "_FIRST_FRAME_S", seconds)

    return set_patience


def test_waiting_in_vain_costs_the_camera_no_buffer_however_often(
    script: Script, impatient: Callable[[float], None]
) -> None:
    impatient(60.0)
    # Each pause is several waits long; were a job abandoned in each, four buffers would be gone after two pauses.
    with pi_camera() as camera:
        frames = camera.frames()
        for _ in range(6):
            next(frames)
            script.say(silent=True)
            time.sleep(0.05)
            _resume_later(script, 0.15)
            list(islice(frames, 4))
        frames.close()
        camera_itself = stand_in().Picamera2.opened[-1]
        assert camera_itself.free >= camera_itself.configuration["buffer_count"] - 1
        assert not camera_itself.jobs


def test_abandoned_jobs_do_starve_this_scripted_camera_as_they_do_the_real_one(script: Script) -> None:
    camera = stand_in().Picamera2(0)
    with pi_camera() as opened:
        camera = stand_in().Picamera2.opened[-1]
        for _ in range(camera.configuration["buffer_count"]):
            camera.capture_request(wait=False)
        time.sleep(0.2)
        assert camera.free == 0
        with pytest.raises(TimeoutError):
            camera.wait(camera.capture_request(wait=False), timeout=0.1)
        assert opened.live


def _resume_later(script: Script, seconds: float) -> None:
    import threading

    threading.Timer(seconds, lambda: script.say(silent=False)).start()


def test_one_request_is_held_at_a_time_and_none_after_the_end(script: Script) -> None:
    with pi_camera() as camera:
        for _ in islice(camera.frames(), 20):
            itself = stand_in().Picamera2.opened[-1]
            assert itself.free + len(itself.completed) >= itself.configuration["buffer_count"] - 2
        script.say(silent=True)
        time.sleep(0.05)
    assert itself.free + len(itself.completed) == itself.configuration["buffer_count"]


def test_a_camera_that_falls_silent_is_stalled_and_one_that_never_spoke_gives_no_picture(
    script: Script, impatient: Callable[[float], None]
) -> None:
    impatient(0.1)
    with (
        pytest.raises(SourceLost, match="breaks off at frame [12]: no picture for 0.1 s") as caught,
        pi_camera() as camera,
    ):
        frames = camera.frames()
        next(frames)
        script.say(silent=True)
        list(frames)
    assert caught.value.code == "camera_stalled"
    with pytest.raises(SourceError, match="gives no picture") as refused, pi_camera() as camera:
        next(camera.frames())
    assert refused.value.code == "camera_stalled"
    assert not isinstance(refused.value, SourceLost)


def test_a_stop_that_blocks_keeps_nobody_for_longer_than_its_limit(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_libcamera, "_CLOSING_S", 0.2)
    with pi_camera() as camera:
        next(camera.frames())
        script.say(stop_blocks=True)
    assert not stand_in().Picamera2.opened[-1].closed
    script.say(stop_blocks=False)


def test_leaving_gives_the_camera_back(script: Script) -> None:
    with pi_camera() as camera:
        next(camera.frames())
    assert stand_in().Picamera2.opened[-1].closed


def test_an_older_picamera2_that_cannot_flush_is_closed_too(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(stand_in().Picamera2, "cancel_all_and_flush")
    with pi_camera() as camera:
        next(camera.frames())
    assert stand_in().Picamera2.opened[-1].closed


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"size": (641, 480)}, "even"), ({"camera": -1}, "count from 0"), ({"fps": 0.0}, "out of range")],
)
def test_impossible_settings_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Settings(**settings)


def test_its_worker_runs_on_the_systems_python_unless_another_is_named() -> None:
    assert Settings().interpreter == "/usr/bin/python3"
    assert Settings(python="/opt/camera/bin/python").interpreter == "/opt/camera/bin/python"


def test_the_daemon_starts_the_worker_of_a_pi_camera_on_the_interpreter_of_its_settings() -> None:
    model = open_model(BUNDLED_MODEL)
    detector = DetectorSpec(model.path, model.view)
    for settings, expected in (
        (Settings(), "/usr/bin/python3"),
        (Settings(python="/opt/p"), "/opt/p"),
        (synthetic.Settings(), None),
    ):
        assert camera_spec("porch", CameraSettings(source=settings), model, detector).python == expected
