"""The daemon on a software Edge TPU that is lost and comes back, against a real broker."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from edgedet.outputs.payloads import json_schema
from edgedet.settings.model_choice import BUNDLED_MODEL
from integration.broker import Broker, Subscriber
from integration.edgedet_process import RunningDaemon
from software_edgetpu.compiled import compiled_from
from software_edgetpu.library import SoftwareEdgeTpu
from software_edgetpu.twin import Twin

BASE = "edgedet/dev"


@pytest.fixture
def config(broker: Broker, edgetpu: SoftwareEdgeTpu, tmp_path: Path) -> Iterator[Path]:
    """A daemon's configuration; the Edge TPU computes what the bundled model does."""
    shutil.copy(BUNDLED_MODEL, tmp_path / "demo.tflite")
    compiled_from(BUNDLED_MODEL, tmp_path / "demo_edgetpu.tflite")
    file = tmp_path / "edgedet.yaml"
    file.write_text(
        f"version: 1\ndevice: dev\nstate_dir: {tmp_path / 'state'}\n"
        f"mqtt: {{url: 'mqtt://127.0.0.1:{broker.port}', stats_interval_s: 1}}\n"
        f"detector:\n  model: {tmp_path / 'demo.tflite'}\n  deadline_s: 0.5\n  load_deadline_s: 3\n  reprobe_s: 1\n"
        f"  edgetpu: {{library: {edgetpu.library}}}\n"
        f"cameras:\n  porch:\n    source: {{type: synthetic, size: [320, 240], fps: 10}}\n"
        f"    detect: {{fps: 5, min_score: 0.3}}\n    publish: {{detections: all}}\n"
    )
    with Twin(BUNDLED_MODEL) as twin:
        edgetpu.script(twin=twin.path)
        yield file


def health(heard: Subscriber) -> dict[str, Any]:
    payload = heard.last(f"{BASE}/health")
    body: dict[str, Any] = json.loads(payload) if payload else {"state": "", "reasons": [], "detector": {"backend": ""}}
    return body


def codes(heard: Subscriber) -> list[str]:
    return [reason["code"] for reason in health(heard)["reasons"]]


def stats(heard: Subscriber) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(heard.last(f"{BASE}/stats") or b"{}")
    return body


def workers(heard: Subscriber) -> int:
    return int(stats(heard)["process"]["workers"]) if stats(heard) else 0


def answered_by(heard: Subscriber, backend: str) -> Callable[[], bool]:
    """Whether a frame that is published from now on was looked at by that backend."""
    before = len(heard.of(f"{BASE}/porch/detections"))
    return lambda: any(
        json.loads(payload)["backend"] == backend for payload in heard.of(f"{BASE}/porch/detections")[before:]
    )


async def until_well_on_edgetpu(heard: Subscriber) -> None:
    await heard.until(lambda: health(heard)["state"] == "ok" and health(heard)["detector"]["backend"] == "edgetpu")
    await heard.until(answered_by(heard, "edgetpu"))


@pytest.mark.parametrize(("fault", "code"), [("hang", "edgetpu_hung"), ("abort", "edgetpu_crashed")])
async def test_the_cpu_takes_over_from_a_lost_edge_tpu_and_gives_it_back_when_it_answers_again(
    broker: Broker, config: Path, edgetpu: SoftwareEdgeTpu, tmp_path: Path, fault: str, code: str
) -> None:
    with Subscriber(broker.port) as heard, RunningDaemon(config, tmp_path / "log") as run:
        await until_well_on_edgetpu(heard)
        # The camera's worker and both detectors': the CPU's stands by.
        await heard.until(lambda: workers(heard) == 3)
        edgetpu.script(invoke=fault)
        await heard.until(answered_by(heard, "cpu"))
        await heard.until(lambda: health(heard)["state"] == "degraded" and codes(heard) == [code])
        assert health(heard)["detector"]["backend"] == "cpu"
        assert "the CPU answers" in health(heard)["reasons"][0]["message"]
        edgetpu.script(invoke="ok")
        await until_well_on_edgetpu(heard)
        assert health(heard)["detector"]["fallbacks"] == 1
        await heard.until(lambda: stats(heard)["detector"]["respawns"] >= 1)
        Draft202012Validator(json_schema("stats")).validate(stats(heard))
        assert set(heard.of(f"{BASE}/availability")) == {b"online"}
        assert b"blind" not in heard.of(f"{BASE}/porch/state")
        Draft202012Validator(json_schema("health")).validate(health(heard))
        assert run.stop() == 0
    assert len([line for line in run.log.splitlines() if code in line and "WARNING" in line]) == 1
    assert "the Edge TPU answers again" in run.log
    assert "Traceback" not in run.log


async def test_an_edge_tpu_that_comes_after_the_daemon_is_found(
    broker: Broker, config: Path, edgetpu: SoftwareEdgeTpu, tmp_path: Path
) -> None:
    edgetpu.unplug()
    with Subscriber(broker.port) as heard, RunningDaemon(config, tmp_path / "log") as run:
        await heard.until(lambda: health(heard)["state"] == "degraded" and codes(heard) == ["edgetpu_absent"])
        await heard.until(answered_by(heard, "cpu"))
        edgetpu.plug_in("usb:0")
        await until_well_on_edgetpu(heard)
        assert health(heard)["detector"]["fallbacks"] == 0
        assert health(heard)["detector"]["model"] == "demo_edgetpu.tflite"
        assert run.stop() == 0


async def test_a_model_without_a_file_for_the_cpu_runs_on_the_edge_tpu_alone_and_is_blind_without_it(
    broker: Broker, config: Path, edgetpu: SoftwareEdgeTpu, tmp_path: Path
) -> None:
    (tmp_path / "demo.tflite").unlink()
    config.write_text(config.read_text().replace("demo.tflite", "demo_edgetpu.tflite"))
    with Subscriber(broker.port) as heard, RunningDaemon(config, tmp_path / "log") as run:
        await until_well_on_edgetpu(heard)
        edgetpu.unplug()
        edgetpu.script(invoke="abort")
        await heard.until(lambda: health(heard)["state"] == "blind" and "edgetpu_absent" in codes(heard))
        edgetpu.plug_in("usb:0")
        edgetpu.script(invoke="ok")
        await until_well_on_edgetpu(heard)
        assert run.stop() == 0


async def test_a_file_for_the_cpu_that_comes_later_stands_in_without_a_restart(
    broker: Broker, config: Path, edgetpu: SoftwareEdgeTpu, tmp_path: Path
) -> None:
    plain, kept = tmp_path / "demo.tflite", tmp_path / "kept"
    plain.rename(kept)
    config.write_text(config.read_text().replace("demo.tflite", "demo_edgetpu.tflite"))
    with Subscriber(broker.port) as heard, RunningDaemon(config, tmp_path / "log") as run:
        await until_well_on_edgetpu(heard)
        kept.rename(plain)
        await heard.until(lambda: workers(heard) == 3)
        edgetpu.script(invoke="abort")
        await heard.until(answered_by(heard, "cpu"))
        assert b"blind" not in heard.of(f"{BASE}/porch/state")
        edgetpu.script(invoke="ok")
        await until_well_on_edgetpu(heard)
        assert run.stop() == 0


async def test_a_compiled_file_that_comes_later_puts_the_daemon_on_the_edge_tpu_without_a_restart(
    broker: Broker, config: Path, tmp_path: Path
) -> None:
    compiled, kept = tmp_path / "demo_edgetpu.tflite", tmp_path / "kept"
    compiled.rename(kept)
    with Subscriber(broker.port) as heard, RunningDaemon(config, tmp_path / "log") as run:
        await heard.until(answered_by(heard, "cpu"))
        await heard.until(lambda: codes(heard) == ["edgetpu_absent"])
        assert "There is no demo_edgetpu.tflite" in health(heard)["reasons"][0]["message"]
        assert workers(heard) <= 2
        kept.rename(compiled)
        await until_well_on_edgetpu(heard)
        assert health(heard)["detector"]["model"] == "demo_edgetpu.tflite"
        assert run.stop() == 0
