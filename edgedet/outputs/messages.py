"""What goes to and comes from a broker, and how it stands with it, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Publication:
    """A message to send. What `qos` and `retain` make of it is in the contract's table of topics.

    Retained: the state of something. The newest counts, it is remembered and sent again after every reconnect.
    QoS 1, not retained: sent once the broker is there, in order. QoS 0: now or never.
    """

    topic: str
    payload: bytes
    qos: Literal[0, 1] = 0
    retain: bool = False


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message that the broker delivered."""

    topic: str
    payload: bytes
    retained: bool
    """Published as retained (MQTT 5), or sent because it was retained (before)."""


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker publishes, retained, when the link breaks."""

    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Limits:
    """What the broker said it takes (MQTT 5; before that: the protocol's own limits)."""

    packet_bytes: int = 268_435_455
    in_flight: int = 65_535


@dataclass(frozen=True, slots=True)
class BrokerStatus:
    """How it stands with the broker."""

    connected: bool
    code: str | None
    """`broker_unreachable` or `broker_refused`, the health codes; None while all is well or nothing is known."""
    message: str


@dataclass(frozen=True, slots=True)
class MqttStatistics:
    """Counts since the start."""

    sent: int
    dropped: int
    waiting: int
    """QoS 1 messages and states that the broker has not acknowledged."""
    reconnects: int
    commands_refused: int
    commands_ignored: int
    """Retained ones."""
