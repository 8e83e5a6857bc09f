"""How it stands with the broker: is there a link, and what does the broker not take. Told on each change."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from edgedet.outputs.link import BrokerRefused
from edgedet.outputs.messages import BrokerStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgedet.errors import BrokerError
    from edgedet.outputs.connection import Connection

_LOG = logging.getLogger(__name__)
_SUSPICIOUS = 3
"""So many links in a row that broke soon: two clients with one id throw each other out."""


def log_status(status: BrokerStatus) -> None:
    """Say it in the log, where nobody else is told."""
    level = logging.INFO if status.code is None else logging.WARNING
    _LOG.log(level, "%s%s", status.message[:1].upper(), status.message[1:])


class Standing:
    """What is known of one broker. No I/O."""

    def __init__(self, connection: Connection, on_change: Callable[[BrokerStatus], None]) -> None:
        """`connection` is named in what is told, without user and password."""
        self._url = connection.url
        self._client_id = connection.client_id
        self._on_change = on_change
        self._broken_soon = 0
        self._refused: set[str] = set()
        self.status = BrokerStatus(connected=False, code=None, message="not connected yet")

    def connected(self) -> None:
        """There is a link. What an earlier one did not take may go through now."""
        self._refused.clear()
        self._tell_connected()

    def not_reached(self, error: BrokerError) -> None:
        """No link came about."""
        code = "broker_refused" if isinstance(error, BrokerRefused) else "broker_unreachable"
        self._tell(BrokerStatus(connected=False, code=code, message=error.message))

    def lost(self, reason: str, *, steady: bool) -> None:
        """The link is over; `steady`: it had held for a while."""
        self._broken_soon = 0 if steady else self._broken_soon + 1
        message = f"the broker at {self._url} is gone: {reason}"
        if self._broken_soon >= _SUSPICIOUS:
            message += f"; again and again: does another client use the id {self._client_id!r}?"
        self._tell(BrokerStatus(connected=False, code="broker_unreachable", message=message))

    def refuses(self, topic: str, reason: str) -> None:
        """The broker does not take what is published there; told once a topic."""
        if topic in self._refused:
            return
        self._refused.add(topic)
        message = f"the broker at {self._url} does not take {topic}: {reason}"
        self._tell(BrokerStatus(connected=True, code="broker_refused", message=message))

    def takes(self, topic: str) -> None:
        """The broker has taken something there. When nothing is left that it refuses, all is well again."""
        if topic in self._refused:
            self._refused.remove(topic)
            if not self._refused:
                self._tell_connected()

    def _tell_connected(self) -> None:
        self._tell(BrokerStatus(connected=True, code=None, message=f"connected to {self._url}"))

    def _tell(self, status: BrokerStatus) -> None:
        if status == self.status:
            return
        self.status = status
        self._on_change(status)
