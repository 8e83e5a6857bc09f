"""The synthetic scene as a source."""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np
import pytest

from edgedet.cameras import synthetic
from edgedet.cameras.synthetic import Settings, open_camera, scene_of
from edgedet.types import PixelFormat


class Clock:
    """A clock that only sleeping and working move."""

    def __init__(self) -> None:
        self.now_ns = 5_000_000_000

    def monotonic_ns(self) -> int:
        return self.now_ns

    def sleep(self, seconds: float) -> None:
        self.now_ns += round(seconds * 1e9)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(synthetic, "time", clock)
    return clock


def test_a_scene_with_a_number_of_frames_is_a_file_that_ends() -> None:
    with open_camera(Settings(size=(64, 48), fps=25.0, frames=5)) as camera:
        assert not camera.live
        assert camera.expected_frames == 5
        assert [shot.pts_s for shot in camera.frames()] == pytest.approx([0.0, 0.04, 0.08, 0.12, 0.16])


def test_a_scene_without_one_is_live_and_keeps_to_its_rate(clock: Clock) -> None:
    with open_camera(Settings(size=(64, 48), fps=10.0)) as camera:
        assert camera.live
        assert camera.expected_frames is None
        start = clock.now_ns
        shots = list(islice(camera.frames(), 6))
    assert [(shot.captured_ns - start) / 1e9 for shot in shots] == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4, 0.5])


def test_a_live_scene_that_was_not_looked_at_in_time_goes_on_with_what_is_now(clock: Clock) -> None:
    with open_camera(Settings(size=(64, 48), fps=10.0)) as camera:
        frames = camera.frames()
        assert next(frames).pts_s == 0.0
        clock.now_ns += 2_050_000_000
        assert next(frames).pts_s == pytest.approx(2.0)
        assert next(frames).pts_s == pytest.approx(2.1)


def test_another_process_knows_what_is_true_of_a_frame_from_the_settings_alone() -> None:
    settings = Settings(size=(160, 120), seed=9, frames=2, fps=0.1)
    with open_camera(settings) as camera:
        last = list(camera.frames())[-1]
    memory = np.zeros(160 * 120 * 3, np.uint8)
    assert last.draw_full(memory) is PixelFormat.RGB24
    scene = scene_of(settings)
    assert np.array_equal(memory.reshape(120, 160, 3), scene.render(last.pts_s))
    assert scene.truth(last.pts_s)


def test_the_detect_view_is_the_whole_frame_scaled_into_the_window() -> None:
    with open_camera(Settings(size=(320, 240), frames=1)) as camera:
        (shot,) = camera.frames()
        full = np.zeros((240, 320, 3), np.uint8)
        shot.draw_full(full.reshape(-1))
        view = np.full((160, 160, 3), 114, np.uint8)
        shot.draw_detect(view[20:140])
    halves = full.reshape(120, 2, 160, 2, 3).mean(axis=(1, 3))
    assert np.abs(view[20:140] - halves).mean() < 4
    assert (view[:20] == 114).all()
    assert (view[140:] == 114).all()


def test_a_window_of_the_scenes_own_size_gets_the_frame_as_it_is() -> None:
    with open_camera(Settings(size=(64, 48), frames=1)) as camera:
        (shot,) = camera.frames()
        memory, window = np.zeros(64 * 48 * 3, np.uint8), np.zeros((48, 64, 3), np.uint8)
        shot.draw_full(memory)
        shot.draw_detect(window)
    assert np.array_equal(memory.reshape(window.shape), window)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"size": (0, 480)}, r"size: \[0, 480\] is no size; give"),
        ({"size": (640, 100_000)}, r"size: \[640, 100000\] is no size; give"),
        ({"fps": 0.0}, "fps: 0 is out of range; give"),
        ({"fps": float("nan")}, "fps: nan is out of range; give"),
        ({"objects": -1}, "objects: -1 is no number of objects; give"),
        ({"frames": 0}, "frames: 0 is no number of frames; give"),
    ],
)
def test_what_cannot_be_drawn_is_refused_by_its_value_and_with_a_hint(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Settings(**settings)
