"""Commands over a real broker: what is valid is handed on, everything else only counted."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import TYPE_CHECKING

import pytest

from edgedet.outputs.commands import Command
from edgedet.outputs.connection import Connection
from edgedet.outputs.dial import LONGEST_PACKET
from edgedet.outputs.mqtt import MqttOutput
from edgedet.outputs.topics import Topics
from integration.broker import Broker, Subscriber, eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

TOPICS = Topics("pi")
DETECT = f"{TOPICS.base}/porch/detect/set"
MIN_SCORE = f"{TOPICS.base}/porch/min_score/set"
RESTART = f"{TOPICS.base}/cmd/restart_detector"
SNAPSHOT = f"{TOPICS.base}/cmd/snapshot"


class Daemon:
    """An output that notes the commands it was given."""

    def __init__(self, output: MqttOutput, given: list[Command]) -> None:
        self.output = output
        self.given = given

    async def refused(self, count: int) -> None:
        await eventually(lambda: self.output.statistics().commands_refused >= count)


@pytest.fixture
def person(broker: Broker) -> Iterator[Subscriber]:
    with Subscriber(broker.port) as somebody:
        yield somebody


@pytest.fixture
async def daemon(broker: Broker, person: Subscriber) -> AsyncIterator[Daemon]:
    given: list[Command] = []
    settings = Connection(host="127.0.0.1", port=broker.port)
    async with MqttOutput(settings, TOPICS, cameras=["porch"], on_command=given.append) as output:
        # The subscription was sent before `online`, and a broker takes what one client sends in order.
        await person.until(lambda: person.last(TOPICS.availability) == b"online")
        yield Daemon(output, given)


async def test_detection_is_switched_and_a_threshold_is_set(daemon: Daemon, person: Subscriber) -> None:
    person.publish(DETECT, "OFF")
    person.publish(DETECT, "ON")
    person.publish(MIN_SCORE, "0.35")
    person.publish(RESTART, "")
    person.publish(RESTART, '{"id": "button-1"}')
    person.publish(SNAPSHOT, '{"camera": "porch", "id": "q1"}')
    await eventually(lambda: len(daemon.given) == 6)
    assert daemon.given == [
        Command("porch", "detect", value=False),
        Command("porch", "detect", value=True),
        Command("porch", "min_score", value=0.35),
        Command(None, "restart_detector", value=None),
        Command(None, "restart_detector", value=None, id="button-1"),
        Command("porch", "snapshot", value=None, id="q1"),
    ]


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        (DETECT, b"on"),
        (DETECT, b""),
        (DETECT, b"ON\n"),
        (MIN_SCORE, b"1.5"),
        (MIN_SCORE, b"NaN"),
        (MIN_SCORE, b"true"),
        (MIN_SCORE, b"\xff\xfe"),
        (MIN_SCORE, b"[" * 1000),
        (MIN_SCORE, b"0." + b"1" * 100_000),
        (DETECT, b"ON" * 5_000_000),
        (SNAPSHOT, b"\xff\xfe"),
        (SNAPSHOT, b'{"camera": "garden"}'),
        (SNAPSHOT, b'{"camera": "porch", "path": "/etc/passwd"}'),
        (RESTART, b'{"path": "/etc/passwd"}'),
        (RESTART, b'{"id": 7}'),
        (f"{TOPICS.base}/garden/detect/set", b"ON"),
    ],
)
async def test_a_command_outside_its_schema_is_counted_and_nothing_else_happens(
    daemon: Daemon, person: Subscriber, topic: str, payload: bytes
) -> None:
    person.publish(topic, payload)
    await daemon.refused(1)
    person.publish(DETECT, "ON")
    await eventually(lambda: bool(daemon.given))
    assert daemon.given == [Command("porch", "detect", value=True)]
    assert daemon.output.status.connected


async def test_a_flood_of_junk_is_counted_in_full_and_logged_once(
    daemon: Daemon, person: Subscriber, caplog: pytest.LogCaptureFixture
) -> None:
    await asyncio.to_thread(lambda: [person.publish(DETECT, b"junk") for _ in range(300)])
    await daemon.refused(300)
    assert daemon.output.statistics().commands_refused == 300
    assert [record.getMessage() for record in caplog.records if "Refused" in record.getMessage()] == [
        f"Refused a command on {DETECT}: ON or OFF is asked for (1 so far)"
    ]


async def test_a_retained_command_is_ignored_live_and_after_a_reconnect(
    daemon: Daemon, person: Subscriber, broker: Broker
) -> None:
    person.publish(DETECT, "OFF", retain=True)
    await eventually(lambda: daemon.output.statistics().commands_ignored == 1)
    given: list[Command] = []
    later = Connection(host="127.0.0.1", port=broker.port, client_id="later")
    async with MqttOutput(later, TOPICS, cameras=["porch"], on_command=given.append) as output:
        await eventually(lambda: output.statistics().commands_ignored == 1)
    assert daemon.given == []
    assert given == []


async def test_a_message_that_would_fill_the_memory_never_arrives(daemon: Daemon, person: Subscriber) -> None:
    person.publish(DETECT, b"x" * (LONGEST_PACKET + 1))
    person.publish(DETECT, "ON")
    await eventually(lambda: bool(daemon.given))
    assert daemon.given == [Command("porch", "detect", value=True)]
    assert daemon.output.statistics().commands_refused == 0
    assert daemon.output.status.connected


async def test_a_flood_of_valid_commands_is_obeyed_within_its_allowance(daemon: Daemon, person: Subscriber) -> None:
    await asyncio.to_thread(lambda: [person.publish(DETECT, "OFF") for _ in range(300)])
    await daemon.refused(200)
    await eventually(lambda: len(daemon.given) + daemon.output.statistics().commands_refused == 300)
    # 20 at once and 5 a second, however slow the machine that sends them.
    assert 20 <= len(daemon.given) < 100


_FLOOD = """
import sys, time, paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
client = paho.Client(CallbackAPIVersion.VERSION2)
client.connect("127.0.0.1", int(sys.argv[1]))
client.loop_start()
junk = [b"junk", b"\\xff\\xfe", b'{"path": "/etc/passwd"}', b"[" * 900]
began, sent = time.monotonic(), 0
while sent < 3000:
    while sent < min(3000, int((time.monotonic() - began) * 1000)):
        client.publish(sys.argv[2 + sent % 2], junk[sent // 2 % 4], qos=0, retain=sent % 8 == 7)
        sent += 1
    time.sleep(0.002)
time.sleep(0.3)
client.disconnect()
client.loop_stop()
"""


async def test_a_thousand_junk_messages_a_second_cost_the_loop_little(broker: Broker, daemon: Daemon) -> None:
    def handled() -> int:
        return daemon.output.statistics().commands_refused + daemon.output.statistics().commands_ignored

    began, cpu = time.monotonic(), time.process_time()
    flood = await asyncio.create_subprocess_exec(sys.executable, "-c", _FLOOD, str(broker.port), DETECT, MIN_SCORE)
    assert await flood.wait() == 0
    await eventually(lambda: handled() == 3000)
    # 0.12 of a core where this was measured, on a busy machine; detection has its own process.
    assert (time.process_time() - cpu) / (time.monotonic() - began) < 0.5
    assert daemon.given == []
