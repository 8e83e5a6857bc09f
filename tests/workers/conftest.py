"""What the worker tests run on: the bundled model and the synthetic scene, so that they need no data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgedet.app.model import Model, open_model
from edgedet.cameras.synthetic import Settings, scene_of
from edgedet.settings.model_choice import BUNDLED_MODEL
from edgedet.types import FrameStamp, ViewSize
from edgedet.workers.camera import CameraSpec
from edgedet.workers.detector import DetectorSpec
from edgedet.workers.protocol import Limits
from software_edgetpu.compiled import compiled_from
from software_edgetpu.library import SoftwareEdgeTpu
from software_edgetpu.twin import Twin

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


@pytest.fixture(scope="session")
def scene() -> bytes:
    return np.ascontiguousarray(scene_of(Settings(size=(256, 256), seed=3)).render(2.0)).tobytes()


@pytest.fixture
def on_edgetpu(edgetpu: SoftwareEdgeTpu, tmp_path: Path) -> Iterator[DetectorSpec]:
    """The bundled model, compiled for the software Edge TPU, whose answers are the bundled model's."""
    compiled = compiled_from(BUNDLED_MODEL, tmp_path / "demo_edgetpu.tflite")
    with Twin(BUNDLED_MODEL) as twin:
        edgetpu.script(twin=twin.path)
        spec = DetectorSpec(compiled, ViewSize(256, 256), "edgetpu", library=str(edgetpu.library))
        yield replace(spec, deadline_s=0.5, load_deadline_s=6.0)
