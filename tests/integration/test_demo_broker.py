"""The broker that the demo brings, of both kinds, and its listener."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from edgedet.demo import broker as brokers
from edgedet.demo.broker import own_broker
from edgedet.demo.subscriber import Heard, clear_retained, listening, probe
from edgedet.errors import BrokerError, UsageError
from edgedet.outputs.connection import Connection
from integration.broker import Subscriber, eventually, free_port


def only(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the machine have no broker but this."""
    if kind == "amqtt":
        monkeypatch.setattr(brokers.shutil, "which", lambda *_, **__: None)


@pytest.mark.parametrize("kind", ["mosquitto", "amqtt"])
async def test_it_comes_back_on_its_port_after_a_kill_and_has_forgotten_everything(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(kind, monkeypatch)
    heard: list[Heard] = []
    links: list[bool] = []
    async with own_broker() as broker:
        assert broker.kind == kind
        connection = Connection(host="127.0.0.1", port=broker.port, client_id="test")
        with listening(connection, "below/#", heard.append, links.append):
            await eventually(lambda: links == [True])
            await probe(connection)
            await asyncio.to_thread(publish, broker.port, "below/it", b"kept")
            await eventually(lambda: [message.payload for message in heard] == [b"kept"])
            await broker.kill()
            await eventually(lambda: links == [True, False])
            with pytest.raises(BrokerError):
                await probe(connection)
            await broker.restart()
            await eventually(lambda: links == [True, False, True])
            assert await clear_retained(connection, "below") == 0
        assert broker.pid is not None


@pytest.mark.parametrize("kind", ["mosquitto", "amqtt"])
async def test_what_is_retained_is_cleared_below_the_base_and_nowhere_else(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(kind, monkeypatch)
    async with own_broker() as broker:
        connection = Connection(host="127.0.0.1", port=broker.port, client_id="test")
        for topic in ("mine/a", "mine/b/c", "theirs/a"):
            await asyncio.to_thread(publish, broker.port, topic, b"kept")
        assert await clear_retained(connection, "mine") == 2
        assert await clear_retained(connection, "mine") == 0
        assert await clear_retained(connection, "theirs") == 1


def publish(port: int, topic: str, payload: bytes) -> None:
    import paho.mqtt.client as paho
    from paho.mqtt.enums import CallbackAPIVersion

    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", port)
    client.loop_start()
    client.publish(topic, payload, qos=1, retain=True).wait_for_publish(10)
    client.disconnect()
    client.loop_stop()


async def test_a_broker_that_cannot_be_cleaned_up_is_told_with_what_may_be_left_there() -> None:
    with pytest.raises(BrokerError, match="could not be cleaned up") as caught:
        await clear_retained(Connection(host="127.0.0.1", port=free_port()), "edgedet/demo-0000")
    assert "edgedet/demo-0000/" in str(caught.value)


async def test_a_machine_without_any_broker_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    only("amqtt", monkeypatch)
    monkeypatch.setattr(brokers.importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(UsageError, match="neither mosquitto nor amqtt") as caught:
        async with own_broker():
            pass
    assert "apt install mosquitto" in str(caught.value)


async def test_no_broker_stays_when_the_demo_is_killed() -> None:
    code = (
        "import asyncio\n"
        "from edgedet.demo.broker import own_broker\n"
        "async def main():\n"
        "    async with own_broker() as broker:\n"
        "        print(broker.pid, broker.port, flush=True)\n"
        "        await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    assert child.stdout is not None
    pid, port = map(int, (await child.stdout.readline()).split())
    with Subscriber(port):
        child.send_signal(signal.SIGKILL)
        await child.wait()
    await eventually(lambda: not _lives(pid))


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
