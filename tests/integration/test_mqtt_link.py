"""The way to the broker: TLS, brokers of another age, and ports behind which there is no broker."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import subprocess
import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from edgedet.outputs.connection import Connection
from edgedet.outputs.left_behind import left_behind
from edgedet.outputs.messages import Publication
from edgedet.outputs.mqtt import MqttOutput
from edgedet.outputs.pace import Pace
from edgedet.outputs.topics import Topics
from integration.broker import Broker, Subscriber, Tls, eventually, find_program

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

TOPICS = Topics("pi")
QUICK = Pace(first_delay_s=0.02, longest_delay_s=0.05, answer_s=0.2)
STATE = Publication(TOPICS.camera_state("porch"), b"watching", qos=1, retain=True)


def make_certificate(folder: Path, prefix: tuple[str, ...] = ()) -> Tls:
    tls = Tls(folder / "broker.crt", folder / "broker.key")
    command = [*prefix, find_program("openssl"), "req", "-x509", "-newkey", "ec"]
    command += ["-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(tls.key), "-out", str(tls.certificate)]
    subprocess.run(command, check=True, capture_output=True)
    return tls


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@asynccontextmanager
async def serving(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[int]:
    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await serve(reader, writer)
        writer.close()

    server = await asyncio.start_server(one, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def test_tls_with_the_right_authority_delivers(tmp_path: Path, certificate: Tls) -> None:
    trust = ssl.create_default_context(cafile=certificate.certificate)
    with Broker(tmp_path, tls=certificate) as broker, Subscriber(broker.port, tls=trust) as listener:
        settings = Connection(host="127.0.0.1", port=broker.port, tls=True, ca_file=str(certificate.certificate))
        async with MqttOutput(settings, TOPICS, pace=Pace()) as output:
            output.send(STATE)
            await listener.until(lambda: listener.last(STATE.topic) == b"watching")
            for number in range(100):
                output.send(Publication(TOPICS.detections("porch"), b"%d" % number * 1000))
            await listener.until(lambda: len(listener.of(TOPICS.detections("porch"))) == 100)


async def test_a_certificate_that_nobody_vouches_for_is_refused_in_a_sentence(tmp_path: Path, certificate: Tls) -> None:
    with Broker(tmp_path, tls=certificate) as broker:
        settings = Connection(host="127.0.0.1", port=broker.port, tls=True)
        async with MqttOutput(settings, TOPICS, pace=Pace()) as output:
            await eventually(lambda: output.status.code is not None)
            assert output.status.message == f"the certificate of {broker.url} does not hold: self-signed certificate"


async def test_verification_can_be_switched_off(tmp_path: Path, certificate: Tls) -> None:
    with Broker(tmp_path, tls=certificate) as broker:
        settings = Connection(host="127.0.0.1", port=broker.port, tls=True, insecure_skip_verify=True)
        async with MqttOutput(settings, TOPICS, pace=Pace()) as output:
            await eventually(lambda: output.status.connected)


async def test_an_authority_file_that_is_missing_is_named(tmp_path: Path) -> None:
    settings = Connection(host="127.0.0.1", port=1, tls=True, ca_file=str(tmp_path / "nothing.pem"))
    async with MqttOutput(settings, TOPICS, pace=QUICK) as output:
        await eventually(lambda: output.status.code is not None)
        assert "nothing.pem" in output.status.message


async def test_a_broker_that_knows_only_mqtt_3_is_spoken_to_in_its_language(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker, Subscriber(broker.port) as listener:

        async def refuse_version_5(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            # Fixed header (2 bytes: CONNECT is short), then length and name of the protocol, then its level.
            start = await reader.readexactly(9)
            if start[8] == 5:
                writer.write(b"\x20\x02\x00\x01")
                return
            behind_reader, behind_writer = await asyncio.open_connection("127.0.0.1", broker.port)
            behind_writer.write(start)
            await asyncio.gather(_pass_on(reader, behind_writer), _pass_on(behind_reader, writer))

        async with serving(refuse_version_5) as port:
            settings = Connection(host="127.0.0.1", port=port)
            async with MqttOutput(settings, TOPICS, pace=Pace()) as output:
                output.send(STATE)
                await listener.until(lambda: listener.last(TOPICS.availability) == b"online")
                assert listener.last(STATE.topic) == b"watching"
                assert "p2" in broker.log
                # What the broker keeps of a device is asked over a connection of its own, in the same language.
                assert STATE.topic in await left_behind(settings, TOPICS)
            await listener.until(lambda: listener.last(TOPICS.availability) == b"offline")


async def test_a_broker_that_keeps_silent_to_mqtt_5_is_spoken_to_in_mqtt_3_and_at_once_the_next_time(
    tmp_path: Path,
) -> None:
    levels: list[int] = []
    with Broker(tmp_path) as broker:

        async def ignore_version_5(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            start = await reader.readexactly(9)
            levels.append(start[8])
            if start[8] == 5:
                await reader.read(-1)
                return
            behind_reader, behind_writer = await asyncio.open_connection("127.0.0.1", broker.port)
            behind_writer.write(start)
            await asyncio.gather(_pass_on(reader, behind_writer), _pass_on(behind_reader, writer))

        async with (
            serving(ignore_version_5) as port,
            MqttOutput(Connection(host="127.0.0.1", port=port), TOPICS, pace=QUICK) as output,
        ):
            await eventually(lambda: output.status.connected)
            broker.kill()
            await eventually(lambda: not output.status.connected)
            broker.start()
            await eventually(lambda: output.status.connected)
    assert levels[:2] == [5, 4]
    assert levels[2] == 4


async def test_a_certificate_that_is_not_valid_yet_is_tried_again_until_the_clock_is_set(
    tmp_path: Path, certificate: Tls
) -> None:
    future = make_certificate(tmp_path, (find_program("faketime"), "+3 days"))
    trusted = tmp_path / "trusted.pem"
    trusted.write_text(future.certificate.read_text() + certificate.certificate.read_text())
    broker = Broker(tmp_path, tls=future)
    settings = Connection(host="127.0.0.1", port=broker.port, tls=True, ca_file=str(trusted))
    with broker:
        async with MqttOutput(settings, TOPICS, pace=QUICK) as output:
            await eventually(lambda: "certificate is not yet valid" in output.status.message)
            await eventually(lambda: broker.log.count("New connection") >= 3, lambda: broker.log)
            # What the passing of time would do: now the certificate holds.
            broker.kill()
            broker.use(certificate)
            broker.start()
            await eventually(lambda: output.status.connected)


async def test_a_port_that_accepts_and_stays_silent_costs_no_socket_for_long() -> None:
    held: list[asyncio.StreamWriter] = []

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)
        await reader.read(-1)

    async with serving(say_nothing) as port:
        settings = Connection(host="127.0.0.1", port=port)
        async with MqttOutput(settings, TOPICS, pace=QUICK) as output:
            await eventually(lambda: len(held) >= 4)
            assert output.status.message == f"the broker at mqtt://127.0.0.1:{port} does not answer within 0.2 s"
            # Both ends of a connection are in this process: at most two are open beside the server.
            await eventually(lambda: sum(not writer.is_closing() for writer in held) <= 1)
        await eventually(lambda: all(writer.is_closing() for writer in held))


async def test_a_port_that_talks_something_else_is_unreachable_and_not_fatal() -> None:
    answered: list[None] = []

    async def talk_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        answered.append(None)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n" * 50)
        await writer.drain()

    async with serving(talk_http) as port:
        settings = Connection(host="127.0.0.1", port=port)
        async with MqttOutput(settings, TOPICS, pace=QUICK) as output:
            await eventually(lambda: len(answered) >= 4)
            assert output.status.code == "broker_unreachable"


async def test_a_host_that_does_not_exist_is_said_in_a_sentence() -> None:
    settings = Connection(host="broker.invalid", port=1883)
    async with MqttOutput(settings, TOPICS, pace=Pace()) as output:
        await eventually(lambda: output.status.code == "broker_unreachable")
        assert output.status.message.startswith("no broker at mqtt://broker.invalid:1883: ")


async def test_a_stop_does_not_wait_for_a_connection_that_hangs_and_hangs_up_when_it_comes_about(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with socket.socket() as full, contextlib.ExitStack() as waiting:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        full.settimeout(10)
        for _ in range(3):
            # Fills the queue of a port that accepts nothing; whoever comes next waits for seconds.
            one = waiting.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        settings = Connection(host="127.0.0.1", port=full.getsockname()[1])
        async with asyncio.timeout(4), MqttOutput(settings, TOPICS) as output:
            await eventually(lambda: any(thread.name == "mqtt-connect" for thread in threading.enumerate()))
        assert output.status.code is None
        assert any(thread.name == "mqtt-connect" for thread in threading.enumerate())
        late = await asyncio.to_thread(_accept_one_that_talks, full)
        assert late.startswith(b"\x10")
    await eventually(lambda: not any(thread.name == "mqtt-connect" for thread in threading.enumerate()))
    assert not caplog.records


def _accept_one_that_talks(server: socket.socket) -> bytes:
    """Take connections until one says something; all that it says until it hangs up."""
    while True:
        connected, _ = server.accept()
        with connected:
            connected.settimeout(0.2)
            with contextlib.suppress(TimeoutError):
                said = b""
                while data := connected.recv(4096):
                    said += data
                if said:
                    return said


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(4096):
        writer.write(data)
        await writer.drain()
    writer.close()
