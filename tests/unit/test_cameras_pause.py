"""What the settings of a source say about the pause from one of its frames to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from edgedet.app.composition import camera_spec, pause_of
from edgedet.app.model import open_model
from edgedet.cameras import images, picamera2, rtsp, synthetic, v4l2, video
from edgedet.settings.camera import CameraSettings
from edgedet.settings.model_choice import BUNDLED_MODEL

if TYPE_CHECKING:
    from edgedet.workers.camera import CameraSpec
    from edgedet.workers.supervisor import Answerer


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


class Looks:
    """Of a detector, the worker of a camera needs to know only this."""

    slots = 2


def spec_of(source: object) -> CameraSpec:
    """What the daemon asks of a camera's worker."""
    camera = CameraSettings.model_validate({"source": source})
    return camera_spec("porch", camera, open_model(BUNDLED_MODEL), cast("Answerer", Looks()))


def test_the_time_outs_of_a_network_camera_are_those_of_its_worker_too() -> None:
    url = "rtsp://host/cam"
    by_itself = spec_of(rtsp.Settings(url))
    assert (by_itself.open_deadline_s, by_itself.stall_s, by_itself.pause_s) == (20.0, 2.9, None)
    patient = spec_of(rtsp.Settings(url, open_timeout_s=40.0, read_timeout_s=30.0))
    assert (patient.open_deadline_s, patient.stall_s) == (80.0, 30.0)
    # Less is the driver's own business, which gives up by itself.
    assert spec_of(rtsp.Settings(url, read_timeout_s=1.0)).stall_s == 2.9


def test_the_first_picture_of_a_slow_camera_is_waited_for_as_long_as_it_may_take() -> None:
    assert spec_of(picamera2.Settings(fps=0.2)).open_deadline_s == pytest.approx(35.0)
    assert spec_of(picamera2.Settings()).open_deadline_s == pytest.approx(20.2)
