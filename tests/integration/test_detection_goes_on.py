"""Detection never waits for the broker: a frozen one costs no frames."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from edgedet.app.daemon import Daemon
from edgedet.settings import load_settings
from edgedet.settings.model_choice import BUNDLED_MODEL
from integration.broker import Broker, eventually

FPS = 15


@pytest.mark.parametrize("away", ["frozen", "killed"])
async def test_the_rate_of_detection_stays_while_the_broker_is(away: str, tmp_path: Path) -> None:
    config = tmp_path / "edgedet.yaml"
    with Broker(tmp_path) as broker:
        config.write_text(
            f"version: 1\ndevice: dev\nstate_dir: {tmp_path / 'state'}\n"
            f"mqtt: {{url: 'mqtt://127.0.0.1:{broker.port}', keepalive_s: 2}}\n"
            f"detector: {{model: {BUNDLED_MODEL}, accelerators: [cpu]}}\n"
            "cameras:\n  porch:\n"
            f"    source: {{type: synthetic, size: [320, 240], fps: {FPS}}}\n"
            f"    detect: {{fps: {FPS}}}\n    publish: {{detections: all}}\n"
        )
        seen: list[str] = []
        daemon = Daemon(load_settings(config), on_seen=lambda camera, _seen: seen.append(camera))
        work = asyncio.create_task(daemon.run())
        try:
            await eventually(lambda: len(seen) > FPS and daemon.mqtt.status.connected)
            before = await counted(seen)
            broker.freeze() if away == "frozen" else broker.kill()
            during = await counted(seen)
            if away == "frozen":
                broker.thaw()
            assert during >= 0.95 * before, f"{during} frames after {before}, load {os.getloadavg()[0]:.1f}"
        finally:
            daemon.stop()
            await asyncio.wait_for(work, 20)


async def counted(seen: list[str]) -> int:
    """Frames that are looked at in eight seconds."""
    first = len(seen)
    await asyncio.sleep(8)
    return len(seen) - first
