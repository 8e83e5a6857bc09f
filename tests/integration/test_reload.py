"""SIGHUP: another configuration is taken while the daemon works, or refused with its line."""

from __future__ import annotations

import json
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from edgedet.settings.model_choice import BUNDLED_MODEL
from integration.broker import Broker, Subscriber, eventually
from integration.edgedet_process import RunningDaemon
from integration.watched import Watched

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

    def detections(self, camera: str) -> list[list[dict[str, Any]]]:
        """Of each message, oldest first."""
        return [json.loads(told)["detections"] for told in self.heard.of(f"edgedet/dev/{camera}/detections")]

    def events(self, camera: str, kind: str) -> list[dict[str, Any]]:
        told = [json.loads(payload) for payload in self.heard.of(f"edgedet/dev/{camera}/events")]
        return [event for event in told if event["type"] == kind]

    def count(self, camera: str, topic: str) -> int | None:
        told = self.heard.last(f"edgedet/dev/{camera}/{topic}")
        return None if told is None else int(told)

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


class Reloading:
    """A daemon with the cameras `porch`, whose settings change, and `gate`, which stays as it is."""

    def __init__(self, configured: Configured, watched: Watched) -> None:
        self._configured = configured
        self._watched = watched

    async def to(self, porch: str) -> None:
        """Change the settings of `porch`; returns when the daemon has taken them."""
        write_both(self._configured, porch)
        self._watched.run.child.send_signal(signal.SIGHUP)
        await self.until(lambda: "1 changed, 0 removed" in self._watched.run.log)

    async def until(self, holds: Callable[[], bool]) -> None:
        await self._watched.until(holds)

    async def frames_more(self, count: int) -> None:
        """Until `porch` has told of so many frames more."""
        before = len(self._configured.detections("porch"))
        await self.until(lambda: len(self._configured.detections("porch")) >= before + count)


def write_both(configured: Configured, porch: str) -> None:
    tells_all = ", publish: {detections: all}"
    configured.write(porch=f"{tells_all}, {porch}", gate=tells_all)


@asynccontextmanager
async def beginning_with(porch: str, configured: Configured, broker: Broker, log: Path) -> AsyncIterator[Reloading]:
    """Both cameras watch; in the end the workers must be those of the beginning, `gate` and the link undisturbed."""
    write_both(configured, porch)
    with RunningDaemon(configured.file, log) as daemon:
        watched = Watched(broker, configured.heard, daemon)
        await watched.until(lambda: configured.state("porch") == configured.state("gate") == "watching")
        workers = sorted((*daemon.workers("camera_child"), *daemon.workers("detector_child")))
        states = len(configured.heard.of("edgedet/dev/gate/state"))
        frames = watched.looked("gate")
        yield Reloading(configured, watched)
        assert sorted((*daemon.workers("camera_child"), *daemon.workers("detector_child"))) == workers
        assert len(configured.heard.of("edgedet/dev/gate/state")) == states
        await watched.until(lambda: len(watched.looked("gate")) > len(frames) + 10)
        numbers = [each.frame for each in watched.looked("gate")]
        assert numbers == sorted(set(numbers))
        watched.assert_the_broker_noticed_nothing()


async def test_a_changed_threshold_decides_from_then_on_what_is_told(
    configured: Configured, broker: Broker, tmp_path: Path
) -> None:
    async with beginning_with("detect: {min_score: 1.0}", configured, broker, tmp_path / "log") as reloading:
        await reloading.frames_more(10)
        assert not any(configured.detections("porch"))
        assert configured.events("porch", "new") == []
        await reloading.to("detect: {min_score: 0.3}")
        await reloading.until(lambda: any(configured.detections("porch")))
        await reloading.until(lambda: configured.events("porch", "new") != [])
        await reloading.until(lambda: (configured.count("porch", "objects/all") or 0) > 0)


async def test_a_changed_zone_and_a_new_one_and_a_new_line_hold_from_then_on(
    configured: Configured, broker: Broker, tmp_path: Path
) -> None:
    nowhere, everywhere = "[[0, 0], [0.02, 0], [0, 0.02]]", "[[0, 0], [1, 0], [1, 1], [0, 1]]"
    before = f"zones: {{drive: {{polygon: {nowhere}}}}}"
    after = (
        f"zones: {{drive: {{polygon: {everywhere}, inertia_s: 0.1}}, yard: {{polygon: {nowhere}}}}}, "
        "lines: {roof: {from: [0, 0.02], to: [0.02, 0]}}"
    )
    async with beginning_with(before, configured, broker, tmp_path / "log") as reloading:
        await reloading.until(lambda: configured.events("porch", "new") != [])
        await reloading.until(lambda: configured.count("porch", "zones/drive/all") == 0)
        assert configured.events("porch", "zone_enter") == []
        known = {event["id"] for event in configured.events("porch", "new")}
        await reloading.to(after)
        await reloading.until(lambda: (configured.count("porch", "zones/drive/all") or 0) > 0)
        await reloading.until(lambda: configured.count("porch", "zones/yard/all") == 0)
        await reloading.until(lambda: configured.count("porch", "lines/roof/in") == 0)
        # Lives go on: what was there before is in the zone now.
        await reloading.until(
            lambda: any(
                (event["zone"], event["id"] in known) == ("drive", True)
                for event in configured.events("porch", "zone_enter")
            )
        )


async def test_changed_labels_are_the_only_ones_that_are_looked_for_from_then_on(
    configured: Configured, broker: Broker, tmp_path: Path
) -> None:
    def labels() -> list[set[str]]:
        return [{found["label"] for found in told} for told in configured.detections("porch")]

    async with beginning_with("detect: {labels: [person]}", configured, broker, tmp_path / "log") as reloading:
        await reloading.until(lambda: {"person"} in labels())
        assert not any("car" in seen for seen in labels())
        await reloading.to("detect: {labels: [car]}")
        await reloading.until(lambda: {"car"} in labels())
        await reloading.frames_more(10)
        assert "person" not in set().union(*labels()[labels().index({"car"}) :])
        await reloading.until(lambda: any(event["label"] == "car" for event in configured.events("porch", "new")))


async def test_what_a_camera_publishes_changes_too(configured: Configured, broker: Broker, tmp_path: Path) -> None:
    configured.write(porch=", publish: {detections: 'off'}")
    with RunningDaemon(configured.file, tmp_path / "log") as daemon:
        await eventually(lambda: configured.events("porch", "new") != [])
        assert configured.detections("porch") == []
        configured.write(porch=", publish: {detections: all}")
        daemon.child.send_signal(signal.SIGHUP)
        await eventually(lambda: configured.detections("porch") != [])


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


async def test_what_check_refuses_is_refused_though_it_is_not_at_work(configured: Configured, tmp_path: Path) -> None:
    configured.write(porch="")
    with RunningDaemon(configured.file, tmp_path / "log") as daemon:
        await eventually(lambda: configured.state("porch") == "watching")
        (tmp_path / "other.tflite").write_bytes(b"no model")
        configured.write(porch="", yard="")
        with configured.file.open("a") as file:
            file.write(f"models: {{other: {{cpu: {tmp_path / 'other.tflite'}}}}}\n")
        daemon.child.send_signal(signal.SIGHUP)
        await eventually(lambda: "config_rejected" in configured.codes())
        assert configured.state("yard") is None


async def test_what_needs_a_restart_is_named(configured: Configured, tmp_path: Path) -> None:
    configured.write(porch="")
    with RunningDaemon(configured.file, tmp_path / "log") as daemon:
        await eventually(lambda: configured.state("porch") == "watching")
        configured.file.write_text(configured.file.read_text().replace("device: dev", "device: other"))
        daemon.child.send_signal(signal.SIGHUP)
        await eventually(lambda: "device has changed" in daemon.log)
        await eventually(lambda: "read again" in daemon.log)
