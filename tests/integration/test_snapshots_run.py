"""Snapshots of the whole daemon over a real broker: what is masked does not leave it, a broken disk costs no event."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgedet.settings.model_choice import BUNDLED_MODEL
from integration.broker import Broker, Subscriber, eventually
from integration.edgedet_process import RunningDaemon
from jpegs import decoded

BASE = "edgedet/dev/street"


def config_of(folder: Path, broker: Broker, camera: str) -> Path:
    config = folder / "edgedet.yaml"
    config.write_text(
        f"version: 1\n"
        f"device: dev\n"
        f"state_dir: {folder / 'state'}\n"
        f"mqtt: {{url: 'mqtt://127.0.0.1:{broker.port}', stats_interval_s: 1}}\n"
        f"detector: {{model: {BUNDLED_MODEL}, accelerators: [cpu]}}\n"
        f"cameras:\n"
        f"  street:\n"
        f"    source: {{type: synthetic, size: [640, 480], fps: 15}}\n"
        f"    detect: {{fps: 15, objects: {{person: {{}}, car: {{}}}}}}\n{camera}"
    )
    return config


def told(heard: Subscriber) -> list[dict[str, Any]]:
    return [json.loads(payload) for payload in heard.of(f"{BASE}/events")]


def codes(heard: Subscriber) -> set[str]:
    payload = heard.last("edgedet/dev/health")
    return {reason["code"] for reason in json.loads(payload)["reasons"]} if payload else set()


def pictures(heard: Subscriber) -> list[NDArray[np.uint8]]:
    payloads = [message.payload for message in heard.messages if message.topic.startswith(f"{BASE}/snapshot/")]
    return [decoded(payload) for payload in payloads]


async def test_a_masked_area_is_black_in_every_picture_that_leaves_the_device(broker: Broker, tmp_path: Path) -> None:
    camera = (
        "    snapshots: {enabled: true, boxes: false}\n    masks: [[[0.0, 0.0], [0.3, 0.0], [0.3, 1.0], [0.0, 1.0]]]\n"
    )
    with Subscriber(broker.port) as heard, RunningDaemon(config_of(tmp_path, broker, camera), tmp_path / "log"):
        await eventually(lambda: sum(bool(event["snapshot"]) for event in told(heard)) >= 3)
        heard.publish("edgedet/dev/cmd/snapshot", b'{"camera": "street"}')
        await eventually(lambda: bool(heard.of(f"{BASE}/snapshot/all")))
        seen = pictures(heard)
    for file in (tmp_path / "state/snapshots/street").glob("*.jpg"):
        seen.append(np.asarray(Image.open(file).convert("RGB")))
    assert len(seen) >= 3
    for picture in seen:
        assert picture.shape == (480, 640, 3)
        assert picture[:, : 192 - 16].max() <= 8
        assert picture[:, 208:].max() > 60


async def test_a_disk_that_takes_no_pictures_is_told_by_health_and_costs_neither_event_nor_picture(
    broker: Broker, tmp_path: Path
) -> None:
    in_the_way = tmp_path / "state/snapshots"
    in_the_way.parent.mkdir()
    in_the_way.write_text("not a folder")
    camera = "    snapshots: {enabled: true}\n"
    with Subscriber(broker.port) as heard, RunningDaemon(config_of(tmp_path, broker, camera), tmp_path / "log"):
        await eventually(lambda: any(event["snapshot"] for event in told(heard)))
        await eventually(lambda: "disk_full" in codes(heard), lambda: str(codes(heard)))
        in_the_way.unlink()
        await eventually(lambda: bool(list(in_the_way.glob("street/*.jpg"))))
        await eventually(lambda: "disk_full" not in codes(heard), lambda: str(codes(heard)))
