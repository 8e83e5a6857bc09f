"""A real Home Assistant core on a real broker: what a person would see there of a device of ours."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from edgedet.clock import Clock
from edgedet.outputs.commands import ANNOUNCE, Command
from edgedet.outputs.connection import Connection
from edgedet.outputs.encoding import encode
from edgedet.outputs.homeassistant import (
    CameraDescription,
    DeviceDescription,
    ZoneDescription,
    birth_topic,
    components,
    departed,
    discovery,
    discovery_topic,
)
from edgedet.outputs.messages import Publication
from edgedet.outputs.mqtt import MqttOutput
from edgedet.outputs.payloads import Head, json_schema
from edgedet.outputs.topics import Topics
from edgedet.settings.model_choice import BUNDLED_MODEL
from homeassistant.core import PATIENCE_S, HomeAssistant
from integration.broker import Broker, Subscriber, eventually, free_port
from integration.edgedet_process import RunningDaemon

# The first test makes the environment, where there is none yet.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

PAGE = Path(__file__).parents[2] / "docs" / "home-assistant.md"
TOPICS = Topics("pi", birth=birth_topic())
PORCH = CameraDescription("porch", ("person", "car"), (ZoneDescription("drive", ("car",)),), ("gate",), snapshots=True)
GARDEN = CameraDescription("garden", ("person",))
PI = DeviceDescription("pi", "0123456789abcdef", "0.1.0", TOPICS, (PORCH, GARDEN), edgetpu=True)

OCCUPIED, COUNT = "binary_sensor.pi_porch_person", "sensor.pi_porch_person_count"
PROBLEM, SWITCH, EVENT = "binary_sensor.pi_porch_problem", "switch.pi_porch_detection", "event.pi_porch_event"
SNAPSHOT = b"\xff\xd8\xff\xe0 a picture \xff\xd9"


def completed(body: dict[str, Any], kind: str) -> dict[str, Any]:
    """`body`, with the keys that its schema asks for and that matter to no test here."""
    schema = json_schema(kind)
    found = {**dict.fromkeys(set(schema["required"]) - set(Head.__dataclass_fields__)), **body}
    for key, name in (("system", "SystemEntry"), ("detector", "RecoveryEntry")):
        if kind == "stats":
            entry = schema["$defs"][name]
            nothing = {
                wanted: 0 if entry["properties"][wanted].get("type") == "integer" else None
                for wanted in entry["required"]
            }
            found[key] = {**nothing, **(found[key] or {})}
    return found


class Device:
    """What the daemon does about MQTT, in the hand of a test: real client, topics, payloads and discovery."""

    def __init__(self, port: int) -> None:
        connection = Connection(host="127.0.0.1", port=port, client_id="edgedet-pi")
        self.output = MqttOutput(connection, TOPICS, cameras=["porch", "garden"], on_command=self.obey)
        self.commands: list[Command] = []
        self._clock = Clock()
        self._seq = 0

    def retain(self, topic: str, payload: bytes | str) -> None:
        self.output.send(Publication(topic, payload if isinstance(payload, bytes) else payload.encode(), 1, True))

    def tell_all(self) -> None:
        """Everything as it is on a quiet day, with one person on the porch."""
        for camera in PI.cameras:
            self.retain(TOPICS.camera_state(camera.name), "watching")
            self.retain(TOPICS.setting(camera.name, "detect"), "ON")
            self.retain(TOPICS.setting(camera.name, "min_score"), "0.5")
            for label in camera.labels:
                self.retain(
                    TOPICS.objects(camera.name, label), "1" if (camera.name, label) == ("porch", "person") else "0"
                )
        self.retain(TOPICS.zone("porch", "drive", "car"), "2")
        self.retain(TOPICS.line("porch", "gate", "in"), "3")
        self.retain(TOPICS.line("porch", "gate", "out"), "4")
        self.retain(TOPICS.snapshot("porch", "person"), SNAPSHOT)
        self.health("ok")
        self.output.send(discovery(PI))

    def health(self, state: str, *reasons: dict[str, str]) -> None:
        body = {
            "state": state,
            "since": "2026-01-01T00:00:00.000Z",
            "reasons": list(reasons),
            "detector": {"backend": "edgetpu", "model": "m", "restarts": 0, "fallbacks": 0},
            "cameras": {c.name: {"state": "watching", "last_frame_at": None} for c in PI.cameras},
        }
        self.retain(TOPICS.health, self._valid("health", body))

    def stats(self) -> None:
        ms = {"p50": 31.5, "p95": 40.0, "p99": 44.0}
        camera = {
            "captured_fps": 15.0, "processed_fps": 4.96, "dropped": 0, "inference_ms": ms, "latency_ms": ms,
        }  # fmt: skip
        body = {
            "uptime_s": 1.0,
            "versions": {"edgedet": "0.1.0"},
            "cameras": {"porch": camera, "garden": {**camera, "processed_fps": None, "latency_ms": None}},
            "process": {"cpu_percent": 10.0, "pss_mb": 100.0, "workers": 3},
            "system": {
                "cpu_temp_c": 51.2, "mem_available_mb": 900.0, "disk_free_mb": 1e4, "undervoltage": None,
                "throttled": False, "wifi_dbm": None,
            },
            "edgetpu": [{"device": "usb:0", "temp_c": None, "usb_mbps": 5000}],
            "detector": {"respawns": 0, "reloads": 0, "resets": 0, "power_cycles": 0, "probes": 0},
            "mqtt": {"spooled": 0, "dropped": 0, "reconnects": 0},
        }  # fmt: skip
        self.output.send(Publication(TOPICS.stats, self._valid("stats", body), qos=1))

    def event(self, kind: str = "new", **changes: Any) -> str:
        """Publish an event; its id."""
        self._seq += 1
        body: dict[str, Any] = {
            "seq": self._seq, "id": f"e{self._seq}", "camera": "porch", "type": kind, "label": "person", "track_id": 1,
            "score": 0.8, "top_score": 0.9, "box": [0.1, 0.1, 0.2, 0.4], "zone": None, "line": None, "direction": None,
            "zones": [], "entered_zones": [], "loitering": [], "captured_at": "2026-01-01T00:00:00.000Z",
            "started": "2026-01-01T00:00:00.000Z", "ended": None, "end_reason": None, "stationary": False,
            "snapshot": None, "age_s": 0.1, "replayed": False, **changes,
        }  # fmt: skip
        self.output.send(Publication(TOPICS.events("porch"), self._valid("event", body), qos=1))
        return str(body["id"])

    def _valid(self, kind: str, body: dict[str, Any]) -> bytes:
        """The payload; what the schema has besides these keys is not known, as far as that is allowed."""
        payload = encode("pi", self._clock.stamp(), completed(body, kind))
        Draft202012Validator(json_schema(kind)).validate(json.loads(payload))
        return payload

    def obey(self, command: Command) -> None:
        self.commands.append(command)
        if command.verb == ANNOUNCE:
            self.tell_all()
            self.stats()
        elif command.camera is not None and command.verb == "detect":
            self.retain(TOPICS.setting(command.camera, "detect"), "ON" if command.value else "OFF")
            self.retain(TOPICS.camera_state(command.camera), "watching" if command.value else "off")
        elif command.camera is not None and command.verb == "min_score":
            self.retain(TOPICS.setting(command.camera, "min_score"), f"{command.value:g}")


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with Broker(tmp_path_factory.mktemp("broker")) as running:
        yield running


@pytest.fixture(scope="module")
def home(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HomeAssistant]:
    """One installation for all tests, as in a house: starting and setting it up takes most of the time."""
    with HomeAssistant(tmp_path_factory.mktemp("homeassistant"), free_port()) as running:
        running.use_broker(broker.port)
        yield running


@pytest.fixture
async def device(broker: Broker, home: HomeAssistant) -> AsyncIterator[Device]:
    found = Device(broker.port)
    async with found.output:
        found.tell_all()
        found.stats()
        await shows(home, OCCUPIED, "on")
        await shows(home, "sensor.pi_porch_frame_rate", "4.96")
        yield found


async def shows(home: HomeAssistant, entity: str, state: str | None) -> None:
    """Wait until Home Assistant says so."""
    deadline = time.monotonic() + PATIENCE_S
    while (now := await asyncio.to_thread(home.state, entity)) != state:
        assert time.monotonic() < deadline, f"{entity} is {now} and not {state}; the log:\n{home.log[-3000:]}"
        await asyncio.sleep(0.1)


async def test_every_component_becomes_an_entity_with_its_state(home: HomeAssistant, device: Device) -> None:
    await shows(home, "sensor.pi_cpu_temperature", "51.2")
    states = await asyncio.to_thread(home.states)
    ours = {name: state for name, state in states.items() if ".pi_" in name}
    triggers = [part for part in components(PI).values() if part["platform"] == "device_automation"]
    assert len(ours) == len(components(PI)) - len(triggers)
    pictures = {name for name in ours if name.startswith("image.")}
    assert pictures == {"image.pi_porch_person_snapshot", "image.pi_porch_car_snapshot", "image.pi_porch_picture"}
    assert {name: state for name, state in ours.items() if name not in pictures} == {
        "binary_sensor.pi_accelerator_problem": "off",
        "binary_sensor.pi_garden_person": "off",
        "binary_sensor.pi_garden_problem": "off",
        "binary_sensor.pi_porch_car": "off",
        "binary_sensor.pi_porch_drive_car": "on",
        "binary_sensor.pi_porch_person": "on",
        "binary_sensor.pi_porch_problem": "off",
        "binary_sensor.pi_problem": "off",
        "binary_sensor.pi_under_voltage": "unknown",
        "button.pi_porch_take_picture": "unknown",
        "button.pi_restart_detector": "unknown",
        "event.pi_garden_event": "unknown",
        "event.pi_porch_event": "unknown",
        "number.pi_garden_minimum_score": "0.5",
        "number.pi_porch_minimum_score": "0.5",
        "sensor.pi_accelerator": "edgetpu",
        "sensor.pi_cpu_temperature": "51.2",
        "sensor.pi_edge_tpu_temperature": "unknown",
        "sensor.pi_garden_frame_rate": "unknown",
        "sensor.pi_garden_latency": "unknown",
        "sensor.pi_garden_person_count": "0",
        "sensor.pi_garden_state": "watching",
        "sensor.pi_porch_car_count": "0",
        "sensor.pi_porch_drive_car_count": "2",
        "sensor.pi_porch_frame_rate": "4.96",
        "sensor.pi_porch_gate_in": "3",
        "sensor.pi_porch_gate_out": "4",
        "sensor.pi_porch_latency": "31.5",
        "sensor.pi_porch_person_count": "1",
        "sensor.pi_porch_state": "watching",
        "switch.pi_garden_detection": "on",
        "switch.pi_porch_detection": "on",
    }
    url = (await asyncio.to_thread(home.attributes, "image.pi_porch_person_snapshot"))["entity_picture"]
    assert await asyncio.to_thread(home.fetch, url) == SNAPSHOT


async def test_a_blind_camera_is_unavailable_and_not_empty(home: HomeAssistant, device: Device) -> None:
    device.retain(TOPICS.camera_state("porch"), "blind")
    device.health("degraded", {"component": "porch", "code": "camera_stalled", "message": "No frame for 3 s."})
    for entity in (OCCUPIED, COUNT, "binary_sensor.pi_porch_drive_car", "sensor.pi_porch_gate_in"):
        await shows(home, entity, "unavailable")
    await shows(home, PROBLEM, "on")
    await shows(home, "sensor.pi_porch_state", "blind")
    await shows(home, "binary_sensor.pi_problem", "on")
    reasons = (await asyncio.to_thread(home.attributes, PROBLEM))["reasons"]
    assert [reason["code"] for reason in reasons] == ["camera_stalled"]
    # The other camera looks, and what can be set can still be set.
    assert await asyncio.to_thread(home.state, "binary_sensor.pi_garden_person") == "off"
    assert await asyncio.to_thread(home.state, SWITCH) == "on"
    device.retain(TOPICS.camera_state("porch"), "degraded")
    await shows(home, OCCUPIED, "on")
    await shows(home, COUNT, "1")


async def test_a_device_that_dies_is_unavailable_in_every_part(
    broker: Broker, home: HomeAssistant, device: Device
) -> None:
    # What the broker publishes when the link breaks.
    with Subscriber(broker.port) as somebody:
        somebody.publish(TOPICS.availability, "offline", retain=True)
        for entity in (OCCUPIED, COUNT, PROBLEM, SWITCH, "sensor.pi_accelerator", "button.pi_restart_detector"):
            await shows(home, entity, "unavailable")
        somebody.publish(TOPICS.availability, "online", retain=True)
        await shows(home, OCCUPIED, "on")


async def test_what_is_set_there_arrives_here(home: HomeAssistant, device: Device) -> None:
    await asyncio.to_thread(home.act, "switch/turn_off", entity_id=SWITCH)
    await shows(home, SWITCH, "off")
    await shows(home, OCCUPIED, "unavailable")
    await asyncio.to_thread(home.act, "switch/turn_on", entity_id=SWITCH)
    await shows(home, OCCUPIED, "on")
    await asyncio.to_thread(home.act, "number/set_value", entity_id="number.pi_porch_minimum_score", value=0.35)
    await shows(home, "number.pi_porch_minimum_score", "0.35")
    await asyncio.to_thread(home.act, "button/press", entity_id="button.pi_restart_detector")
    await asyncio.to_thread(home.act, "button/press", entity_id="button.pi_porch_take_picture")
    wanted = [Command(None, "restart_detector", None), Command("porch", "snapshot", None)]
    await eventually(lambda: all(command in device.commands for command in wanted), lambda: str(device.commands))
    assert device.output.statistics().commands_refused == 0


async def test_after_its_restart_every_state_is_there_again(home: HomeAssistant, device: Device) -> None:
    greeted = device.commands.count(Command(None, ANNOUNCE, None))
    await asyncio.to_thread(home.restart)
    await shows(home, OCCUPIED, "on")
    await shows(home, COUNT, "1")
    await shows(home, "sensor.pi_porch_gate_out", "4")
    await shows(home, SWITCH, "on")
    # Not retained: it is there because we heard of the start.
    await shows(home, "sensor.pi_porch_frame_rate", "4.96")
    assert device.commands.count(Command(None, ANNOUNCE, None)) == greeted + 1


async def test_after_a_restart_of_the_broker_that_forgot_all_every_state_is_there_again(
    broker: Broker, home: HomeAssistant, device: Device
) -> None:
    await asyncio.to_thread(broker.kill)
    await shows(home, OCCUPIED, "unavailable")
    device.retain(TOPICS.objects("porch", "person"), "2")
    await asyncio.to_thread(broker.start)
    await shows(home, COUNT, "2")
    await shows(home, OCCUPIED, "on")
    await shows(home, "binary_sensor.pi_garden_person", "off")
    await shows(home, PROBLEM, "off")


async def test_an_event_rings_once_and_one_that_waited_for_the_broker_does_not(
    broker: Broker, home: HomeAssistant, device: Device
) -> None:
    def ring(bell: str, what: str) -> dict[str, Any]:
        return {"action": "mqtt.publish", "data": {"topic": f"test/{bell}", "payload": what, "qos": 1}}

    trigger = next(
        part
        for part in components(PI).values()
        if part["platform"] == "device_automation" and part["subtype"] == "Porch person"
    )
    by_device = {
        "trigger": "device", "domain": "mqtt", "device_id": await asyncio.to_thread(home.device_id, OCCUPIED),
        "type": trigger["type"], "subtype": trigger["subtype"],
    }  # fmt: skip
    by_entity = {
        "trigger": "state", "entity_id": EVENT, "not_from": ["unavailable"], "not_to": ["unavailable", "unknown"],
    }  # fmt: skip
    examples = [YAML(typ="safe").load(text) for text in re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)]
    for number, example in enumerate(examples):
        (one,), actions = example["triggers"], example["actions"]
        await asyncio.to_thread(home.add_automation, f"example_{number}", one, *actions)
    by_message = examples[0]["triggers"][0]
    bells = {"trigger": by_device, "entity": by_entity, "message": by_message}
    for bell, automation in bells.items():
        await asyncio.to_thread(home.add_automation, f"by_{bell}", automation, ring(bell, "{{ now() }}"))
    with Subscriber(broker.port, topic="test/#") as house:
        first = device.event()
        await house.until(lambda: len(house.messages) == len(bells))
        assert {message.topic for message in house.messages} == {f"test/{bell}" for bell in bells}
        await shows_event(home, first)
        # An hour later the broker is back, and what waited comes at once.
        device.event(replayed=True, age_s=3600.0)
        device.event("zone_enter", zone="drive", label="car", replayed=True, age_s=3599.0)
        device.event("gap", id=None, label=None, from_seq=1, to_seq=9, lost=9)
        last = device.event()
        await house.until(lambda: len(house.messages) >= 2 * len(bells))
        await shows_event(home, last)
        # In their order on one topic: when the last one has rung, those before it have had their chance.
        assert len(house.messages) == 2 * len(bells)
        # Nor does its own restart ring, nor the broker's.
        await asyncio.to_thread(home.restart)
        await shows(home, OCCUPIED, "on")
        listens = f"{TOPICS.events('porch')} (QoS 1)"
        before = broker.log.count(listens)
        await asyncio.to_thread(broker.kill)
        await shows(home, OCCUPIED, "unavailable")
        await asyncio.to_thread(broker.start)
        await shows(home, OCCUPIED, "on")
        # It calls itself connected before it has subscribed again.
        await eventually(lambda: broker.log.count(listens) > before)
        await shows_event(home, device.event())
        await house.until(lambda: len(house.messages) >= 3 * len(bells))
        assert len(house.messages) == 3 * len(bells)


async def shows_event(home: HomeAssistant, event: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while (await asyncio.to_thread(home.attributes, EVENT)).get("id") != event:
        assert time.monotonic() < deadline, f"{EVENT} does not tell of {event}"
        await asyncio.sleep(0.1)


async def test_a_camera_and_a_zone_that_are_gone_take_their_entities_and_topics_with_them(
    broker: Broker, home: HomeAssistant, device: Device
) -> None:
    with Subscriber(broker.port) as anybody:
        anybody.publish("that/was/all", "")
        await anybody.until(lambda: anybody.last("that/was/all") is not None)
        before = [message.topic for message in anybody.messages if message.retained]
    assert TOPICS.camera_state("garden") in before
    smaller = replace(PI, cameras=(replace(PORCH, zones=(), labels=("person",)),))
    gone = {name: str(part["platform"]) for name, part in components(PI).items()}
    device.output.send(discovery(smaller, gone))
    topics = departed(before, smaller)
    device.output.forget(*topics)
    for entity in ("binary_sensor.pi_garden_person", "switch.pi_garden_detection", "binary_sensor.pi_porch_drive_car"):
        await shows(home, entity, None)
    await shows(home, OCCUPIED, "on")
    with Subscriber(broker.port) as anybody:
        await anybody.until(lambda: anybody.last(discovery_topic(PI)) is not None)
        await anybody.until(lambda: anybody.last(TOPICS.camera_state("porch")) is not None)
        kept = {message.topic for message in anybody.messages if message.retained}
        assert not [topic for topic in kept if "/garden/" in topic or "/zones/" in topic]
    await asyncio.to_thread(home.restart)
    await shows(home, OCCUPIED, "on")
    left = await asyncio.to_thread(home.states)
    assert not [entity for entity in left if "pi_garden" in entity or "drive" in entity]
    # Back again, as if nothing had been.
    device.tell_all()
    await shows(home, "binary_sensor.pi_garden_person", "off")
    device.output.forget(discovery_topic(PI))
    await shows(home, OCCUPIED, None)


async def test_the_daemon_itself_is_there_with_what_it_sees_and_blind_when_it_does_not(
    broker: Broker, home: HomeAssistant, tmp_path: Path
) -> None:
    config = tmp_path / "edgedet.yaml"
    config.write_text(
        f"version: 1\ndevice: real\nstate_dir: {tmp_path / 'state'}\n"
        f"mqtt: {{url: 'mqtt://127.0.0.1:{broker.port}', stats_interval_s: 1}}\n"
        f"detector: {{model: {BUNDLED_MODEL}, accelerators: [cpu]}}\n"
        "cameras:\n"
        "  street:\n"
        "    source: {type: synthetic, size: [320, 240], fps: 5}\n"
        "    detect: {min_score: 0.3, objects: {person: {}, car: {}}}\n"
        "    zones: {all-of-it: {polygon: [[0, 0], [1, 0], [1, 1], [0, 1]]}}\n"
    )
    with RunningDaemon(config, tmp_path / "log") as run:
        await shows(home, "sensor.real_street_state", "watching")
        await shows(home, "binary_sensor.real_street_all_of_it_car", "on")
        await shows(home, "binary_sensor.real_problem", "off")
        await shows(home, "sensor.real_accelerator", "cpu")
        event = (await asyncio.to_thread(home.attributes, "event.real_street_event"))["event_type"]
        assert event in {"new", "zone_enter", "zone_leave", "end"}
        await asyncio.to_thread(home.act, "switch/turn_off", entity_id="switch.real_street_detection")
        await shows(home, "binary_sensor.real_street_car", "unavailable")
        await shows(home, "switch.real_street_detection", "off")
        await asyncio.to_thread(home.act, "switch/turn_on", entity_id="switch.real_street_detection")
        await shows(home, "sensor.real_street_state", "watching")
        stopped = run.worker("camera_child")
        os.kill(stopped, signal.SIGSTOP)
        await shows(home, "binary_sensor.real_street_car", "unavailable")
        await shows(home, "sensor.real_street_state", "watching")
        assert await asyncio.to_thread(run.stop) == 0
        await shows(home, "binary_sensor.real_street_car", "unavailable")
        await shows(home, "binary_sensor.real_problem", "unavailable")
    # Without the camera: its entities go, though the daemon was not there when it was taken out.
    config.write_text(config.read_text().replace("  street:\n", "  yard:\n"))
    with RunningDaemon(config, tmp_path / "log2") as run:
        await shows(home, "sensor.real_yard_state", "watching")
        await shows(home, "sensor.real_street_state", None)
        await shows(home, "binary_sensor.real_street_all_of_it_car", None)
        assert await asyncio.to_thread(run.stop) == 0


def test_nothing_that_we_say_is_complained_about_there(home: HomeAssistant) -> None:
    """The last test: all that the others published has gone through that log."""
    complaints = [
        line
        for line in home.log.splitlines()
        if ("WARNING" in line or "ERROR" in line) and ("mqtt" in line.lower() or "template" in line.lower())
    ]
    unreachable = (
        "Error returned from MQTT server: The connection was lost",
        "'None' has no attribute 'attributes'",  # an automation's own, of an entity that another test removes
        "Disconnected from MQTT",
        "Failed to connect to MQTT",
        "Connection refused",
        "lost connection",
    )
    assert [line for line in complaints if not any(word in line for word in unreachable)] == []
