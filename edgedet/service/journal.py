"""The journal of systemd: entries with fields that can be asked for, repeats summed up.

`journalctl -u edgedet EDGEDET_CODE=edgetpu_lost`, `journalctl MESSAGE_ID=…`. What kinds there are stands in
docs/service.md, which a test holds to this list.
"""

from __future__ import annotations

import importlib
import logging
import os
import socket
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, TextIO

SOCKET = "/run/systemd/journal/socket"
_LONGEST = 48_000
"""Bytes of a message to the socket; what is longer would need a memfd (systemd-python makes one)."""
_PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))

Send = Callable[[Mapping[str, str]], None]


class Kind(Enum):
    """What an entry is about, for programs: its MESSAGE_ID. Never reuse one for something else."""

    STARTED = "8bc6bf6e18da4d8bbfe84164cfb8572e"
    """The daemon has begun its work."""
    STOPPED = "1638ec51b9374a229e5aaa5ddca4ad06"
    """It has ended as asked."""
    TROUBLE = "84d24ba5fb1547aea6eedd50bdbb0115"
    """Something is not well, with EDGEDET_CODE as in `health`."""
    TROUBLE_OVER = "11536553096a429b9a1e3faab7fe1be6"
    """That is over, with the same code; other troubles of the same component may still hold."""
    OBJECT = "70a96c26f498432d8ff1029fa7c7eca5"
    """A camera has something to tell: an object came, went, crossed a line, or entered or left a zone."""
    RELOADED = "1e1b60e58c154a8db082663f24ee823e"
    """Another configuration has been taken."""
    REFUSED = "87ba1dff779d480fa8b7d6d3ce56cb4f"
    """The configuration is wrong; with the one before, where there is one, work goes on."""
    NO_PROGRESS = "f0920ce5928c466c9a2015fb8474bbfa"
    """A loop does not get on, so the watchdog is not fed."""
    FAILED = "222c914af0dd4db0b81755647c08332a"
    """An error that nobody expected ends the daemon."""
    KEPT = "6c91f3b7d38742958342ef59dadd5cd2"
    """What was said last before an abnormal end has been kept."""


def fields(
    kind: Kind | None = None, *, camera: str | None = None, component: str | None = None, code: str | None = None
) -> dict[str, object]:
    """What an entry carries beside its text: the `extra` of a logging call."""
    return {"edgedet": {"kind": kind, "camera": camera, "component": component, "code": code}}


class JournalHandler(logging.Handler):
    """Sends records to the journal, each with what `fields` gave it."""

    def __init__(self, send: Send, identifier: str = "edgedet") -> None:
        """`send` takes an entry's fields; `identifier` is the program's name in the journal."""
        super().__init__()
        self._send = send
        self._identifier = identifier

    def emit(self, record: logging.LogRecord) -> None:
        """Send one record."""
        try:
            self._send(self.entry(record))
        except Exception:  # noqa: BLE001 - as every handler: an entry that cannot be sent ends nothing
            self.handleError(record)

    def entry(self, record: logging.LogRecord) -> dict[str, str]:
        """Return the fields of a record, by their names in the journal."""
        entry = {
            "MESSAGE": self.format(record),
            "PRIORITY": str(_priority(record.levelno)),
            "SYSLOG_IDENTIFIER": self._identifier,
            "LOGGER": record.name,
            "CODE_FILE": record.pathname,
            "CODE_LINE": str(record.lineno),
            "CODE_FUNC": record.funcName or "",
        }
        given: Mapping[str, Any] = getattr(record, "edgedet", {})
        kind = given.get("kind")
        if kind is not None:
            entry["MESSAGE_ID"] = kind.value
        for name in ("camera", "component", "code"):
            if given.get(name):
                entry[f"EDGEDET_{name.upper()}"] = str(given[name])
        return entry


def goes_to_journal(stream: TextIO, environment: Mapping[str, str] | None = None) -> bool:
    """Whether what is written to the stream ends up in the journal (systemd.exec(5), `$JOURNAL_STREAM`)."""
    environment = os.environ if environment is None else environment
    device, _, inode = environment.get("JOURNAL_STREAM", "").partition(":")
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return (device, inode) == (str(status.st_dev), str(status.st_ino))


def journal_sender() -> Send:
    """What sends an entry: systemd's own binding where it is installed, otherwise the same protocol for short ones."""
    try:
        # By name: the folder of units in a checkout is called the same.
        sendv = importlib.import_module("systemd.journal").sendv
    except ImportError:
        return NativeJournal().send
    return lambda entry: sendv(*(f"{name}={text}" for name, text in entry.items()))


class NativeJournal:
    """https://systemd.io/JOURNAL_NATIVE_PROTOCOL: a datagram of fields."""

    def __init__(self, address: str = SOCKET) -> None:
        self._address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)

    def send(self, entry: Mapping[str, str]) -> None:
        """Send an entry.

        Raises:
            OSError: there is no journal.
        """
        self._socket.sendto(b"".join(_field(name, text) for name, text in entry.items()), self._address)


def _field(name: str, text: str) -> bytes:
    value = text.encode("utf-8", "replace")[:_LONGEST]
    if b"\n" not in value:
        return b"%s=%s\n" % (name.encode(), value)
    return b"%s\n%s%s\n" % (name.encode(), len(value).to_bytes(8, "little"), value)


def _priority(level: int) -> int:
    """Of syslog, from the level of logging; 7 is debug."""
    return next((priority for least, priority in _PRIORITIES if level >= least), 7)
