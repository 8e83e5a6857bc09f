"""What systemd is told: sd_notify(3), a datagram of lines to the socket that `$NOTIFY_SOCKET` names."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Mapping
from typing import Self

_log = logging.getLogger(__name__)


class Notifier:
    """Tells the service manager how the daemon is. Without one, nobody is told and nothing fails."""

    def __init__(self, address: str | None = None) -> None:
        """`address`: of the socket, a path or `@` with an abstract name; None: nobody listens."""
        self._address = address
        self._status: str | None = None
        self._failed = False

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Use the socket of `$NOTIFY_SOCKET`, where there is one."""
        environment = os.environ if environment is None else environment
        return cls(environment.get("NOTIFY_SOCKET") or None)

    def ready(self, status: str) -> None:
        """The start is done; `status` as for `status`."""
        self._status = status
        self._tell(f"READY=1\nSTATUS={_line(status)}")

    def status(self, text: str) -> None:
        """One line for `systemctl status`; the same as before is not sent again."""
        if text != self._status:
            self._status = text
            self._tell(f"STATUS={_line(text)}")

    def alive(self) -> None:
        """Feed the watchdog."""
        self._tell("WATCHDOG=1")

    def stopping(self) -> None:
        """The end has begun."""
        self._tell("STOPPING=1\nSTATUS=stopping")

    def _tell(self, message: str) -> None:
        if self._address is None:
            return
        # An abstract name is written with an @ and begins with a zero byte (unix(7)).
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
                # A manager that does not read must not hold the loop up: the next message comes soon.
                out.setblocking(False)
                out.sendto(message.encode(), address)
        except OSError as error:
            if not self._failed:
                _log.warning("systemd cannot be told of the state (%s: %s)", self._address, error)
            self._failed = True
        else:
            self._failed = False


def _line(text: str) -> str:
    return " ".join(text.split())
