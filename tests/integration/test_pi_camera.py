"""The daemon with a Pi's camera that is absent at boot, comes, hangs, and comes again; picamera2 is scripted."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import scripted_camera
from edgedet.settings.model_choice import BUNDLED_MODEL
from integration.broker import Broker, Subscriber
from integration.edgedet_process import RunningDaemon
from scripted_camera import Script


def write_config(folder: Path, port: int) -> Path:
    python = scripted_camera.interpreter(folder)
    config = folder / "edgedet.yaml"
    config.write_text(
        "version: 1\n"
        "device: dev\n"
        f"state_dir: {folder / 'state'}\n"
        f"mqtt: {{url: 'mqtt://127.0.0.1:{port}', stats_interval_s: 1}}\n"
        f"detector: {{model: {BUNDLED_MODEL}, accelerators: [cpu]}}\n"
        "cameras:\n"
        "  porch: {source: {type: synthetic, size: [320, 240], fps: 10}}\n"
        f"  gate: {{source: {{type: picamera2, size: [640, 360], controls: {{AfMode: Auto}}, python: {python}}}}}\n"
    )
    return config


def health(heard: Subscriber) -> dict[str, Any]:
    told = heard.of("edgedet/dev/health")
    body: dict[str, Any] = json.loads(told[-1]) if told else {"state": "", "reasons": []}
    return body


def codes(heard: Subscriber) -> list[tuple[str, str]]:
    return [(reason["component"], reason["code"]) for reason in health(heard)["reasons"]]


async def test_a_pi_camera_is_told_honestly_through_absence_and_hanging_while_the_daemon_goes_on(
    broker: Broker, tmp_path: Path, script: Script
) -> None:
    script.say(cameras=[])
    config = write_config(tmp_path, broker.port)
    with Subscriber(broker.port) as heard, RunningDaemon(config, tmp_path / "log") as run:
        await heard.until(lambda: codes(heard) == [("gate", "camera_absent")])
        await heard.until(lambda: heard.last("edgedet/dev/porch/state") == b"watching")
        assert health(heard)["state"] == "degraded"
        assert health(heard)["reasons"][0]["message"].startswith("no camera is found by libcamera. Look at the cable")
        assert heard.last("edgedet/dev/gate/state") == b"blind"

        script.say(cameras=[{"Model": "imx708", "Id": "x", "Num": 0}])
        await heard.until(lambda: heard.last("edgedet/dev/gate/state") == b"watching")
        await heard.until(lambda: health(heard)["state"] == "ok")

        script.say(silent=True, stop_blocks=True)
        hung = time.monotonic()
        await heard.until(lambda: ("gate", "camera_stalled") in codes(heard))
        # Noticed within 3 s; a state is told when it has held for 2 s.
        assert time.monotonic() - hung < 6.5
        assert heard.last("edgedet/dev/porch/state") == b"watching"

        script.say(silent=False, stop_blocks=False)
        await heard.until(lambda: heard.last("edgedet/dev/gate/state") == b"watching")
        assert time.monotonic() - hung < 15
        assert run.child.poll() is None
        assert run.stop() == 0
