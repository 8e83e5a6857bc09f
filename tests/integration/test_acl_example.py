"""The broker's configuration and ACL that come as examples: with them a device has what it needs, and no more."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgedet.outputs.commands import ANNOUNCE, Command
from edgedet.outputs.connection import Connection
from edgedet.outputs.homeassistant import CameraDescription, DeviceDescription, birth_topic, discovery
from edgedet.outputs.messages import Publication
from edgedet.outputs.mqtt import MqttOutput
from edgedet.outputs.topics import Topics
from integration.broker import Broker, Subscriber, eventually, find_program, free_port, wait_until_up

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


STOCK = """\
pid_file {folder}/mosquitto.pid
persistence true
persistence_location {folder}/lib/
log_dest file {folder}/mosquitto.log
include_dir {folder}/conf.d
"""
"""Debian's own mosquitto.conf, which the example lies beside."""


def documented(beginning: str) -> str:
    """The commands of docs/security.md from the block that begins so."""
    text = (EXAMPLES.parents[1] / "docs" / "security.md").read_text()
    block = text[text.index(f"    {beginning}") :].partition("\n\n")[0]
    return textwrap.dedent(block)


def test_on_a_debian_a_broker_runs_with_the_examples_as_the_documentation_lays_them_out() -> None:
    mosquitto, port = find_program("mosquitto"), free_port()
    # What the broker reads as a user of its own must not lie below a folder that is root's alone.
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        for part in ("conf.d", "certs", "lib"):
            (folder / part).mkdir()
        (folder / "mosquitto.conf").write_text(STOCK.format(folder=folder))
        install = documented("sudo cp config/examples/mosquitto.conf").replace("sudo ", "")
        install = install.replace("/etc/mosquitto", name).replace("mosquitto_passwd ", "mosquitto_passwd -b ")
        install = re.sub(r"(passwords (edgedet-porch-pi|homeassistant)) ", r"\1 word ", install)
        install = install.replace("config/examples", str(EXAMPLES)).replace("systemctl restart mosquitto", "")
        if os.geteuid() == 0:
            shutil.chown(folder, "mosquitto")
            shutil.chown(folder / "lib", "mosquitto")
        else:
            # It runs as whoever started it.
            install = re.sub(r"-g mosquitto|chgrp mosquitto .*", "", install)
        script = f"set -eu\numask 022\n{documented('openssl req -x509')}\n{install}"
        subprocess.run(["bash", "-c", script], cwd=folder, check=True, capture_output=True)
        example = folder / "conf.d" / "edgedet.conf"
        moved = example.read_text().replace("/etc/mosquitto", name).replace("listener 1883 ", f"listener {port} ")
        example.write_text(moved.replace("listener 8883", f"listener {free_port()} 127.0.0.1"))
        with subprocess.Popen([mosquitto, "-c", str(folder / "mosquitto.conf")], stderr=subprocess.PIPE) as broker:
            try:
                wait_until_up(broker, port, (folder / "mosquitto.log").read_text)
                with Subscriber(port, username="homeassistant", password="word"):
                    pass
            finally:
                broker.terminate()
            assert "Error" not in (folder / "mosquitto.log").read_text()
