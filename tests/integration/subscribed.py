"""paho's client, connected to a test's broker and subscribed to something within its `with`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

import paho.mqtt.client as paho

if TYPE_CHECKING:
    from types import TracebackType

    from paho.mqtt.properties import Properties

PATIENCE_S = 20.0


class Subscribed:
    """It connects again by itself when the broker comes back. Who inherits says in `heard` what a message is for."""

    def __init__(self, client: paho.Client, port: int, topic: str, *, host: str = "127.0.0.1", qos: int = 1) -> None:
        self.client = client
        self._host, self._port = host, port
        self._topic, self._qos = topic, qos
        self._ready = False
        client.reconnect_delay_set(1, 1)
        client.on_connect = self._connected
        client.on_subscribe = self._subscribed
        client.on_message = lambda _client, _userdata, message: self.heard(message)

    def heard(self, message: paho.MQTTMessage) -> None:
        """Called in paho's thread."""
        raise NotImplementedError

    def connect(self, *, clean_start: bool = True, properties: Properties | None = None) -> None:
        """Begin; returns when the broker has taken the subscription."""
        self.client.connect(self._host, self._port, clean_start=clean_start, properties=properties)
        self.client.loop_start()
        deadline = time.monotonic() + PATIENCE_S
        while not self._ready:
            assert time.monotonic() < deadline, "the subscriber was not let in"
            time.sleep(0.005)

    def __enter__(self) -> Self:
        self.connect()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def _connected(self, client: paho.Client, *_: object) -> None:
        client.subscribe(self._topic, qos=self._qos)

    def _subscribed(self, *_: object) -> None:
        self._ready = True
