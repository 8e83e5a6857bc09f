"""The broker's configuration and ACL that come as examples: with them a device has what it needs, and no more."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgedet.outputs.commands import ANNOUNCE, Command
from edgedet.outputs.connection import Connection
from edgedet.outputs.homeassistant import CameraDescription, DeviceDescription, birth_topic, discovery
from edgedet.outputs.messages import Publication
from edgedet.outputs.mqtt import MqttOutput
from edgedet.outputs.topics import Topics
from integration.broker import Broker, Subscriber, eventually, find_program

EXAMPLES = Path(__file__).parents[2] / "config" / "examples"
TOPICS = Topics("porch-pi", birth=birth_topic())
USERS = {"edgedet-porch-pi": "pi-word", "homeassistant": "ha-word", "viewer": "view-word"}


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with Broker(tmp_path, users=dict(USERS), acl=(EXAMPLES / "mosquitto.acl").read_text()) as running:
        yield running


def as_user(broker: Broker, name: str) -> Subscriber:
    return Subscriber(broker.port, username=name, password=USERS[name])


def device(broker: Broker, given: list[Command]) -> MqttOutput:
    connection = Connection(
        host="127.0.0.1", port=broker.port, username="edgedet-porch-pi", password=USERS["edgedet-porch-pi"],
        client_id="edgedet-porch-pi",
    )  # fmt: skip
    return MqttOutput(connection, TOPICS, cameras=["porch"], on_command=given.append)


async def test_with_it_a_device_can_do_all_that_it_does(broker: Broker) -> None:
    given: list[Command] = []
    description = DeviceDescription("porch-pi", "id", "1", TOPICS, (CameraDescription("porch", ("person",)),))
    topics = [
        TOPICS.health, TOPICS.camera_state("porch"), TOPICS.objects("porch", "all"),
        TOPICS.active_objects("porch", "person"), TOPICS.zone("porch", "drive", "all"),
        TOPICS.line("porch", "gate", "in"), TOPICS.snapshot("porch", "person"), TOPICS.setting("porch", "detect"),
    ]  # fmt: skip
    with as_user(broker, "homeassistant") as home:
        async with device(broker, given) as output:
            output.send(discovery(description))
            for topic in topics:
                output.send(Publication(topic, b"1", qos=1, retain=True))
            for topic in (TOPICS.events("porch"), TOPICS.result("snapshot")):
                output.send(Publication(topic, b"{}", qos=1))
            await eventually(lambda: output.status.connected and not output.statistics().waiting)
            for topic in (TOPICS.detections("porch"), TOPICS.stats):
                output.send(Publication(topic, b"{}"))
            everything = {*topics, TOPICS.availability, TOPICS.events("porch"), TOPICS.result("snapshot")}
            everything |= {TOPICS.detections("porch"), TOPICS.stats, "homeassistant/device/edgedet_porch-pi/config"}
            await home.until(lambda: everything <= {message.topic for message in home.messages})
            home.publish(TOPICS.camera_command("porch", "detect"), "OFF")
            home.publish(TOPICS.camera_command("porch", "min_score"), "0.4")
            home.publish(TOPICS.device_command("restart_detector"), "")
            home.publish(TOPICS.device_command("snapshot"), '{"camera": "porch"}')
            home.publish(birth_topic(), "online")
            await eventually(lambda: len(given) == 5)
            assert output.status.code is None
        await home.until(lambda: home.last(TOPICS.availability) == b"offline")
    assert [command.verb for command in given] == ["detect", "min_score", "restart_detector", "snapshot", ANNOUNCE]


@pytest.mark.parametrize(
    "topic",
    [
        "edgedet/garden-pi/availability",
        "edgedet/porch-pi2/health",
        "homeassistant/status",
        "homeassistant/device/edgedet_garden-pi/config",
        "zigbee2mqtt/lock/set",
        "anything",
    ],
)
async def test_with_it_a_device_that_was_broken_into_can_say_nothing_for_others(broker: Broker, topic: str) -> None:
    with (
        as_user(broker, "homeassistant") as home,
        Subscriber(
            broker.port,
            username="edgedet-porch-pi",
            password=USERS["edgedet-porch-pi"],
            topic=TOPICS.subscriptions()[0],
        ) as thief,
    ):
        thief.publish(topic, "forged")
        thief.publish("edgedet/porch-pi/health", "own")
        await home.until(lambda: home.last("edgedet/porch-pi/health") == b"own")
        assert b"forged" not in {message.payload for message in home.messages}


async def test_a_topic_that_the_broker_does_not_take_is_named(broker: Broker) -> None:
    async with device(broker, []) as output:
        output.send(Publication("edgedet/garden-pi/health", b"{}", qos=1, retain=True))
        await eventually(lambda: output.status.code == "broker_refused")
        assert "edgedet/garden-pi/health" in output.status.message


async def test_a_viewer_hears_everything_and_cannot_switch_anything(broker: Broker) -> None:
    given: list[Command] = []
    with as_user(broker, "viewer") as viewer, as_user(broker, "homeassistant") as home:
        async with device(broker, given):
            await viewer.until(lambda: viewer.last(TOPICS.availability) == b"online")
            viewer.publish(TOPICS.camera_command("porch", "detect"), "OFF")
            home.publish(TOPICS.camera_command("porch", "detect"), "ON")
            await eventually(lambda: bool(given))
    assert given == [Command("porch", "detect", value=True)]


def test_mosquitto_takes_the_example_of_its_configuration(tmp_path: Path) -> None:
    """Its files and ports are another machine's; every other line is read by the broker itself."""
    find_program("mosquitto")
    text = (EXAMPLES / "mosquitto.conf").read_text()
    foreign = r"^(listener|certfile|keyfile|password_file|acl_file|persistence.*|allow_anonymous) .*\n"
    lines = re.sub(foreign, "", text, flags=re.MULTILINE)
    assert "message_size_limit" in lines
    acl = (EXAMPLES / "mosquitto.acl").read_text()
    with (
        Broker(tmp_path, users={"viewer": "view-word"}, acl=acl, extra=lines) as broker,
        Subscriber(broker.port, username="viewer", password="view-word"),
    ):
        assert "Error" not in broker.log
