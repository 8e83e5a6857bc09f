"""What the worker tests run on: the bundled model and the synthetic scene, so that they need no data."""

from __future__ import annotations

import pytest

from edgedet.app.model import BUNDLED_MODEL, Model, open_model
from edgedet.types import FrameStamp
from edgedet.workers.camera import CameraSpec
from edgedet.workers.detector import DetectorSpec
from edgedet.workers.protocol import Limits

LIMITS = Limits(0.25, 0.7, 300)


@pytest.fixture(scope="session")
def model() -> Model:
    return open_model(BUNDLED_MODEL)


@pytest.fixture
def detector_spec(model: Model) -> DetectorSpec:
    return DetectorSpec(model.path, model.view, deadline_s=0.5)


@pytest.fixture
def camera_spec(model: Model) -> CameraSpec:
    source = {"type": "synthetic", "frames": 40, "size": [320, 240]}
    return CameraSpec("scene", source, model.view, slots=4)


@pytest.fixture
def stamp() -> FrameStamp:
    return FrameStamp(0, 0, 0.0, 640, 480)
