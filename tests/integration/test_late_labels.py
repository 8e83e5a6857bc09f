"""Labels that the model at work does not have: told for as long as they are asked for, and the rest goes on."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgedet.app.model import open_model
from edgedet.settings.model_choice import BUNDLED_MODEL
from integration.broker import Broker, Subscriber, eventually
from integration.edgedet_process import RunningDaemon, run_edgedet

SYNTHETIC = "{type: synthetic, size: [320, 240], fps: 10}"


class House:
    """A configuration whose model is `late.tflite`, which is not there at first, and what is heard of its daemon."""

    def __init__(self, folder: Path, broker: Broker, heard: Subscriber) -> None:
        self.file = folder / "edgedet.yaml"
        self.model = folder / "late.tflite"
        self.heard = heard
        self._head = (
            f"version: 1\ndevice: dev\nstate_dir: {folder / 'state'}\nmqtt: {{url: 'mqtt://127.0.0.1:{broker.port}'}}\n"
        )

    def write(self, model: Path | None = None, **cameras: str) -> None:
        body = "".join(f"  {name}: {{source: {SYNTHETIC}, {rest}}}\n" for name, rest in cameras.items())
        detector = f"detector: {{model: {model or self.model}, accelerators: [cpu]}}\ncameras:\n"
        self.file.write_text(self._head + detector + body)

    def bring_the_model(self) -> None:
        # At once as a whole, as `models add` does it: half a file would be no model yet.
        half = self.model.with_suffix(".part")
        shutil.copy(BUNDLED_MODEL, half)
        half.rename(self.model)

    def last(self, topic: str) -> str | None:
        told = self.heard.of(f"edgedet/dev/{topic}")
        return told[-1].decode() if told else None

    def reasons(self) -> list[tuple[str, str]]:
        return [(each["component"], each["code"]) for each in self._reasons()]

    def message(self, component: str) -> str:
        return " ".join(each["message"] for each in self._reasons() if each["component"] == component)

    def _reasons(self) -> list[dict[str, str]]:
        health = self.last("health")
        return [] if health is None else json.loads(health)["reasons"]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with Broker(tmp_path) as broker, Subscriber(broker.port) as heard:
        yield House(tmp_path, broker, heard)


async def test_a_model_that_comes_late_without_a_label_that_is_asked_for_is_told_until_the_label_is_mended(
    house: House, tmp_path: Path
) -> None:
    house.write(porch="detect: {labels: [persn, car]}", yard="detect: {labels: [person]}")
    with RunningDaemon(house.file, tmp_path / "log") as daemon:
        await eventually(lambda: ("detector", "model_missing") in house.reasons())
        house.bring_the_model()
        await eventually(lambda: house.last("yard/state") == "watching" and house.last("porch/state") == "degraded")
        await eventually(lambda: house.reasons() == [("porch", "model_mismatch")])
        message = house.message("porch")
        assert "cameras.porch.detect.labels[0]" in message
        assert "'persn'" in message
        assert "did you mean person?" in message
        assert "reload" in message
        assert f"porch: model_mismatch: {message}" in daemon.log
        house.write(porch="detect: {labels: [person, car]}", yard="detect: {labels: [person]}")
        daemon.child.send_signal(signal.SIGHUP)
        await eventually(lambda: house.reasons() == [] and house.last("porch/state") == "watching")
        assert "porch: model_mismatch is over" in daemon.log
        assert daemon.stop() == 0


async def test_a_camera_that_looks_for_nothing_the_model_knows_is_blind_and_the_other_watches(
    house: House, tmp_path: Path
) -> None:
    house.write(porch="detect: {labels: [elephant]}", yard="detect: {labels: [person]}")
    with RunningDaemon(house.file, tmp_path / "log") as daemon:
        await eventually(lambda: ("detector", "model_missing") in house.reasons())
        house.bring_the_model()
        await eventually(lambda: house.last("yard/state") == "watching")
        await eventually(lambda: house.reasons() == [("porch", "model_mismatch")])
        await eventually(lambda: house.last("porch/state") == "blind")
        # Not one label is near it, so those that there are are named.
        assert "it knows " in house.message("porch")
        assert daemon.stop() == 0


async def test_of_an_object_that_the_model_does_not_know_no_count_says_that_there_is_none(
    house: House, tmp_path: Path
) -> None:
    zone = "polygon: [[0, 0], [1, 0], [1, 1]], labels: [hyena, person]"
    house.write(porch=f"detect: {{objects: {{hyena: {{}}, person: {{}}}}}}, zones: {{lawn: {{{zone}}}}}")
    with RunningDaemon(house.file, tmp_path / "log") as daemon:
        await eventually(lambda: ("detector", "model_missing") in house.reasons())
        house.bring_the_model()
        await eventually(lambda: house.last("porch/state") == "degraded")
        await eventually(lambda: house.last("porch/zones/lawn/person") is not None)
        message = house.message("porch")
        # Both places in one sentence: it is one label that is wrong.
        assert "cameras.porch.detect.objects.hyena" in message
        assert "cameras.porch.zones.lawn.labels[0]" in message
        assert message.count("'hyena'") == 1
        assert house.last("porch/objects/person") is not None
        assert house.last("porch/objects/hyena") is None
        assert house.last("porch/zones/lawn/hyena") is None
        assert daemon.stop() == 0


async def test_a_reload_that_asks_for_a_label_the_model_does_not_have_is_refused_and_the_old_labels_stay(
    house: House, tmp_path: Path
) -> None:
    house.bring_the_model()
    house.write(porch="detect: {labels: [person]}")
    with RunningDaemon(house.file, tmp_path / "log") as daemon:
        await eventually(lambda: house.last("porch/state") == "watching")
        house.write(porch="detect: {labels: [persn]}")
        daemon.child.send_signal(signal.SIGHUP)
        await eventually(lambda: ("configuration", "config_rejected") in house.reasons())
        assert "the model has no label 'persn'; did you mean person?" in daemon.log
        assert house.last("porch/state") == "watching"
        house.write(porch="detect: {labels: [person]}")
        daemon.child.send_signal(signal.SIGHUP)
        await eventually(lambda: house.reasons() == [])
        assert daemon.stop() == 0


async def test_a_reload_is_measured_by_the_model_at_work_where_that_is_another_than_the_file_names_now(
    house: House, tmp_path: Path
) -> None:
    house.bring_the_model()
    names = tmp_path / "names.txt"
    labels = bundled_labels()
    names.write_text("\n".join("hyena" if label == "person" else label for label in labels) + "\n")
    house.write(porch="detect: {labels: [person]}")
    with RunningDaemon(house.file, tmp_path / "log") as daemon:
        await eventually(lambda: house.last("porch/state") == "watching")
        house.write(porch="detect: {labels: [hyena, car]}")
        text = house.file.read_text().replace(f"model: {house.model}", "model: zoo")
        house.file.write_text(text + f"models: {{zoo: {{cpu: {house.model}, labels: {names}}}}}\n")
        assert run_edgedet("check", "-c", house.file).code == 0
        daemon.child.send_signal(signal.SIGHUP)
        # Which model is at work changes at the next start; until then nobody looks for a hyena.
        await eventually(lambda: ("porch", "model_mismatch") in house.reasons())
        assert house.last("porch/state") == "degraded"
        assert daemon.stop() == 0


def bundled_labels() -> tuple[str, ...]:
    return open_model(BUNDLED_MODEL).labels
