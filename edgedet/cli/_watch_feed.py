"""The messages that `edgedet watch` listens to, and how it stands with the broker."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from edgedet.errors import BrokerError
from edgedet.outputs.connection import Connection, tls_context

_ANSWER_S = 10.0
_MOST_WAITING = 10_000
_LONGEST_RETRY_S = 10


@dataclass(frozen=True, slots=True)
class Message:
    """What was published."""

    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class LinkChange:
    """The connection came (again) or went."""

    connected: bool


Feed = asyncio.Queue[Message | LinkChange]


def filters(prefix: str, device: str | None) -> tuple[str, ...]:
    """What is listened to, of one device or of all: all but the single frames, of which there may be many."""
    base = f"{prefix}/{device or '+'}"
    levels = ("availability", "health", "stats", "+/state", "+/events", "+/objects/+")
    return tuple(f"{base}/{level}" for level in levels)


@contextlib.asynccontextmanager
async def listening(connection: Connection, topics: tuple[str, ...]) -> AsyncIterator[Feed]:
    """Connect and subscribe; once connected, it connects again by itself whenever the link is lost.

    Raises:
        BrokerError: the first connection does not come about.
    """
    loop = asyncio.get_running_loop()
    feed: Feed = asyncio.Queue(_MOST_WAITING)
    answer: asyncio.Future[str | None] = loop.create_future()

    def put(item: Message | LinkChange) -> None:
        # A terminal that takes nothing for long: newer states follow, so the oldest may go.
        if feed.full():
            feed.get_nowait()
        feed.put_nowait(item)

    def settle(refusal: str | None) -> None:
        if not answer.done():
            answer.set_result(refusal)

    def connected(_client: object, _userdata: object, _flags: object, reason: Any, _properties: object) -> None:
        if not reason.is_failure:
            client.subscribe([(topic, 1) for topic in topics])
            _in(loop, put, LinkChange(connected=True))
        _in(loop, settle, str(reason).lower() if reason.is_failure else None)

    def disconnected(*_: object) -> None:
        _in(loop, put, LinkChange(connected=False))

    def heard(_client: object, _userdata: object, message: paho.MQTTMessage) -> None:
        with contextlib.suppress(UnicodeDecodeError):
            _in(loop, put, Message(message.topic, bytes(message.payload)))

    # 3.1.1, which every broker speaks.
    client = paho.Client(CallbackAPIVersion.VERSION2, connection.client_id, protocol=MQTTProtocolVersion.MQTTv311)
    client.on_connect = connected
    client.on_disconnect = disconnected
    client.on_message = heard
    client.reconnect_delay_set(1, _LONGEST_RETRY_S)
    if connection.username is not None:
        client.username_pw_set(connection.username, connection.password)
    try:
        await asyncio.to_thread(_connect, client, connection)
        client.loop_start()
        await _answered(answer, connection)
        yield feed
    finally:
        client.disconnect()
        client.loop_stop()


def _in(loop: asyncio.AbstractEventLoop, call: Any, value: object) -> None:
    with contextlib.suppress(RuntimeError):  # the loop has ended
        loop.call_soon_threadsafe(call, value)


async def _answered(answer: asyncio.Future[str | None], connection: Connection) -> None:
    try:
        refusal = await asyncio.wait_for(answer, _ANSWER_S)
    except TimeoutError:
        raise BrokerError(
            f"{connection.url} does not answer within {_ANSWER_S:.0f} s", hint="Is that an MQTT broker?"
        ) from None
    if refusal is not None:
        hint = "Give the daemon's configuration, -c FILE; or --url mqtt://USER@HOST, and EDGEDET_MQTT_PASSWORD."
        raise BrokerError(f"{connection.url} refuses the connection: {refusal}", hint=hint)


def _connect(client: paho.Client, connection: Connection) -> None:
    try:
        if connection.tls:
            client.tls_set_context(tls_context(connection))
        client.connect_timeout = _ANSWER_S
        client.connect(connection.host, connection.port, keepalive=15)
    except BrokerError:
        raise
    except ssl.SSLCertVerificationError as error:
        hint = "Give the certificate that signed it with --ca-file, or as mqtt.tls.ca_file."
        raise BrokerError(
            f"the certificate of {connection.url} does not hold: {error.verify_message}", hint=hint
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BrokerError(
            f"no broker at {connection.url}: {reason}", hint="Say where it is with --url, or -c FILE."
        ) from None
