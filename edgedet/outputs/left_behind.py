"""What the broker still keeps of this device: asked of it where the state directory does not know."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from edgedet.outputs.opening import open_link

if TYPE_CHECKING:
    from edgedet.outputs.connection import Connection
    from edgedet.outputs.messages import Incoming
    from edgedet.outputs.topics import Topics

QUIET_S = 1.0
"""A broker sends what it keeps without a pause; after this long without another one, that was all."""
_ANSWER_S = 10.0
_LONGEST_S = 10.0


async def left_behind(connection: Connection, topics: Topics) -> tuple[str, ...]:
    """Return the device's retained topics that are no commands, over a connection of its own, in some seconds.

    Without the right to read them (an ACL as in config/examples/mosquitto.acl) a broker names none and says nothing.

    Raises:
        BrokerError: no connection comes about.
    """
    # Not the daemon's id: the broker would close that connection.
    named = replace(connection, client_id=f"{connection.client_id}-left-behind")
    found: dict[str, None] = {}
    more = asyncio.Event()

    def heard(incoming: Incoming) -> None:
        if incoming.retained and incoming.payload and topics.parse_command(incoming.topic) is None:
            found[incoming.topic] = None
            more.set()

    link = await open_link(named, _ANSWER_S, on_message=heard)
    try:
        link.subscribe([f"{topics.base}/#"], to_hear="what it keeps of this device")
        # What the daemon itself publishes meanwhile arrives here, too, and may never pause for so long.
        with suppress(TimeoutError):
            async with asyncio.timeout(_LONGEST_S):
                while True:
                    more.clear()
                    async with asyncio.timeout(QUIET_S):
                        await more.wait()
    finally:
        await link.close(1.0)
    return tuple(found)
