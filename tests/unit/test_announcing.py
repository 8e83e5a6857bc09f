from __future__ import annotations

import json
from pathlib import Path

from edgedet.app.announcing import Announcer, device_description
from edgedet.outputs.messages import Publication
from edgedet.outputs.published import PublishedRecord
from edgedet.outputs.topics import Topics
from edgedet.settings import Settings, load_settings

TOPICS = Topics("pi")
DISCOVERY = "homeassistant/device/edgedet_pi/config"
GARDEN = """
  garden:
    source: {type: synthetic}
"""


class Kept:
    """What a broker would keep."""

    def __init__(self) -> None:
        self.states: dict[str, bytes] = {}
        self.repeats = 0

    def send(self, message: Publication) -> None:
        if message.retain:
            self.states[message.topic] = message.payload

    def forget(self, *topics: str) -> None:
        for topic in topics:
            self.states.pop(topic, None)

    def repeat_states(self) -> None:
        self.repeats += 1


def settings_of(folder: Path, more: str = "") -> Settings:
    file = folder / "edgedet.yaml"
    file.write_text(
        "version: 1\ndevice: pi\ncameras:\n  porch:\n    source: {type: synthetic}\n"
        "    detect: {objects: {person: {}, dog: {}}}\n    zones:\n"
        "      drive: {polygon: [[0, 0], [1, 0], [1, 1]], labels: [car]}\n"
        "      lawn: {polygon: [[0, 0], [1, 0], [1, 1]]}\n"
        f"    lines: {{gate: {{from: [0, 0], to: [1, 1]}}}}\n{more}"
    )
    return load_settings(file, environment={}).settings


def run(broker: Kept, settings: Settings, state_dir: Path, *told: str, wanted: bool = True) -> Announcer:
    """One life of a daemon that publishes a state on each of these topics."""
    announcer = Announcer(broker, PublishedRecord(state_dir))
    announcer.begin(device_description(settings, "pi", TOPICS), wanted=wanted)
    for topic in told:
        announcer.send(Publication(topic, b"1", qos=1, retain=True))
    return announcer


def test_a_configuration_is_described_with_its_zones_and_lines(tmp_path: Path) -> None:
    described = device_description(settings_of(tmp_path), "pi", TOPICS)
    (porch,) = described.cameras
    assert (porch.name, porch.labels, porch.lines, porch.snapshots) == ("porch", ("person", "dog"), ("gate",), False)
    assert [(zone.name, zone.labels) for zone in porch.zones] == [("drive", ("car",)), ("lawn", ("person", "dog"))]
    assert described.edgetpu


def test_a_camera_that_is_gone_takes_its_topics_with_it_over_a_restart(tmp_path: Path) -> None:
    broker = Kept()
    run(broker, settings_of(tmp_path, GARDEN), tmp_path, "edgedet/pi/garden/state", "edgedet/pi/porch/state")
    run(broker, settings_of(tmp_path), tmp_path)
    assert list(broker.states) == [DISCOVERY, "edgedet/pi/porch/state"]
    assert json.loads(broker.states[DISCOVERY])["components"]["garden:state"] == {"platform": "sensor"}


def test_what_is_to_be_taken_away_is_remembered_until_the_broker_has_heard_of_it(tmp_path: Path) -> None:
    run(Kept(), settings_of(tmp_path, GARDEN), tmp_path, "edgedet/pi/garden/state")
    run(Kept(), settings_of(tmp_path), tmp_path)  # ended before there was a broker
    broker = Kept()
    broker.states["edgedet/pi/garden/state"] = b"watching"
    later = run(broker, settings_of(tmp_path), tmp_path)
    assert "edgedet/pi/garden/state" not in broker.states
    later.delivered()
    record = PublishedRecord(tmp_path)
    record.load()
    assert record.topics == (DISCOVERY,)


def test_a_count_that_the_next_run_does_not_begin_with_does_not_stand_for_now(tmp_path: Path) -> None:
    broker = Kept()
    run(broker, settings_of(tmp_path), tmp_path, "edgedet/pi/porch/objects/cat", "edgedet/pi/porch/objects/person")
    run(broker, settings_of(tmp_path), tmp_path)
    assert list(broker.states) == [DISCOVERY, "edgedet/pi/porch/objects/person"]


def test_where_home_assistant_is_no_longer_wanted_it_forgets_the_device(tmp_path: Path) -> None:
    broker = Kept()
    run(broker, settings_of(tmp_path), tmp_path)
    run(broker, settings_of(tmp_path), tmp_path, wanted=False)
    assert broker.states == {}


def test_when_home_assistant_has_started_everything_is_said_once_more(tmp_path: Path) -> None:
    broker = Kept()
    run(broker, settings_of(tmp_path), tmp_path).repeat()
    assert broker.repeats == 1
