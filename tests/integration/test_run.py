"""The daemon against a real broker, with workers that are really stopped and killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from edgedet.outputs.payloads import json_schema
from edgedet.settings.model_choice import BUNDLED_MODEL
from integration.broker import Broker, Subscriber, eventually, free_port
from integration.edgedet_process import RunningDaemon, run_edgedet
from rtsp import serving

LIVE = "{type: synthetic, size: [320, 240], fps: 20}"


def write_config(folder: Path, port: int, *, source: str = LIVE, camera: str = "", detector: str = "") -> Path:
    config = folder / "edgedet.yaml"
    config.write_text(
        f"version: 1\n"
        f"device: dev\n"
        f"state_dir: {folder / 'state'}\n"
        f"mqtt: {{url: 'mqtt://127.0.0.1:{port}', stats_interval_s: 1}}\n"
        f"detector: {{model: {BUNDLED_MODEL}, accelerators: [cpu], deadline_s: 0.5{detector}}}\n"
        f"cameras:\n"
        f"  porch:\n"
        f"    source: {source}\n"
        f"    detect: {{fps: 20, min_score: 0.3}}\n"
        f"    publish: {{detections: all}}\n{camera}"
    )
    return config


def bodies(subscriber: Subscriber, topic: str) -> list[dict[str, Any]]:
    return [json.loads(payload) for payload in subscriber.of(topic)]


@cache
def validator_of(kind: str) -> Draft202012Validator:
    """Made once: a schema is read out of the source of its classes, and there are hundreds of messages."""
    return Draft202012Validator(json_schema(kind))


def validate_everything(subscriber: Subscriber) -> None:
    """Each JSON message against the schema of its kind."""
    for message in list(subscriber.messages):
        kind = message.topic.rsplit("/", 1)[-1]
        if kind in {"detections", "health", "stats"}:
            validator_of(kind).validate(json.loads(message.payload))


async def test_the_daemon_publishes_what_the_contract_says_and_leaves_cleanly(broker: Broker, tmp_path: Path) -> None:
    with Subscriber(broker.port) as heard, RunningDaemon(write_config(tmp_path, broker.port), tmp_path / "log") as run:
        await heard.until(lambda: len(heard.of("edgedet/dev/porch/detections")) >= 20)
        await heard.until(lambda: heard.last("edgedet/dev/porch/state") == b"watching")
        await heard.until(lambda: bodies(heard, "edgedet/dev/health")[-1]["state"] == "ok")
        await heard.until(lambda: bool(bodies(heard, "edgedet/dev/stats")))
        await heard.until(lambda: bool(bodies(heard, "edgedet/dev/stats")[-1]["cameras"]["porch"]["processed_fps"]))
        assert heard.last("edgedet/dev/availability") == b"online"
        assert heard.last("edgedet/dev/porch/detect/state") == b"ON"
        assert heard.last("edgedet/dev/porch/min_score/state") == b"0.3"
        assert heard.last("edgedet/dev/porch/objects/person") is not None
        assert run.stop() == 0
        await heard.until(lambda: heard.last("edgedet/dev/availability") == b"offline")
        validate_everything(heard)
        seen = bodies(heard, "edgedet/dev/porch/detections")
        stats = bodies(heard, "edgedet/dev/stats")[-1]
    frames = [body["frame"] for body in seen]
    assert frames == sorted(set(frames))
    assert {body["backend"] for body in seen} == {"cpu"}
    assert all(0 < body["inference_ms"] < body["latency_ms"] for body in seen)
    assert stats["cameras"]["porch"]["processed_fps"] > 0
    assert stats["process"]["workers"] == 2
    assert "Traceback" not in run.log


async def test_a_detector_that_hangs_is_replaced_and_meanwhile_the_camera_is_blind_and_its_count_stays(
    broker: Broker, tmp_path: Path
) -> None:
    with Subscriber(broker.port) as heard, RunningDaemon(write_config(tmp_path, broker.port), tmp_path / "log") as run:
        await heard.until(lambda: heard.last("edgedet/dev/porch/state") == b"watching")
        hung = run.worker("detector_child")
        count = heard.last("edgedet/dev/porch/objects/all")
        told = len(heard.of("edgedet/dev/porch/objects/all"))
        os.kill(hung, signal.SIGSTOP)
        await heard.until(lambda: heard.last("edgedet/dev/porch/state") == b"blind")
        changes = heard.of("edgedet/dev/porch/objects/all")[told:]
        await heard.until(lambda: heard.last("edgedet/dev/porch/state") == b"watching")
        await heard.until(
            lambda: (
                any(
                    reason["code"] == "detector_down"
                    for body in bodies(heard, "edgedet/dev/health")
                    for reason in body["reasons"]
                )
                or bodies(heard, "edgedet/dev/health")[-1]["detector"]["restarts"] == 1
            )
        )
        assert run.worker("detector_child") != hung
        assert run.stop() == 0
        validate_everything(heard)
    # Frames that were answered before the stop may still change it; blindness itself says nothing about the count.
    assert all(change != b"" for change in changes)
    assert count is not None


async def test_a_camera_that_stops_is_blind_within_its_limit_keeps_its_count_and_comes_back(
    broker: Broker, tmp_path: Path
) -> None:
    with Subscriber(broker.port) as heard, RunningDaemon(write_config(tmp_path, broker.port), tmp_path / "log") as run:
        # Not before: a health holds for 2 s, and the camera may be back before the next one is due.
        await heard.until(lambda: [body["state"] for body in bodies(heard, "edgedet/dev/health")][-1:] == ["ok"])
        stopped = run.worker("camera_child")
        stopped_at = time.monotonic_ns()
        os.kill(stopped, signal.SIGSTOP)
        await heard.until(lambda: heard.last("edgedet/dev/porch/state") == b"blind")
        blind = [m for m in heard.messages if m.topic == "edgedet/dev/porch/state" and m.payload == b"blind"][-1]
        assert (blind.at_ns - stopped_at) / 1e9 < 5.0
        counts = [
            m
            for m in heard.messages
            if m.topic == "edgedet/dev/porch/objects/all" and stopped_at + 10**9 < m.at_ns < blind.at_ns
        ]
        assert counts == []
        await heard.until(lambda: heard.last("edgedet/dev/porch/state") == b"watching")
        assert run.worker("camera_child") != stopped
        codes = {reason["code"] for body in bodies(heard, "edgedet/dev/health") for reason in body["reasons"]}
        assert "camera_stalled" in codes
        assert run.stop() == 0


async def test_an_rtsp_camera_that_freezes_is_blind_and_is_connected_to_again_when_it_answers(
    broker: Broker, tmp_path: Path
) -> None:
    with serving() as server:
        config = write_config(tmp_path, broker.port, source=f"{{type: rtsp, url: '{server.url}'}}")
        with Subscriber(broker.port) as heard, RunningDaemon(config, tmp_path / "log") as run:
            await heard.until(lambda: heard.last("edgedet/dev/porch/state") == b"watching")
            server.process.send_signal(signal.SIGSTOP)
            await heard.until(lambda: heard.last("edgedet/dev/porch/state") == b"blind")
            server.process.send_signal(signal.SIGCONT)
            await heard.until(lambda: heard.last("edgedet/dev/porch/state") == b"watching")
            frames = [body["frame"] for body in bodies(heard, "edgedet/dev/porch/detections")]
            assert frames == sorted(set(frames))
            assert run.stop() == 0


async def test_detection_goes_on_while_the_broker_is_away_and_states_are_told_again_after_it(
    broker: Broker, tmp_path: Path
) -> None:
    with RunningDaemon(write_config(tmp_path, broker.port), tmp_path / "log") as run:
        with Subscriber(broker.port) as heard:
            await heard.until(lambda: len(heard.of("edgedet/dev/porch/detections")) >= 3)
            before = bodies(heard, "edgedet/dev/porch/detections")[-1]["frame"]
        broker.kill()
        await asyncio.sleep(1.5)
        broker.start()
        with Subscriber(broker.port) as heard:
            await heard.until(lambda: len(heard.of("edgedet/dev/porch/detections")) >= 3)
            after = bodies(heard, "edgedet/dev/porch/detections")[0]["frame"]
            await heard.until(lambda: heard.last("edgedet/dev/availability") == b"online")
            await heard.until(lambda: heard.last("edgedet/dev/porch/state") == b"watching")
            await heard.until(lambda: bool(heard.of("edgedet/dev/health")))
        # 20 frames a second for a second and a half: they were looked at although nobody could be told.
        assert after - before >= 20
        assert run.stop() == 0
        assert "broker_unreachable" in run.log


async def test_without_any_broker_the_daemon_watches_says_so_once_and_stops_cleanly(tmp_path: Path) -> None:
    port = free_port()
    with RunningDaemon(write_config(tmp_path, port), tmp_path / "log") as run:
        await eventually(lambda: "broker_unreachable" in run.log and "starting is over" in run.log, lambda: run.log)
        assert run.stop() == 0
    (told,) = [line for line in run.log.splitlines() if f"127.0.0.1:{port}" in line]
    assert told.startswith("WARNING broker: broker_unreachable: ")
    assert "Traceback" not in run.log


async def test_detection_is_switched_off_and_on_by_command_and_a_restart_remembers_it(
    broker: Broker, tmp_path: Path
) -> None:
    config = write_config(tmp_path, broker.port)
    with Subscriber(broker.port) as heard, RunningDaemon(config, tmp_path / "log") as run:
        await heard.until(lambda: heard.last("edgedet/dev/porch/state") == b"watching")
        heard.publish("edgedet/dev/porch/detect/set", "OFF")
        await heard.until(lambda: heard.last("edgedet/dev/porch/state") == b"off")
        await heard.until(lambda: heard.last("edgedet/dev/porch/detect/state") == b"OFF")
        heard.publish("edgedet/dev/porch/min_score/set", "0.9")
        await heard.until(lambda: heard.last("edgedet/dev/porch/min_score/state") == b"0.9")
        assert run.stop() == 0
    with Subscriber(broker.port) as heard, RunningDaemon(config, tmp_path / "log2") as run:
        # The retained state is the former daemon's; this one is there when it says so.
        await heard.until(lambda: heard.last("edgedet/dev/availability") == b"online")
        await heard.until(lambda: heard.last("edgedet/dev/porch/state") == b"off")
        assert heard.of("edgedet/dev/porch/detect/state")[-1] == b"OFF"
        assert heard.of("edgedet/dev/porch/min_score/state")[-1] == b"0.9"
        heard.publish("edgedet/dev/porch/detect/set", "ON")
        await heard.until(lambda: heard.last("edgedet/dev/porch/state") == b"watching")
        assert run.stop() == 0


async def test_the_detector_is_replaced_by_command_and_the_answer_carries_the_question_s_id(
    broker: Broker, tmp_path: Path
) -> None:
    with Subscriber(broker.port) as heard, RunningDaemon(write_config(tmp_path, broker.port), tmp_path / "log") as run:
        await heard.until(lambda: heard.last("edgedet/dev/porch/state") == b"watching")
        before = run.worker("detector_child")
        heard.publish("edgedet/dev/cmd/restart_detector", json.dumps({"id": "q1"}))
        await heard.until(lambda: bool(heard.of("edgedet/dev/cmd/restart_detector/result")))
        answer = bodies(heard, "edgedet/dev/cmd/restart_detector/result")[0]
        assert (answer["id"], answer["ok"]) == ("q1", True)
        await heard.until(lambda: bodies(heard, "edgedet/dev/health")[-1]["detector"]["restarts"] == 1)
        assert run.worker("detector_child") != before
        assert run.stop() == 0


async def test_a_missing_model_makes_the_daemon_blind_and_is_taken_when_it_comes(
    broker: Broker, tmp_path: Path
) -> None:
    config = write_config(tmp_path, broker.port)
    later = tmp_path / "later.tflite"
    config.write_text(config.read_text().replace(str(BUNDLED_MODEL), str(later)))
    with Subscriber(broker.port) as heard, RunningDaemon(config, tmp_path / "log") as run:
        await heard.until(lambda: bool(heard.of("edgedet/dev/health")))
        await heard.until(lambda: bodies(heard, "edgedet/dev/health")[-1]["state"] == "blind")
        (reason,) = bodies(heard, "edgedet/dev/health")[-1]["reasons"]
        assert reason["code"] == "model_missing"
        assert str(later) in reason["message"]
        later.write_bytes(BUNDLED_MODEL.read_bytes())
        await heard.until(lambda: heard.last("edgedet/dev/porch/state") == b"watching")
        assert run.stop() == 0
        validate_everything(heard)


def test_when_every_source_was_finite_and_has_ended_so_does_the_daemon(broker: Broker, tmp_path: Path) -> None:
    config = write_config(tmp_path, broker.port, source="{type: synthetic, frames: 10, size: [320, 240]}")
    with Subscriber(broker.port) as heard:
        done = run_edgedet("run", "-c", config)
        seen = bodies(heard, "edgedet/dev/porch/detections")
    assert (done.code, done.out) == (0, "")
    assert [body["frame"] for body in seen] == list(range(10))
    assert heard.last("edgedet/dev/porch/state") == b"off"


async def test_an_absent_camera_is_a_state_and_not_an_end(broker: Broker, tmp_path: Path) -> None:
    config = write_config(tmp_path, broker.port, source="{type: video, path: /no/such/clip.mp4}")
    with Subscriber(broker.port) as heard, RunningDaemon(config, tmp_path / "log") as run:
        await heard.until(lambda: heard.last("edgedet/dev/porch/state") == b"blind")
        await heard.until(
            lambda: any(
                reason["code"] == "camera_absent"
                for body in bodies(heard, "edgedet/dev/health")
                for reason in body["reasons"]
            )
        )
        assert run.child.poll() is None
        assert run.stop() == 0


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        ("fps: 20,", "fpss: 20,", r"edgedet.yaml:9:14: cameras.porch.detect.fpss"),
        ("min_score: 0.3", "min_score: high", r"edgedet.yaml:9:34: cameras.porch.detect.min_score"),
        ("  porch:", "\tporch:", r"edgedet.yaml:7:1"),
        (str(BUNDLED_MODEL), __file__, r"edgedet.yaml:5:19: detector.model"),
    ],
    ids=["unknown key", "wrong type", "tabs", "a model that is none"],
)
def test_a_wrong_configuration_ends_with_78_and_its_place(
    tmp_path: Path, before: str, after: str, complaint: str
) -> None:
    config = write_config(tmp_path, 1)
    config.write_text(config.read_text().replace(before, after))
    done = run_edgedet("run", "-c", config)
    assert done.code == 78
    assert complaint in done.err
    assert "Traceback" not in done.err
