"""A link in the first version of MQTT that the broker speaks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paho.mqtt.enums import MQTTProtocolVersion

from edgedet.errors import BrokerError
from edgedet.outputs.link import Link, ProtocolUnsupported

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from edgedet.outputs.connection import Connection
    from edgedet.outputs.messages import Incoming, Will

VERSIONS = (MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311)


async def open_link(
    connection: Connection,
    timeout_s: float,
    *,
    will: Will | None = None,
    on_message: Callable[[Incoming], None] = lambda _message: None,
    on_acknowledged: Callable[[int, str | None], None] = lambda _number, _refusal: None,
    versions: Sequence[MQTTProtocolVersion] = VERSIONS,
) -> Link:
    """Return an open link; `versions` are tried in their order, each for at most `timeout_s`.

    Raises:
        BrokerRefused: it said no.
        BrokerError: nobody there, no such host, no answer; of several versions, what the first one led to.
    """
    trouble: BrokerError | None = None
    for version in versions:
        link = Link(connection, will=will, on_message=on_message, on_acknowledged=on_acknowledged, version=version)
        try:
            await link.open(timeout_s)
        except ProtocolUnsupported as error:
            trouble = trouble or error
        else:
            return link
    raise trouble or BrokerError("no MQTT version was tried")
