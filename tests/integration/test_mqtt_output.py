"""The MQTT output against a real mosquitto that comes, goes, hangs and says no."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from edgedet.clock import Clock
from edgedet.outputs.connection import Connection
from edgedet.outputs.delivery import EventDelivery
from edgedet.outputs.messages import Publication
from edgedet.outputs.mqtt import BrokerStatus, MqttOutput
from edgedet.outputs.pace import Pace
from edgedet.outputs.topics import Topics
from edgedet.types import Box, Event, EventKind
from integration.broker import Broker, Subscriber, eventually, free_port

if TYPE_CHECKING:
    from pathlib import Path

TOPICS = Topics("pi")
QUICK = Pace(first_delay_s=0.05, longest_delay_s=0.2, answer_s=5.0)


def connection(port: int, *, username: str | None = None, password: str | None = None) -> Connection:
    return Connection(host="127.0.0.1", port=port, username=username, password=password, keepalive_s=2)


def state(topic: str, payload: bytes) -> Publication:
    return Publication(topic, payload, qos=1, retain=True)


def boxes(payload: bytes = b"{}") -> Publication:
    return Publication(TOPICS.detections("porch"), payload)


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


async def test_a_start_says_online_after_the_states_and_a_clean_stop_says_offline(broker: Broker) -> None:
    with Subscriber(broker.port) as listener:
        async with MqttOutput(connection(broker.port), TOPICS) as output:
            output.send(state(TOPICS.health, b'{"state":"ok"}'))
            await listener.until(lambda: listener.last(TOPICS.availability) == b"online")
            output.send(state(TOPICS.camera_state("porch"), b"watching"))
        await listener.until(lambda: listener.last(TOPICS.availability) == b"offline")
    assert [(heard.topic, heard.payload) for heard in listener.messages] == [
        (TOPICS.health, b'{"state":"ok"}'),
        (TOPICS.availability, b"online"),
        (TOPICS.camera_state("porch"), b"watching"),
        (TOPICS.availability, b"offline"),
    ]


async def test_a_stop_delivers_what_was_sent_right_before_it(broker: Broker) -> None:
    answer = TOPICS.result("restart_detector")
    with Subscriber(broker.port) as listener:
        async with MqttOutput(connection(broker.port), TOPICS) as output:
            await eventually(lambda: output.status.connected)
            for number in range(200):
                output.send(Publication(answer, b"%d" % number, qos=1))
        await listener.until(lambda: listener.last(TOPICS.availability) == b"offline")
    assert listener.of(answer) == [b"%d" % number for number in range(200)]


async def test_a_killed_daemon_is_called_offline_by_the_broker(broker: Broker) -> None:
    daemon = f"""
import asyncio
from edgedet.outputs.connection import Connection
from edgedet.outputs.mqtt import MqttOutput
from edgedet.outputs.topics import Topics

async def main():
    async with MqttOutput(Connection(host="127.0.0.1", port={broker.port}), Topics("pi")):
        await asyncio.sleep(600)

asyncio.run(main())
"""
    with Subscriber(broker.port) as listener:
        child = await asyncio.create_subprocess_exec(sys.executable, "-c", daemon)
        try:
            await listener.until(lambda: listener.last(TOPICS.availability) == b"online")
        finally:
            child.kill()
            await child.wait()
        await listener.until(lambda: listener.last(TOPICS.availability) == b"offline")


async def test_a_broker_that_comes_late_gets_the_newest_states_and_no_old_boxes(tmp_path: Path) -> None:
    broker = Broker(tmp_path)
    async with MqttOutput(connection(broker.port), TOPICS, pace=QUICK) as output:
        for number in range(1000):
            output.send(boxes(b"%d" % number))
            output.send(state(TOPICS.objects("porch", "person"), b"%d" % number))
        await eventually(lambda: output.status.code == "broker_unreachable")
        assert output.statistics().dropped == 1000
        assert output.statistics().waiting == 1
        with broker, Subscriber(broker.port) as listener:
            await listener.until(lambda: listener.last(TOPICS.availability) == b"online")
            assert listener.of(TOPICS.objects("porch", "person")) == [b"999"]
            assert listener.of(TOPICS.detections("porch")) == []
            assert output.status == BrokerStatus(connected=True, code=None, message=f"connected to {broker.url}")


async def test_a_broker_that_was_killed_and_started_again_is_told_every_state_anew(broker: Broker) -> None:
    seen: list[str | None] = []
    async with MqttOutput(
        connection(broker.port), TOPICS, on_status=lambda status: seen.append(status.code), pace=QUICK
    ) as output:
        output.send(state(TOPICS.health, b"1"))
        output.send(state(TOPICS.camera_state("porch"), b"watching"))
        await eventually(lambda: output.status.connected and not output.statistics().waiting)
        broker.kill()
        await eventually(lambda: not output.status.connected)
        dropped = output.statistics().dropped
        for _ in range(500):
            output.send(boxes())
        output.send(state(TOPICS.camera_state("porch"), b"blind"))
        assert output.statistics().dropped == dropped + 500
        broker.start()
        with Subscriber(broker.port) as listener:
            await listener.until(lambda: listener.last(TOPICS.availability) == b"online")
            assert listener.last(TOPICS.health) == b"1"
            assert listener.last(TOPICS.camera_state("porch")) == b"blind"
        assert output.statistics().reconnects == 1
        assert seen[0] is None
        assert seen[-1] is None
        assert "broker_unreachable" in seen


async def test_a_message_that_waits_for_the_broker_arrives_once_it_is_there(broker: Broker) -> None:
    answer = TOPICS.result("restart_detector")
    async with MqttOutput(connection(broker.port), TOPICS, pace=QUICK) as output:
        await eventually(lambda: output.status.connected)
        broker.kill()
        await eventually(lambda: not output.status.connected)
        for number in range(50):
            output.send(Publication(answer, b"%d" % number, qos=1))
        port = broker.port
        broker.start()
        with Subscriber(port) as listener:
            await eventually(lambda: not output.statistics().waiting)
            output.send(Publication(answer, b"last", qos=1))
            await listener.until(lambda: listener.last(answer) == b"last")


async def test_a_frozen_broker_is_found_out_while_sending_goes_on_with_bounded_memory(broker: Broker) -> None:
    async with MqttOutput(connection(broker.port), TOPICS, pace=QUICK) as output:
        await eventually(lambda: output.status.connected)
        broker.freeze()
        # 40 MB: more than any socket buffer takes.
        for _ in range(4000):
            output.send(boxes(b"x" * 10_000))
        counted = output.statistics()
        assert counted.dropped > 0
        assert counted.sent + counted.dropped == 4000 + 1
        await eventually(lambda: not output.status.connected)
        assert output.status.code == "broker_unreachable"
        broker.thaw()
        await eventually(lambda: output.status.connected)


async def test_a_message_that_no_socket_buffer_holds_is_finished_when_the_broker_reads_again(broker: Broker) -> None:
    async with MqttOutput(connection(broker.port), TOPICS, pace=QUICK) as output:
        await eventually(lambda: output.status.connected and not output.statistics().waiting)
        broker.freeze()
        output.send(state(TOPICS.snapshot("porch", "person"), bytes(30_000_000)))
        broker.thaw()
        # In one go as there is room, not in pieces at the next second's look.
        async with asyncio.timeout(6):
            await eventually(lambda: not output.statistics().waiting)
        assert output.statistics().reconnects == 0


async def test_a_stop_beside_a_frozen_broker_ends_by_itself(broker: Broker) -> None:
    pace = Pace(flush_s=0.2)
    async with asyncio.timeout(15):
        async with MqttOutput(connection(broker.port), TOPICS, pace=pace) as output:
            await eventually(lambda: output.status.connected)
            broker.freeze()
            output.send(state(TOPICS.health, b"1"))
    broker.thaw()


async def test_a_port_where_nobody_listens_is_said_once_and_tried_quietly_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    port = free_port()
    statuses: list[BrokerStatus] = []
    async with MqttOutput(
        connection(port), TOPICS, on_status=statuses.append, pace=Pace(first_delay_s=0.01, longest_delay_s=0.02)
    ) as output:
        await eventually(lambda: bool(statuses))
        await asyncio.sleep(0.3)
        assert output.status.code == "broker_unreachable"
    assert [status.message for status in statuses] == [f"no broker at mqtt://127.0.0.1:{port}: Connection refused"]
    # Who is told says it.
    assert warnings_of(caplog) == []


async def test_a_wrong_password_is_said_once_and_the_right_one_is_taken_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broker = Broker(tmp_path, users={"edgedet": "another secret"})
    settings = connection(broker.port, username="edgedet", password="a secret")
    with broker:
        async with MqttOutput(settings, TOPICS, pace=QUICK) as output:
            await eventually(lambda: output.status.code == "broker_refused")
            await eventually(lambda: broker.log.count("not authorised") >= 3, lambda: broker.log)
            assert len(warnings_of(caplog)) == 1
            assert "refuses the connection: not authorized" in warnings_of(caplog)[0]
            assert "a secret" not in caplog.text
            broker.kill()
            broker.users = {"edgedet": "a secret"}
            broker.start()
            await eventually(lambda: output.status.connected)


async def test_a_topic_that_the_acl_forbids_is_named_and_the_others_arrive(tmp_path: Path) -> None:
    acl = f"user edgedet\ntopic readwrite {TOPICS.availability}\ntopic write {TOPICS.camera_state('porch')}\n"
    acl += "user reader\ntopic read #\n"
    users = {"edgedet": "one", "reader": "two"}
    with (
        Broker(tmp_path, users=users, acl=acl) as broker,
        Subscriber(broker.port, username="reader", password="two") as listener,
    ):
        settings = connection(broker.port, username="edgedet", password="one")
        async with MqttOutput(settings, TOPICS, pace=QUICK) as output:
            output.send(state(TOPICS.health, b"1"))
            output.send(state(TOPICS.camera_state("porch"), b"watching"))
            await listener.until(lambda: listener.last(TOPICS.availability) == b"online")
            await eventually(lambda: output.status.code == "broker_refused")
            assert output.status.connected
            assert f"does not take {TOPICS.health}: not authorized" in output.status.message
            assert listener.last(TOPICS.camera_state("porch")) == b"watching"
            assert listener.last(TOPICS.health) is None
            broker.allow(acl.replace("user reader", f"topic write {TOPICS.health}\nuser reader"))
            await eventually(lambda: "Reloading config" in broker.log)
            output.send(state(TOPICS.health, b"2"))
            await listener.until(lambda: listener.last(TOPICS.health) == b"2")
            await eventually(lambda: output.status.code is None)


async def test_a_message_larger_than_the_broker_takes_is_refused_here_and_the_link_stays(tmp_path: Path) -> None:
    with Broker(tmp_path, extra="max_packet_size 2000") as broker, Subscriber(broker.port) as listener:
        async with MqttOutput(connection(broker.port), TOPICS, pace=QUICK) as output:
            await eventually(lambda: output.status.connected)
            output.send(state(TOPICS.health, b"x" * 3000))
            output.send(boxes(b"x" * 3000))
            output.send(state(TOPICS.camera_state("porch"), b"watching"))
            await listener.until(lambda: listener.last(TOPICS.camera_state("porch")) == b"watching")
            assert output.statistics().reconnects == 0
            assert output.statistics().dropped == 2
            assert "the broker takes 2000" in output.status.message


async def test_two_daemons_of_one_name_are_told_why_they_throw_each_other_out_and_grow_tired_of_it(
    broker: Broker,
) -> None:
    pace = Pace(first_delay_s=0.01)
    async with MqttOutput(connection(broker.port), TOPICS, pace=pace):
        messages: list[str] = []
        async with MqttOutput(
            connection(broker.port), TOPICS, on_status=lambda status: messages.append(status.message), pace=pace
        ) as second:
            await eventually(lambda: any("does another client use the id 'edgedet'?" in said for said in messages))
            await asyncio.sleep(1.5)
            assert second.statistics().reconnects < 30


async def test_a_mistake_that_ends_it_is_told_to_who_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async def mistake(*_: object, **__: object) -> None:
        raise KeyError("a mistake of ours")

    monkeypatch.setattr("edgedet.outputs.mqtt.open_link", mistake)
    async with asyncio.timeout(20), MqttOutput(connection(free_port()), TOPICS) as output:
        with pytest.raises(RuntimeError, match="a mistake of its own") as ended:
            await output.lasts()
        assert isinstance(ended.value.__cause__, KeyError)


async def test_where_nobody_is_told_how_it_stands_that_is_in_the_log_once(caplog: pytest.LogCaptureFixture) -> None:
    port = free_port()
    async with MqttOutput(connection(port), TOPICS, pace=QUICK) as output:
        await eventually(lambda: output.status.code == "broker_unreachable")
        await asyncio.sleep(0.3)
    assert warnings_of(caplog) == [f"No broker at mqtt://127.0.0.1:{port}: Connection refused"]


async def test_a_state_that_is_forgotten_leaves_the_broker(broker: Broker) -> None:
    async with MqttOutput(connection(broker.port), TOPICS) as output:
        output.send(state(TOPICS.camera_state("gone"), b"watching"))
        await eventually(lambda: output.status.connected and not output.statistics().waiting)
        output.forget(TOPICS.camera_state("gone"))
        await eventually(lambda: not output.statistics().waiting)
        with Subscriber(broker.port) as listener:
            await listener.until(lambda: listener.last(TOPICS.availability) == b"online")
            assert listener.of(TOPICS.camera_state("gone")) == []


def person_event(number: int) -> Event:
    now = time.monotonic_ns()
    return Event(f"a-{number}", EventKind.UPDATE, "person", 1, 0.5, 0.5, Box(0.1, 0.1, 0.2, 0.2), now, now)


async def test_events_that_an_acl_forbids_wait_and_arrive_in_order_once_it_allows_them(tmp_path: Path) -> None:
    acl = f"user edgedet\ntopic readwrite {TOPICS.availability}\nuser reader\ntopic read #\n"
    users = {"edgedet": "one", "reader": "two"}
    with (
        Broker(tmp_path, users=users, acl=acl) as broker,
        Subscriber(broker.port, username="reader", password="two") as listener,
    ):
        settings = connection(broker.port, username="edgedet", password="one")
        async with (
            EventDelivery(tmp_path / "state", TOPICS, Clock(), cameras=["porch"]) as delivery,
            MqttOutput(settings, TOPICS, pace=QUICK, events=delivery) as output,
        ):
            for number in range(50):
                delivery.put("porch", person_event(number))
            await eventually(lambda: output.status.code == "broker_refused")
            assert f"does not take {TOPICS.events('porch')}: not authorized" in output.status.message
            assert delivery.statistics().spooled == 50
            broker.allow(acl.replace("user reader", f"topic write {TOPICS.events('porch')}\nuser reader"))
            await eventually(lambda: not delivery.statistics().spooled)
            await listener.until(lambda: len(listener.of(TOPICS.events("porch"))) == 50)
            seqs = [json.loads(payload)["seq"] for payload in listener.of(TOPICS.events("porch"))]
            assert seqs == list(range(1, 51))
            await eventually(lambda: output.status.code is None)


async def test_in_the_place_of_an_event_that_is_larger_than_the_broker_takes_goes_a_gap(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Broker(tmp_path, extra="max_packet_size 1500") as broker, Subscriber(broker.port) as listener:
        async with (
            EventDelivery(tmp_path / "state", TOPICS, Clock(), cameras=["porch"]) as delivery,
            MqttOutput(connection(broker.port), TOPICS, pace=QUICK, events=delivery) as output,
        ):
            await eventually(lambda: output.status.connected)
            delivery.put("porch", person_event(1))
            delivery.put("porch", replace(person_event(2), label="x" * 2000))
            delivery.put("porch", person_event(3))
            await listener.until(lambda: len(listener.of(TOPICS.events("porch"))) == 3)
            heard = [json.loads(payload) for payload in listener.of(TOPICS.events("porch"))]
            assert [(told["seq"], told["type"]) for told in heard] == [(1, "update"), (2, "gap"), (3, "update")]
            assert (heard[1]["from_seq"], heard[1]["to_seq"], heard[1]["lost"]) == (2, 2, 1)
            assert output.statistics().reconnects == 0
            assert [said for said in warnings_of(caplog) if "and the broker takes 1500" in said]
            assert delivery.statistics().dropped == 1
