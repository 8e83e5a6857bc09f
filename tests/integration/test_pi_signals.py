"""The Pi's own signals in `stats` and `health` of a daemon, from a tree in the place of /proc and /sys."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from edgedet.accelerators.devices import find
from edgedet.app import daemon as daemon_module
from edgedet.app.edgetpu_watch import EdgeTpuWatch
from edgedet.service.machine import SystemMeter
from edgedet.settings import load_settings
from edgedet.settings.model_choice import BUNDLED_MODEL
from integration.broker import Broker, Subscriber, eventually

ALARM = "sys/class/hwmon/hwmon1/in0_lcrit_alarm"
SIGNALS = {
    ALARM: "1\n",
    "sys/class/hwmon/hwmon1/name": "rpi_volt\n",
    "proc/net/wireless": "a\nb\n wlan0: 0000   20.  -84.  -256  0 0\n",
    "sys/class/apex/apex_0/temp": "91000\n",
    "sys/class/apex/apex_1/temp": "-87900\n",
    "dev/apex_0": "",
    "dev/apex_1": "",
}


def put(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


async def test_weak_power_weak_wifi_and_edge_tpus_that_are_hot_or_faulty_are_told_while_the_camera_watches(
    broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "root"
    put(root, SIGNALS)
    monkeypatch.setattr(daemon_module, "SystemMeter", partial(SystemMeter, root=root))
    monkeypatch.setattr(daemon_module, "EdgeTpuWatch", partial(EdgeTpuWatch, look=partial(find, root)))
    config = tmp_path / "edgedet.yaml"
    config.write_text(
        f"version: 1\ndevice: dev\nstate_dir: {tmp_path / 'state'}\n"
        # The first `stats` comes after two seconds, well after the first look at the machine.
        f"mqtt: {{url: 'mqtt://127.0.0.1:{broker.port}', stats_interval_s: 20}}\ndetector: {{model: {BUNDLED_MODEL}}}\n"
        "cameras: {porch: {source: {type: synthetic, size: [320, 240], fps: 10}}}\n"
    )
    wanted = {"undervoltage", "wifi_weak", "edgetpu_hot", "edgetpu_faulty"}
    with Subscriber(broker.port) as heard:
        daemon = daemon_module.Daemon(load_settings(config))
        work = asyncio.create_task(daemon.run())
        try:
            await eventually(lambda: wanted <= {reason.code for reason in daemon.board.health.reasons})
            put(root, {ALARM: "0\n"})
            await eventually(lambda: bool(heard.of("edgedet/dev/stats")))
            await heard.until(lambda: heard.last("edgedet/dev/porch/state") in (b"watching", b"degraded"))
            await heard.until(lambda: _told(heard)["state"] == "degraded")
        finally:
            daemon.stop()
            await asyncio.wait_for(work, 20)
    assert wanted <= {reason["code"] for reason in _told(heard)["reasons"]}
    # Who told `health` of it has seen it for `stats` too.
    power = json.loads(heard.of("edgedet/dev/stats")[0])["system"]
    assert (power["undervoltage"], power["undervoltage_since_boot"]) == (False, True)


def _told(heard: Subscriber) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(heard.of("edgedet/dev/health")[-1])
    return told
