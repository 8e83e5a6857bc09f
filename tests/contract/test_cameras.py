"""What every source promises. A file that is dropped into edgedet/cameras is found and held to it."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import scripted_camera
from clips import colourful, rgb_of_i420, write_clip
from edgedet import cameras
from edgedet.cameras import Camera, Shot
from edgedet.errors import SourceError
from edgedet.types import PixelFormat
from rtsp import serving

NAMES = cameras.available()


@contextmanager
def video_settings(folder: Path) -> Iterator[dict[str, Any]]:
    yield {"path": str(write_clip(folder / "clip.mp4", size=(200, 112)))}


@contextmanager
def images_settings(folder: Path) -> Iterator[dict[str, Any]]:
    for index in range(6):
        Image.fromarray(colourful(200 - index, 112, phase=index)).save(folder / f"{index}.jpg", quality=95)
    yield {"path": str(folder)}


@contextmanager
def rtsp_settings(_folder: Path) -> Iterator[dict[str, Any]]:
    with serving(size=(200, 112)) as server:
        yield {"url": server.url}


@contextmanager
def v4l2_settings(_folder: Path) -> Iterator[dict[str, Any]]:
    devices = sorted(Path("/dev").glob("video*"))
    if not devices:
        pytest.skip("no Video4Linux device on this machine")
    yield {"device": str(devices[0])}


@contextmanager
def picamera2_settings(folder: Path) -> Iterator[dict[str, Any]]:
    # The real picamera2 has its own tests in tests/hardware.
    with scripted_camera.installed(folder):
        yield {"size": (320, 240)}


SAMPLES = {
    "video": video_settings,
    "images": images_settings,
    "rtsp": rtsp_settings,
    "v4l2": v4l2_settings,
    "picamera2": picamera2_settings,
}
"""How to have each source at hand; one that is not named works without settings."""

NONSENSE = {"path": "/nowhere/at/all", "url": "rtsp://127.0.0.1:1/none", "device": "/nowhere/video9"}


def fields_of(name: str) -> dict[str, Any]:
    """The settings of a source with their defaults."""
    settings = import_module(f"edgedet.cameras.{name}").Settings
    return {field.name: field.default for field in dataclasses.fields(settings)}


@pytest.fixture(scope="module", params=NAMES)
def make(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Camera]]:
    """Opens one source after the other, each with its sample."""
    name = str(request.param)
    module = import_module(f"edgedet.cameras.{name}")
    if name not in SAMPLES:
        yield lambda: module.open_camera(module.Settings())
        return
    with SAMPLES[name](tmp_path_factory.mktemp(name)) as values:
        yield lambda: module.open_camera(module.Settings(**values))


def detect_view(shot: Shot, width: int, height: int) -> NDArray[np.uint8]:
    """The shot in a window of this size, drawn into a larger picture whose rest stays as it was."""
    canvas = np.full((height + 20, width + 10, 3), 114, np.uint8)
    window = canvas[10:-10, 5:-5]
    shot.draw_detect(window)
    drawn = window.copy()
    window[...] = 114
    assert (canvas == 114).all(), "it has drawn outside its window"
    return drawn


def full_view(shot: Shot) -> NDArray[np.float64]:
    """The full view as RGB."""
    size = shot.width * shot.height
    memory = np.full(size * 3 + 64, 200, np.uint8)
    pixel_format = shot.draw_full(memory[: size * 3])
    assert (memory[size * 3 :] == 200).all(), "it has written past its memory"
    match pixel_format:
        case PixelFormat.I420:
            return rgb_of_i420(memory, shot.width, shot.height)
        case PixelFormat.RGB24:
            return memory[: size * 3].reshape(shot.height, shot.width, 3).astype(float)
        case _:
            pytest.fail("a full view was asked for, and there is none")


def test_the_folder_is_where_sources_are_found() -> None:
    assert set(SAMPLES) <= set(NAMES)
    assert {"video", "images", "rtsp", "v4l2"} <= set(NAMES)
    assert not any(found.startswith("_") for found in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_settings_are_a_frozen_dataclass_whose_type_is_the_modules_name(name: str) -> None:
    settings = import_module(f"edgedet.cameras.{name}").Settings
    assert dataclasses.is_dataclass(settings)
    assert settings.__dataclass_params__.frozen
    assert "__slots__" in vars(settings)
    assert fields_of(name)["type"] == name


@pytest.mark.parametrize("name", [name for name in NAMES if fields_of(name).keys() & NONSENSE.keys()])
def test_making_a_source_opens_nothing_and_entering_it_says_what_is_wrong(name: str) -> None:
    module = import_module(f"edgedet.cameras.{name}")
    wrong = {key: value for key, value in NONSENSE.items() if key in fields_of(name)}
    camera = module.open_camera(module.Settings(**wrong))
    with pytest.raises(SourceError) as caught:
        camera.__enter__()
    assert caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.hint
    assert caught.value.code


@pytest.mark.parametrize("name", NAMES)
def test_the_settings_of_a_source_are_read_without_its_driver(name: str) -> None:
    # The process that reads the configuration runs for months and opens no source itself.
    drivers = {"av", "PIL", "simplejpeg", "picamera2", "libcamera"}
    script = f"import sys, edgedet.cameras.{name}; print(*{drivers} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_stamps_rise_and_are_of_the_monotonic_clock(make: Callable[[], Camera]) -> None:
    before_ns = time.monotonic_ns()
    with make() as camera:
        stamps = [(shot.captured_ns, shot.pts_s) for shot in islice(camera.frames(), 5)]
    assert len(stamps) == 5
    captured = [captured_ns for captured_ns, _ in stamps]
    assert captured == sorted(captured)
    assert before_ns <= captured[0]
    assert captured[-1] <= time.monotonic_ns()
    times = [pts_s for _, pts_s in stamps]
    assert times == sorted(times)
    assert times[0] == pytest.approx(0.0, abs=0.2)


def test_both_views_show_the_same_picture(make: Callable[[], Camera]) -> None:
    with make() as camera:
        for shot in islice(camera.frames(), 3):
            width, height = max(1, shot.width // 2), max(1, shot.height // 2)
            full = Image.fromarray(full_view(shot).astype(np.uint8))
            expected = np.asarray(full.resize((width, height), Image.Resampling.BILINEAR)).astype(int)
            assert np.abs(detect_view(shot, width, height) - expected).mean() < 6


@pytest.mark.parametrize("size", [(1, 1), (31, 17), (320, 180), (640, 640)])
def test_the_detect_view_fills_a_window_of_any_size(make: Callable[[], Camera], size: tuple[int, int]) -> None:
    with make() as camera:
        shot = next(iter(camera.frames()))
        drawn = detect_view(shot, *size)
        full = full_view(shot)
    assert np.abs(drawn.mean(axis=(0, 1)) - full.mean(axis=(0, 1))).max() < (60 if size == (1, 1) else 8)


def test_a_shot_that_nobody_draws_is_no_trouble_to_the_next(make: Callable[[], Camera]) -> None:
    with make() as camera:
        shots = iter(camera.frames())
        next(shots)
        next(shots)
        assert detect_view(next(shots), 64, 36).std() > 0


def test_a_source_can_be_left_in_the_middle_and_opened_again(make: Callable[[], Camera]) -> None:
    for _ in range(2):
        with make() as camera:
            assert next(iter(camera.frames())).width > 0


def test_what_it_says_of_itself_is_of_the_right_kind(make: Callable[[], Camera]) -> None:
    with make() as camera:
        assert isinstance(camera.live, bool)
        assert all(isinstance(note, str) and "\n" not in note for note in camera.notes)
        expected = camera.expected_frames
        assert expected is None or expected > 0
        if expected is not None:
            assert sum(1 for _ in camera.frames()) == expected
