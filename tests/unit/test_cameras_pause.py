"""What the settings of a source say about the pause from one of its frames to the next."""

from __future__ import annotations

import pytest

from edgedet.app.composition import pause_of
from edgedet.cameras import images, picamera2, rtsp, synthetic, v4l2, video
from edgedet.settings.camera import CameraSettings


@pytest.mark.parametrize(
    ("source", "pause_s"),
    [
        (picamera2.Settings(), 1 / 15),
        (picamera2.Settings(fps=0.2), 5.0),
        (picamera2.Settings(controls={"FrameRate": 0.5}), 2.0),
        # A long exposure at night: the sensor may take as long as it is allowed.
        (picamera2.Settings(controls={"FrameDurationLimits": (33_333.0, 6_000_000.0)}), 6.0),
        (v4l2.Settings(fps=0.5), 2.0),
        (v4l2.Settings(), None),
        (rtsp.Settings("rtsp://host/cam"), None),
        (video.Settings("clip.mp4", realtime=True), None),
        (video.Settings("clip.mp4"), 0.0),
        (images.Settings("folder"), 0.0),
        (synthetic.Settings(fps=0.25), 4.0),
    ],
)
def test_a_source_says_how_often_it_gives_a_picture_or_that_it_does_not_know(
    source: object, pause_s: float | None
) -> None:
    camera = CameraSettings.model_construct(source=source)
    assert pause_of(camera) == (None if pause_s is None else pytest.approx(pause_s))
