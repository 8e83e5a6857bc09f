"""Opening the socket to a broker: name, TCP, TLS and the CONNECT packet, in a thread that nobody waits for."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edgedet.errors import BrokerError
from edgedet.outputs.connection import tls_context

if TYPE_CHECKING:
    from edgedet.outputs.connection import Connection

LONGEST_PACKET = 16 * 1024 * 1024
"""Bytes. Commands are short, and whoever may publish one could else make the broker hand us 256 MB at once. Not less:
up to here what is too long is refused, counted and told; beyond it the broker drops it without a word."""
_CONNECT_TIMEOUT_S = 5.0


def make_client(connection: Connection, protocol: MQTTProtocolVersion) -> paho.Client:
    """Return a client that is not connected and will never reconnect by itself."""
    client = paho.Client(
        CallbackAPIVersion.VERSION2,
        client_id=connection.client_id,
        protocol=protocol,
        reconnect_on_failure=False,
    )
    client.connect_timeout = _CONNECT_TIMEOUT_S
    if connection.username is not None:
        client.username_pw_set(connection.username, connection.password)
    return client


async def dial(client: paho.Client, connection: Connection) -> None:
    """Connect `client` and send CONNECT; the answer is read by whoever watches the socket afterwards.

    The thread is not joined, not even on a cancel, which closes the socket as soon as there is one: looking up a
    host name can take half a minute without DNS, and asyncio's own executor is waited for when the loop ends.

    Raises:
        BrokerError: nobody there, no such host, certificates that do not hold.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def settle(error: BaseException | None) -> None:
        if done.cancelled():
            hang_up(client)
        elif error is None:
            done.set_result(None)
        else:
            done.set_exception(error)

    def connect() -> None:
        error: BaseException | None = None
        try:
            _connect(client, connection)
        except (OSError, ValueError) as problem:
            error = problem
        with suppress(RuntimeError):  # the loop ended before the connection came about
            loop.call_soon_threadsafe(settle, error)

    threading.Thread(target=connect, name="mqtt-connect", daemon=True).start()
    try:
        await done
    except BrokerError:
        raise
    except ssl.SSLCertVerificationError as error:
        raise BrokerError(
            f"the certificate of {connection.url} does not hold: {error.verify_message}",
            hint="Look at mqtt.tls.ca_file, at the host name in mqtt.url and at this device's clock.",
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BrokerError(
            f"no broker at {connection.url}: {reason}",
            hint="Look at mqtt.url and whether the broker runs; edgedet keeps trying.",
        ) from None


def hang_up(client: paho.Client) -> None:
    """Close the socket without a word, if there is one."""
    if (opened := client.socket()) is not None:
        opened.close()


def _connect(client: paho.Client, connection: Connection) -> None:
    if connection.tls:
        client.tls_set_context(tls_context(connection))
        client.tls_insecure_set(connection.insecure_skip_verify)
    # paho pings after one interval and gives up after a second one; 0.7 of it keeps that under 1.5 intervals.
    keepalive_s = max(1, int(connection.keepalive_s * 0.7))
    client.connect(connection.host, connection.port, keepalive_s, properties=_wishes(client))
    if isinstance(opened := client.socket(), socket.socket):
        # Two small messages in a row (boxes, then a count): without this the second waits for an ACK, 40 ms.
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _wishes(client: paho.Client) -> Properties | None:
    """What is asked of the broker; before MQTT 5 nothing can be."""
    if client.protocol != MQTTProtocolVersion.MQTTv5:
        return None
    wishes = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho leaves this one without types
    wishes.MaximumPacketSize = LONGEST_PACKET
    return wishes
