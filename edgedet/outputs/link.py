"""One connection to an MQTT broker on the asyncio loop, straight over paho's public interface for event loops.

Not over aiomqtt, which throws away the reason codes of PUBACK (an ACL that says no looks like success) and the
broker's limits in CONNACK, spends a future and three turns of the loop on a QoS 0 message that leaves within the call
here, and keeps socket and timer of a broker that accepted but never answered.

Without paho's write callbacks a publish is written to the socket at once; only what the kernel does not take is
left for `add_writer`. So nothing here polls, and nothing waits for a thread.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import struct
from typing import TYPE_CHECKING, Any

import paho.mqtt.client as paho
from paho.mqtt import MQTTException
from paho.mqtt.enums import MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.subscribeoptions import SubscribeOptions

from edgedet.errors import BrokerError
from edgedet.outputs.dial import dial, hang_up, make_client
from edgedet.outputs.messages import Incoming, Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from paho.mqtt.properties import Properties
    from paho.mqtt.reasoncodes import ReasonCode

    from edgedet.outputs.connection import Connection
    from edgedet.outputs.messages import Will

_LOG = logging.getLogger(__name__)
_TICK_S = 1.0
_NO_MQTT = (OSError, ValueError, LookupError, TypeError, struct.error, MQTTException)
"""What paho raises over bytes that are no MQTT."""
_UNSPECIFIED = 0x80
_UNSUPPORTED_PROTOCOL = 0x84
_SESSION_TAKEN_OVER = 0x8E


class BrokerRefused(BrokerError):
    """The broker is there and says no: wrong credentials, an ACL, a full house."""


class ProtocolUnsupported(BrokerError):
    """The broker does not speak this version of MQTT, or closed the link or kept silent, as old ones do."""


class Link:
    """One connection: made by `open`, over when `lost` is done, never used again. Loop thread only."""

    def __init__(
        self,
        connection: Connection,
        *,
        will: Will | None,
        on_message: Callable[[Incoming], None],
        on_acknowledged: Callable[[int, str | None], None],
        version: MQTTProtocolVersion = MQTTProtocolVersion.MQTTv5,
    ) -> None:
        """`on_acknowledged` gets the number of a QoS 1 message and None, or why the broker refused it."""
        self._connection = connection
        self._will = will
        self._on_message = on_message
        self._on_acknowledged = on_acknowledged
        self.version = version
        self._loop = asyncio.get_running_loop()
        self._client = make_client(connection, version)
        self._answer: asyncio.Future[BrokerError | None] = self._loop.create_future()
        self._descriptor = -1
        self._writing = False
        self._to_hear = ""
        self._expected: set[int] = set()
        self._tick: asyncio.TimerHandle | None = None
        self.limits = Limits()
        self.lost: asyncio.Future[str] = self._loop.create_future()
        """Done with a sentence when the connection is over."""

    async def open(self, timeout_s: float) -> None:
        """Connect and wait for the broker's answer.

        Raises:
            BrokerRefused: it said no.
            ProtocolUnsupported: it may say yes to the other version.
            BrokerError: nobody there, no such host, no answer in `timeout_s`, certificates that do not hold.
        """
        client = self._client
        if self._will is not None:
            client.will_set(self._will.topic, self._will.payload, qos=1, retain=True)
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        client.on_message = self._received
        client.on_publish = self._published
        client.on_subscribe = self._subscribed
        try:
            async with asyncio.timeout(timeout_s):
                await dial(client, self._connection)
                self._watch_socket()
                await self._answer
        except TimeoutError:
            silent = f"the broker at {self._connection.url} does not answer within {timeout_s:g} s"
            # One that accepts a connection and says nothing may be an old one that was spoken to in MQTT 5.
            there = self._descriptor >= 0
            self.abort()
            raise (ProtocolUnsupported if there else BrokerError)(silent) from None
        except BaseException:
            self.abort()
            raise
        if (refusal := self._answer.result()) is not None:
            self.abort()
            raise refusal

    def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool) -> int | None:
        """Hand a message to the socket; its number, or None when the link is gone. Never waits."""
        if self.lost.done():
            return None
        info = self._client.publish(topic, payload, qos, retain)
        self._settle()
        if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            return None
        if qos:
            self._expected.add(info.mid)
        return info.mid

    @property
    def congested(self) -> bool:
        """Whether bytes wait because the kernel's send buffer is full: the broker takes nothing at the moment."""
        return self._client.want_write()

    def subscribe(self, filters: Iterable[str], *, to_hear: str = "commands") -> None:
        """Ask for the messages of these filters, QoS 1; a refusal is logged, with what was `to_hear`."""
        self._to_hear = to_hear
        if self.version == MQTTProtocolVersion.MQTTv5:
            # Retained-as-published: a retained command is known as such even when it arrives while we listen.
            options = SubscribeOptions(qos=1, retainAsPublished=True)
            self._client.subscribe([(name, options) for name in filters])
        else:
            self._client.subscribe([(name, 1) for name in filters])
        self._settle()

    async def close(self, timeout_s: float) -> None:
        """Say goodbye, so that the broker does not publish the will; after `timeout_s` just hang up."""
        if not self.lost.done():
            self._client.disconnect()
            self._settle()
            await asyncio.wait([self.lost], timeout=timeout_s)
        self.abort()

    def abort(self) -> None:
        """Hang up without a word. Harmless to repeat."""
        self._unwatch()
        hang_up(self._client)
        self._over("closed here")

    def _watch_socket(self) -> None:
        opened = self._client.socket()
        if opened is None:
            raise ProtocolUnsupported(f"the broker at {self._connection.url} closed the connection at once")
        self._descriptor = opened.fileno()
        self._client.on_socket_close = self._closing
        self._loop.add_reader(self._descriptor, self._readable)
        self._ticking()
        self._settle()

    def _unwatch(self) -> None:
        if self._tick is not None:
            self._tick.cancel()
        if self._descriptor >= 0:
            self._loop.remove_reader(self._descriptor)
            self._loop.remove_writer(self._descriptor)
            self._descriptor = -1
            self._writing = False

    def _over(self, reason: str) -> None:
        if not self.lost.done():
            self.lost.set_result(reason)
        if not self._answer.done():
            # So do brokers before MQTT 5.
            self._answer.set_result(ProtocolUnsupported(f"the broker at {self._connection.url} hung up: {reason}"))

    def _ticking(self) -> None:
        self._guarded(self._client.loop_misc)
        if not self.lost.done():
            self._tick = self._loop.call_later(_TICK_S, self._ticking)

    def _readable(self) -> None:
        self._guarded(self._read)

    def _writable(self) -> None:
        self._guarded(self._client.loop_write)

    def _read(self) -> None:
        self._client.loop_read()
        # What TLS has decrypted already does not make the socket readable again.
        while isinstance(opened := self._client.socket(), ssl.SSLSocket) and opened.pending():
            self._client.loop_read()

    def _guarded(self, step: Callable[[], Any]) -> None:
        try:
            step()
            self._settle()
        except _NO_MQTT as problem:
            _LOG.warning("What %s sent is no MQTT: %r", self._connection.url, problem)
            self.abort()

    def _settle(self) -> None:
        """Write what paho still holds (it does not, inside its callbacks), and watch for room for the rest."""
        if self._descriptor < 0:
            return
        if self._client.want_write():
            self._client.loop_write()
        wanted = self._client.want_write() and self._descriptor >= 0
        if wanted and not self._writing:
            self._loop.add_writer(self._descriptor, self._writable)
        elif self._writing and not wanted and self._descriptor >= 0:
            self._loop.remove_writer(self._descriptor)
        self._writing = wanted

    # paho holds a lock around its callbacks that a publish would want too: what others see happens a turn later.

    def _connected(
        self,
        _client: paho.Client,
        _userdata: object,
        _flags: paho.ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if self._answer.done():
            return
        if not reason.is_failure:
            self.limits = _limits(properties)
            self._answer.set_result(None)
        elif reason.value == _UNSUPPORTED_PROTOCOL:
            self._answer.set_result(ProtocolUnsupported(f"{self._connection.url} does not speak this MQTT"))
        else:
            self._answer.set_result(
                BrokerRefused(
                    f"the broker at {self._connection.url} refuses the connection: {str(reason).lower()}",
                    hint="Look at mqtt.username and mqtt.password_file, and at what the broker's ACL allows.",
                )
            )

    def _disconnected(
        self,
        _client: paho.Client,
        _userdata: object,
        flags: paho.DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if flags.is_disconnect_packet_from_server and reason.value == _SESSION_TAKEN_OVER:
            self._over(f"another client came with the id {self._connection.client_id!r}")
        elif reason.value == _UNSPECIFIED:
            self._over("the connection broke")
        else:
            self._over(str(reason).lower())

    def _received(self, _client: paho.Client, _userdata: object, message: paho.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            return
        incoming = Incoming(topic, bytes(message.payload), bool(message.retain))
        self._loop.call_soon(self._on_message, incoming)

    def _published(
        self,
        _client: paho.Client,
        _userdata: object,
        mid: int,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        # paho also calls this for every QoS 0 message, as soon as it is written.
        if mid not in self._expected:
            return
        self._expected.remove(mid)
        self._loop.call_soon(self._on_acknowledged, mid, str(reason).lower() if reason.is_failure else None)

    def _subscribed(
        self,
        _client: paho.Client,
        _userdata: object,
        _mid: int,
        reasons: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        for reason in filter(lambda reason: reason.is_failure, reasons):
            _LOG.warning("%s does not let us hear %s: %s", self._connection.url, self._to_hear, str(reason).lower())

    def _closing(self, _client: paho.Client, _userdata: object, _socket: object) -> None:
        self._unwatch()


def _limits(properties: Properties | None) -> Limits:
    known = Limits()
    return Limits(
        packet_bytes=int(getattr(properties, "MaximumPacketSize", known.packet_bytes)),
        in_flight=int(getattr(properties, "ReceiveMaximum", known.in_flight)),
    )
