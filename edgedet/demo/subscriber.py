"""What anybody else would see: a client of its own on the broker, not the daemon's."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from edgedet.errors import BrokerError
from edgedet.outputs.connection import Connection, tls_context
from edgedet.outputs.link import BrokerRefused
from edgedet.outputs.opening import open_link

_QUIET_S = 0.5
"""A broker sends what it retains right after the subscription: silence for so long means that this was all."""
_CLEARING_S = 5.0


@dataclass(frozen=True, slots=True)
class Heard:
    """A message as a subscriber got it."""

    at: float
    """time.monotonic()."""
    topic: str
    payload: bytes


@contextlib.contextmanager
def listening(
    connection: Connection, topics: str, on_heard: Callable[[Heard], None], on_link: Callable[[bool], None]
) -> Iterator[None]:
    """Subscribe, and again after every loss; both callbacks come in the event loop.

    paho has a thread of its own here: what the demo shows of MQTT does not go through the daemon's own client.
    """
    loop = asyncio.get_running_loop()
    client = _client(connection, "listener")
    client.reconnect_delay_set(1, 1)

    def in_loop(callback: Callable[..., None], *values: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(callback, *values)

    def connected(_client: object, _userdata: object, _flags: object, reason: object, _properties: object) -> None:
        if not getattr(reason, "is_failure", False):
            client.subscribe(topics, qos=1)
            in_loop(on_link, True)

    def disconnected(*_: object) -> None:
        in_loop(on_link, False)

    def heard(_client: paho.Client, _userdata: object, message: paho.MQTTMessage) -> None:
        in_loop(on_heard, Heard(time.monotonic(), message.topic, bytes(message.payload)))

    client.on_connect = connected
    client.on_disconnect = disconnected
    client.on_message = heard
    client.connect_async(connection.host, connection.port, keepalive=10)
    client.loop_start()
    try:
        yield
    finally:
        client.disconnect()
        client.loop_stop()


async def probe(connection: Connection) -> None:
    """Find out whether the broker is there and lets us in, before anything is shown.

    Raises:
        BrokerError: why not, and what to do.
    """
    named = replace(connection, client_id=f"{connection.client_id}-probe")
    try:
        link = await open_link(named, _CLEARING_S)
    except BrokerRefused as error:
        raise BrokerError(error.message, hint="Give user and password: --url mqtt://USER:PASSWORD@HOST.") from error
    except BrokerError as error:
        hint = "Look at the address, or leave --url out: the demo then brings a broker of its own."
        raise BrokerError(error.message, hint=hint) from error
    await link.close(1.0)


async def clear_retained(connection: Connection, base: str) -> int:
    """Take everything away that the broker keeps below `base`; says how many topics that were.

    Raises:
        BrokerError: it cannot be reached, so that something may be left there.
    """
    return await asyncio.to_thread(_clear_retained, connection, base)


def _clear_retained(connection: Connection, base: str) -> int:
    client = _client(connection, "cleaner")
    kept: set[str] = set()
    last = time.monotonic()

    def heard(_client: paho.Client, _userdata: object, message: paho.MQTTMessage) -> None:
        nonlocal last
        if message.retain and message.payload:
            last = time.monotonic()
            kept.add(message.topic)

    client.on_message = heard
    give_up = time.monotonic() + _CLEARING_S
    try:
        client.connect(connection.host, connection.port)
        client.loop_start()
        while not client.is_connected() and time.monotonic() < give_up:
            time.sleep(0.02)
        client.subscribe(f"{base}/#", qos=1)
        last = time.monotonic()
        while time.monotonic() < min(give_up, last + _QUIET_S):
            time.sleep(0.05)
        for topic in sorted(kept):
            client.publish(topic, b"", qos=1, retain=True).wait_for_publish(_CLEARING_S)
    except (OSError, ValueError, RuntimeError) as error:
        raise BrokerError(
            f"{connection.url} could not be cleaned up: {error}",
            hint=f"Retained messages below {base}/ may be left there.",
        ) from error
    finally:
        connected = client.is_connected()
        client.disconnect()
        client.loop_stop()
    if not connected:
        raise BrokerError(
            f"{connection.url} could not be cleaned up: it does not answer",
            hint=f"Retained messages below {base}/ may be left there.",
        )
    return len(kept)


def _client(connection: Connection, role: str) -> paho.Client:
    named = replace(connection, client_id=f"{connection.client_id}-{role}")
    # 3.1.1, which every broker speaks.
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id=named.client_id, protocol=MQTTProtocolVersion.MQTTv311)
    if named.username is not None:
        client.username_pw_set(named.username, named.password)
    if named.tls:
        client.tls_set_context(tls_context(named))
    return client
