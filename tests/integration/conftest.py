"""What several of these tests run against: a real broker, a folder as the doctor looks at it, a software Edge TPU."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from edgedet.settings.model_choice import BUNDLED_MODEL
from integration.broker import Broker, Subscriber
from integration.edgedet_process import RunningDaemon
from integration.watched import DEADLINE_S, FPS, Start, Watched
from software_edgetpu.compiled import compiled_from
from software_edgetpu.library import SoftwareEdgeTpu
from software_edgetpu.twin import Twin


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """One that lets everybody in."""
    with Broker(tmp_path) as running:
        yield running


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where other users may look, too: pytest's own folders are closed to them."""
    with tempfile.TemporaryDirectory(prefix="doctor-") as name:
        path = Path(name)
        path.chmod(0o755)
        (path / "root").mkdir()
        yield path


@pytest.fixture
def start(edgetpu: SoftwareEdgeTpu, tmp_path: Path) -> Iterator[Start]:
    """Starts the daemon with a camera `porch`, each of whose frames is published; see `Start`."""

    @asynccontextmanager
    async def started(
        detector: str = "",
        mqtt: str = "",
        command: tuple[str, ...] = (),
        fps: int = FPS,
        model: Path = BUNDLED_MODEL,
    ) -> AsyncIterator[Watched]:
        shutil.copy(model, tmp_path / "demo.tflite")
        compiled_from(model, tmp_path / "demo_edgetpu.tflite")
        config = tmp_path / "edgedet.yaml"
        with Broker(tmp_path) as broker:
            config.write_text(
                f"version: 1\ndevice: dev\nstate_dir: {tmp_path / 'state'}\n"
                f"mqtt: {{url: 'mqtt://127.0.0.1:{broker.port}', stats_interval_s: 1{mqtt}}}\n"
                f"detector: {{model: {tmp_path / 'demo.tflite'}, deadline_s: {DEADLINE_S}{detector},\n"
                f"  edgetpu: {{library: {edgetpu.library}}}}}\n"
                f"cameras:\n  porch:\n    source: {{type: synthetic, size: [320, 240], fps: {fps}}}\n"
                f"    detect: {{fps: 240, min_score: 0.3}}\n    publish: {{detections: all}}\n"
            )
            more = {"command": command} if command else {}
            with Subscriber(broker.port) as heard, RunningDaemon(config, tmp_path / "log", **more) as run:
                yield Watched(broker, heard, run)
                assert run.stop() == 0
        assert "Traceback" not in run.log

    with Twin(BUNDLED_MODEL) as twin:
        edgetpu.script(twin=twin.path)
        yield started
