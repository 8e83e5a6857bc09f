"""One visit to the broker with the daemon's rights: what it lets us say and hear. Nothing is changed by it."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from paho.mqtt.enums import MQTTProtocolVersion

from edgedet.outputs.opening import open_link
from edgedet.outputs.topics import CAMERA_COMMANDS

if TYPE_CHECKING:
    from edgedet.outputs.connection import Connection
    from edgedet.outputs.messages import Incoming, Publication
    from edgedet.outputs.topics import Topics

_NOBODY = "~doctor"
"""In the place of a camera. None can be called so: a daemon that hears it passes over it."""
_ECHO_S = 2.0
"""A broker that delivers does so within milliseconds; one far away, within this."""


@dataclass(frozen=True, slots=True)
class Rights:
    """What the broker allowed."""

    refusal: str | None
    """Why nothing may be published below our base; None: it is not refused, as far as the broker says."""
    refused_discovery: str | None
    """Why Home Assistant may not be told; None: it may, or it was not tried."""
    hears: bool
    """Whether what was published as a command came back: then both publishing and hearing commands are allowed."""
    says_why: bool
    """Whether this version of MQTT has a refusal in its answers: 5 does, in 3.1.1 each message seems to be taken."""


async def try_rights(connection: Connection, topics: Topics, discovery: Publication | None, limit_s: float) -> Rights:
    """Connect, publish a command to nobody, and listen for it. `discovery` is said as the service says it, if it has.

    Raises:
        BrokerError: no connection comes about.
    """
    visit = _Visit(f"{topics.base}/{_NOBODY}/{CAMERA_COMMANDS[0]}/set")
    link = await open_link(connection, limit_s, on_message=visit.heard, on_acknowledged=visit.acknowledged)
    try:
        link.subscribe(topics.subscriptions())
        command = link.publish(visit.topic, visit.mark, qos=1, retain=False)
        told = None if discovery is None else link.publish(discovery.topic, discovery.payload, qos=1, retain=False)
        numbers = {number for number in (command, told) if number is not None}
        either: list[asyncio.Future[Any]] = [asyncio.ensure_future(visit.all_of(numbers)), link.lost]
        await asyncio.wait(either, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
        either[0].cancel()
        if command is None or not numbers <= visit.answers.keys():
            silent = f"it hung up: {link.lost.result()}" if link.lost.done() else f"no answer within {limit_s:g} s"
            return Rights(silent, None, hears=False, says_why=True)
        return Rights(
            visit.answers[command],
            None if told is None else visit.answers[told],
            hears=visit.came_back.is_set(),
            says_why=link.version == MQTTProtocolVersion.MQTTv5,
        )
    finally:
        await link.close(1.0)


class _Visit:
    """What comes in during one visit."""

    def __init__(self, topic: str) -> None:
        self.topic = topic
        # Another doctor may be there at the same time.
        self.mark = secrets.token_hex(8).encode()
        self.answers: dict[int, str | None] = {}
        self.came_back = asyncio.Event()
        self._answered = asyncio.Event()

    def acknowledged(self, number: int, refusal: str | None) -> None:
        self.answers[number] = refusal
        self._answered.set()

    def heard(self, incoming: Incoming) -> None:
        if (incoming.topic, incoming.payload) == (self.topic, self.mark):
            self.came_back.set()

    async def all_of(self, numbers: set[int]) -> None:
        """Until these are answered and, unless that takes long, the command has come back."""
        while not numbers <= self.answers.keys():
            self._answered.clear()
            await self._answered.wait()
        if any(self.answers[number] is None for number in numbers):
            with suppress(TimeoutError):
                async with asyncio.timeout(_ECHO_S):
                    await self.came_back.wait()
