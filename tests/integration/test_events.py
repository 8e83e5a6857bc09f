"""Events of the daemon over a real broker: lives, counts, zones, lines, restarts."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from edgedet.outputs.payloads import json_schema
from edgedet.settings.model_choice import BUNDLED_MODEL
from integration.broker import Broker, Subscriber, eventually
from integration.edgedet_process import RunningDaemon

BASE = "edgedet/dev/street"
CONFIG = """
version: 1
device: dev
state_dir: STATE
mqtt: {url: "mqtt://127.0.0.1:PORT", stats_interval_s: 1}
detector: {model: MODEL, accelerators: [cpu]}
cameras:
  street:
    source: {type: synthetic, size: [640, 480], fps: 15}
    detect: {fps: 15, objects: {person: {}, car: {}}}
    snapshots: {enabled: SNAPSHOTS}
    zones:
      everywhere: {polygon: [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]], inertia_s: 0.1}
    lines:
      middle: {from: [0.5, 1.0], to: [0.5, 0.0]}
"""


def config_of(folder: Path, broker: Broker, *, snapshots: bool = False) -> Path:
    config = folder / "edgedet.yaml"
    text = CONFIG.replace("STATE", str(folder / "state")).replace("PORT", str(broker.port))
    config.write_text(text.replace("MODEL", str(BUNDLED_MODEL)).replace("SNAPSHOTS", str(snapshots).lower()))
    return config


def events(heard: Subscriber) -> list[dict[str, Any]]:
    return [json.loads(payload) for payload in heard.of(f"{BASE}/events")]


def of_kind(heard: Subscriber, kind: str) -> list[dict[str, Any]]:
    return [event for event in events(heard) if event["type"] == kind]


def count(heard: Subscriber, topic: str) -> int:
    told = heard.of(f"{BASE}/{topic}")
    return int(told[-1]) if told else 0


async def test_lives_are_told_with_zones_lines_and_counts_that_agree(broker: Broker, tmp_path: Path) -> None:
    with Subscriber(broker.port) as heard, RunningDaemon(config_of(tmp_path, broker), tmp_path / "log"):
        for kind in ("end", "line_cross"):
            await eventually(lambda kind=kind: bool(of_kind(heard, kind)), lambda: f"told: {events(heard)}")
        told = events(heard)
        validator = Draft202012Validator(json_schema("event"))
        for event in told:
            validator.validate(event)
        assert [event["seq"] for event in told] == list(range(1, len(told) + 1))
        assert not any(event["replayed"] for event in told)
        assert max(event["age_s"] for event in told) < 2.0
        ended = of_kind(heard, "end")[0]
        life = [event["type"] for event in told if event["id"] == ended["id"]]
        assert life[0] == "new"
        assert "zone_enter" in life
        assert life[-2:] == ["zone_leave", "end"]
        crossing = of_kind(heard, "line_cross")[0]
        assert count(heard, f"lines/middle/{crossing['direction']}") >= 1
        there = {event["id"] for event in told if event["type"] == "new"} - {
            event["id"] for event in told if event["type"] == "end"
        }
        await eventually(lambda: abs(count(heard, "objects/all") - len(there)) <= 1)
        detections = [json.loads(payload) for payload in heard.of(f"{BASE}/detections")]
        tracked = {found["track_id"] for message in detections for found in message["detections"]}
        assert {event["track_id"] for event in told} <= tracked


async def test_a_clean_stop_ends_what_is_open_and_the_numbers_go_on_after_it(broker: Broker, tmp_path: Path) -> None:
    config = config_of(tmp_path, broker)
    with Subscriber(broker.port) as heard:
        with RunningDaemon(config, tmp_path / "log") as daemon:
            await eventually(lambda: count(heard, "objects/all") > 0 and bool(of_kind(heard, "new")))
            daemon.child.send_signal(signal.SIGTERM)
            await eventually(lambda: daemon.child.poll() is not None)
        await eventually(lambda: heard.of("edgedet/dev/availability")[-1:] == [b"offline"])
        first = events(heard)
        opened = {event["id"] for event in first if event["type"] == "new"}
        assert opened == {event["id"] for event in first if event["type"] == "end"}
        assert "restart" in {event["end_reason"] for event in first}
        with RunningDaemon(config, tmp_path / "log2"):
            await eventually(lambda: len(events(heard)) > len(first))
        numbers = [event["seq"] for event in events(heard)]
        assert numbers == sorted(set(numbers))


async def test_what_a_killed_daemon_left_open_is_ended_by_the_next(broker: Broker, tmp_path: Path) -> None:
    config = config_of(tmp_path, broker)
    with Subscriber(broker.port) as heard:
        with RunningDaemon(config, tmp_path / "log") as daemon:
            await eventually(lambda: bool(of_kind(heard, "new")))
            # A life that has lasted some seconds is on disk.
            await asyncio.sleep(4)
            left = {event["id"] for event in of_kind(heard, "new")} - {event["id"] for event in of_kind(heard, "end")}
            old = {event["id"] for event in of_kind(heard, "new")[:1]} & left
            daemon.child.kill()
            await eventually(lambda: daemon.child.poll() is not None)
            with RunningDaemon(config, tmp_path / "log2"):
                await eventually(lambda: any(event["end_reason"] == "restart" for event in of_kind(heard, "end")))
                await eventually(
                    lambda: old <= {event["id"] for event in of_kind(heard, "end") if event["end_reason"] == "restart"}
                )
        ids = [event["id"] for event in of_kind(heard, "end")]
        assert len(ids) == len(set(ids))


async def test_switching_detection_off_ends_what_is_there_with_that_reason(broker: Broker, tmp_path: Path) -> None:
    with Subscriber(broker.port) as heard, RunningDaemon(config_of(tmp_path, broker), tmp_path / "log"):
        await eventually(lambda: bool(of_kind(heard, "new")))
        heard.publish(f"{BASE}/detect/set", b"OFF")
        await eventually(lambda: heard.of(f"{BASE}/state")[-1] == b"off")
        await eventually(lambda: "off" in {event["end_reason"] for event in of_kind(heard, "end")})


async def test_the_picture_of_an_event_is_there_before_the_event_that_names_it(broker: Broker, tmp_path: Path) -> None:
    config = config_of(tmp_path, broker, snapshots=True)
    with Subscriber(broker.port) as heard, RunningDaemon(config, tmp_path / "log"):
        await eventually(lambda: any(event["snapshot"] for event in of_kind(heard, "new")))
        named = next(event for event in of_kind(heard, "new") if event["snapshot"])
        assert named["snapshot"] == f"{BASE}/snapshot/{named['label']}"
        order = [message.topic for message in heard.messages]
        assert order.index(named["snapshot"]) < order.index(f"{BASE}/events")
        picture = heard.of(named["snapshot"])[0]
        assert picture[:3] == b"\xff\xd8\xff"
        heard.publish("edgedet/dev/cmd/snapshot", json.dumps({"camera": "street", "id": "a1"}).encode())
        await eventually(lambda: bool(heard.of("edgedet/dev/cmd/snapshot/result")))
        answer = json.loads(heard.of("edgedet/dev/cmd/snapshot/result")[0])
        assert (answer["id"], answer["ok"]) == ("a1", True)
        assert heard.of(f"{BASE}/snapshot/all")
        await eventually(lambda: len(list((tmp_path / "state/snapshots/street").glob("*.jpg"))) >= 2)
