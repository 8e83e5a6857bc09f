"""What is promised when cameras hang, and when everything native dies at once: on real processes, over MQTT."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

import scripted_camera
from edgedet.settings.model_choice import BUNDLED_MODEL
from integration.broker import Broker, Subscriber
from integration.edgedet_process import RunningDaemon
from integration.watched import BASE, Watched
from scripted_camera import Script

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

FPS = 10
NOTICED_S, REPLACED_S = 3.0, 15.0
"""What is promised of a camera that gives no frame any more."""
SLACK_S = 0.5
"""For the way to the broker and back on a machine that does other things too."""


@pytest.fixture
def daemon(script: Script, tmp_path: Path) -> Iterator[Watched]:
    """With a drawn camera `porch` and a scripted picamera2 `gate`, both of which watch."""
    python = scripted_camera.interpreter(tmp_path)
    config = tmp_path / "edgedet.yaml"
    with Broker(tmp_path) as broker:
        config.write_text(
            f"version: 1\ndevice: dev\nstate_dir: {tmp_path / 'state'}\n"
            f"mqtt: {{url: 'mqtt://127.0.0.1:{broker.port}', stats_interval_s: 1}}\n"
            f"detector: {{model: {BUNDLED_MODEL}, accelerators: [cpu], deadline_s: 1}}\n"
            "cameras:\n"
            f"  porch:\n    source: {{type: synthetic, size: [320, 240], fps: {FPS}}}\n"
            "    detect: {fps: 240, min_score: 0.3}\n    publish: {detections: all}\n"
            f"  gate:\n    source: {{type: picamera2, size: [640, 360], python: {python}}}\n"
            f"    detect: {{fps: {FPS}}}\n    publish: {{detections: all}}\n"
        )
        with Subscriber(broker.port) as heard, RunningDaemon(config, tmp_path / "log") as run:
            yield Watched(broker, heard, run)
            assert run.stop() == 0
    assert "Traceback" not in run.log


async def test_of_two_cameras_one_that_hangs_does_not_slow_the_other_down(daemon: Watched, script: Script) -> None:
    await daemon.until(lambda: daemon.health["state"] == "ok")
    well = await daemon.rate(6.0)
    script.say(silent=True, stop_blocks=True)
    hung_ns = time.monotonic_ns()
    # From its last frame through the stall that is noticed, the worker that is killed and those that are tried.
    beside = await daemon.rate(12.0)
    noticed_s = (await daemon.state_at_ns("gate", "blind", hung_ns) - hung_ns) / 1e9
    assert noticed_s <= NOTICED_S + SLACK_S
    assert daemon.heard.last(f"{BASE}/gate/state") == b"blind"
    assert ("gate", "camera_stalled") in {(each["component"], each["code"]) for each in daemon.health["reasons"]}
    assert beside >= 0.9 * well
    assert well >= 0.9 * FPS
    script.say(silent=False, stop_blocks=False)
    await daemon.until(lambda: daemon.health["state"] == "ok")


async def test_a_camera_process_that_stands_still_does_not_slow_the_other_down(daemon: Watched) -> None:
    await daemon.until(lambda: daemon.health["state"] == "ok")
    well = await daemon.rate(5.0)
    lines = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in daemon.run.workers("camera_child")}
    # The scripted picamera2 belongs to an interpreter with a start of its own.
    (gate,) = [pid for pid, line in lines.items() if b"start.py" in line]
    os.kill(gate, signal.SIGSTOP)
    stopped_ns = time.monotonic_ns()
    beside = await daemon.rate(5.0)
    assert beside >= 0.9 * well
    blind_ns = await daemon.state_at_ns("gate", "blind", stopped_ns)
    assert (blind_ns - stopped_ns) / 1e9 <= NOTICED_S + SLACK_S
    back_ns = await daemon.state_at_ns("gate", "watching", blind_ns)
    assert (back_ns - stopped_ns) / 1e9 <= REPLACED_S
    assert gate not in daemon.run.workers("camera_child")


async def test_when_everything_native_dies_at_once_it_is_blind_and_no_count_becomes_zero(daemon: Watched) -> None:
    await daemon.until(lambda: daemon.health["state"] == "ok")
    first_ns = time.monotonic_ns()
    # And again whatever is started in its place: for four seconds nothing native lives.
    while time.monotonic_ns() - first_ns < 4e9:
        for pid in (*daemon.run.workers("camera_child"), *daemon.run.workers("detector_child")):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        await asyncio.sleep(0.02)
    await daemon.until(lambda: daemon.health["state"] == "blind")
    blind_at_ns = next(
        message.at_ns
        for message in daemon.heard.messages
        if message.topic == f"{BASE}/health"
        and message.at_ns > first_ns
        and json.loads(message.payload)["state"] == "blind"
    )
    assert (blind_at_ns - first_ns) / 1e9 <= 5.0
    states = [
        (message.at_ns, message.payload)
        for message in daemon.heard.messages
        if message.topic in (f"{BASE}/porch/state", f"{BASE}/gate/state") and message.at_ns > first_ns
    ]
    assert states[0][1] == b"blind"
    assert (states[0][0] - first_ns) / 1e9 <= 1.0
    # What was under way may still be told; after that nothing is counted by anybody, and nothing is made zero.
    counts = [
        message
        for message in daemon.heard.messages
        if "/objects/" in message.topic and first_ns + 0.5e9 < message.at_ns < blind_at_ns
    ]
    assert counts == []
    await daemon.until(lambda: daemon.health["state"] == "ok")
    daemon.assert_the_broker_noticed_nothing()
