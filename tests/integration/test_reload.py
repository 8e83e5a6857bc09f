"""SIGHUP: another configuration is taken while the daemon works, or refused with its line."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgedet.settings.model_choice import BUNDLED_MODEL
from integration.broker import Broker, Subscriber, eventually
from integration.edgedet_process import RunningDaemon

SYNTHETIC = "{type: synthetic, size: [320, 240], fps: 10}"


class Configured:
    """A daemon with its configuration file."""

    def __init__(self, folder: Path, broker: Broker, heard: Subscriber) -> None:
        self.file = folder / "edgedet.yaml"
        self.heard = heard
        self.head = (
            f"version: 1\ndevice: dev\nstate_dir: {folder / 'state'}\n"
            f"mqtt: {{url: 'mqtt://127.0.0.1:{broker.port}'}}\n"
            f"detector: {{model: {BUNDLED_MODEL}, accelerators: [cpu]}}\ncameras:\n"
        )

    def write(self, **cameras: str) -> None:
        body = "".join(f"  {name}: {{source: {SYNTHETIC}{rest}}}\n" for name, rest in cameras.items())
        self.file.write_text(self.head + body)

    def state(self, camera: str) -> str | None:
        told = self.heard.of(f"edgedet/dev/{camera}/state")
        return told[-1].decode() if told else None

    def setting(self, camera: str) -> str | None:
        told = self.heard.of(f"edgedet/dev/{camera}/min_score/state")
        return told[-1].decode() if told else None

    def codes(self) -> set[str]:
        told = self.heard.of("edgedet/dev/health")
        return {reason["code"] for reason in json.loads(told[-1])["reasons"]} if told else set()


@pytest.fixture
def configured(broker: Broker, tmp_path: Path) -> Iterator[Configured]:
    with Subscriber(broker.port) as heard:
        yield Configured(tmp_path, broker, heard)


async def test_cameras_come_go_and_change_while_the_others_and_the_link_go_on(
    configured: Configured, broker: Broker, tmp_path: Path
) -> None:
    configured.write(kept="", gone="")
    with RunningDaemon(configured.file, tmp_path / "log") as daemon:
        await eventually(lambda: configured.state("kept") == configured.state("gone") == "watching")
        kept = daemon.workers("camera_child")
        configured.write(kept=", detect: {min_score: 0.7}", come="")
        daemon.child.send_signal(signal.SIGHUP)
        await eventually(lambda: configured.state("come") == "watching")
        await eventually(lambda: configured.setting("kept") == "0.7")
        await eventually(lambda: configured.state("gone") == "")
        still = daemon.workers("camera_child")
        assert len(set(kept) & set(still)) == 1
        assert configured.heard.of("edgedet/dev/availability") == [b"online"]
    with Subscriber(broker.port) as later:
        await eventually(lambda: later.of("edgedet/dev/come/state") != [])
        assert not [message.topic for message in later.messages if "/gone/" in message.topic]


async def test_a_camera_with_another_source_gets_another_worker(configured: Configured, tmp_path: Path) -> None:
    configured.write(porch="")
    with RunningDaemon(configured.file, tmp_path / "log") as daemon:
        await eventually(lambda: configured.state("porch") == "watching")
        before = daemon.worker("camera_child")
        configured.file.write_text(configured.file.read_text().replace("[320, 240]", "[640, 480]"))
        daemon.child.send_signal(signal.SIGHUP)
        await eventually(lambda: daemon.workers("camera_child") not in ([], [before]))
        await eventually(lambda: b'"width":640' in configured.heard.of("edgedet/dev/porch/detections")[-1])


async def test_a_wrong_file_is_refused_with_its_line_and_the_old_one_stays(
    configured: Configured, tmp_path: Path
) -> None:
    configured.write(porch="")
    with RunningDaemon(configured.file, tmp_path / "log") as daemon:
        await eventually(lambda: configured.state("porch") == "watching")
        before = daemon.workers("camera_child")
        configured.write(porch=", detect: {min_scor: 0.7}")
        daemon.child.send_signal(signal.SIGHUP)
        await eventually(lambda: "config_rejected" in configured.codes())
        assert f"{configured.file}:7:" in daemon.log
        assert daemon.workers("camera_child") == before
        configured.write(porch="")
        daemon.child.send_signal(signal.SIGHUP)
        await eventually(lambda: "config_rejected" not in configured.codes())


async def test_what_needs_a_restart_is_named(configured: Configured, tmp_path: Path) -> None:
    configured.write(porch="")
    with RunningDaemon(configured.file, tmp_path / "log") as daemon:
        await eventually(lambda: configured.state("porch") == "watching")
        configured.file.write_text(configured.file.read_text().replace("device: dev", "device: other"))
        daemon.child.send_signal(signal.SIGHUP)
        await eventually(lambda: "device has changed" in daemon.log)
        await eventually(lambda: "read again" in daemon.log)
