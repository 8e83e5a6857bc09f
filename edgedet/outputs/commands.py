"""Commands that come over MQTT: what a valid one looks like. Everything else is refused with a reason."""

from __future__ import annotations

import json
import logging
import math
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from edgedet.outputs.messages import Incoming
    from edgedet.outputs.topics import CommandTopic, Topics

MAX_BYTES = 1024
_MAX_ID = 64
_LOG = logging.getLogger(__name__)
_LOG_EVERY_S = 10.0


@dataclass(frozen=True, slots=True)
class Command:
    """A valid command.

    | verb | camera | value |
    |---|---|---|
    | `detect` | its name | True for `ON` |
    | `min_score` | its name | a float in [0, 1] |
    | `restart_detector` | None | None |
    """

    camera: str | None
    verb: str
    value: bool | float | None
    id: str | None = None
    """Of who asked; the result carries it back."""


class CommandRefused(ValueError):
    """Outside its schema; `str()` says what would be inside."""


class CommandIntake:
    """Takes what arrives on command topics and hands on what is valid; the rest is counted and logged."""

    def __init__(self, topics: Topics, cameras: Collection[str], on_command: Callable[[Command], None] | None) -> None:
        self._topics = topics
        self._cameras = frozenset(cameras)
        self._on_command = on_command
        self._next_log = 0.0
        self.refused = 0
        self.ignored = 0
        """Retained ones: they would come again at every reconnect."""

    def receive(self, incoming: Incoming) -> None:
        """Act on one message."""
        asked = self._topics.parse_command(incoming.topic)
        if asked is None:
            return
        if incoming.retained:
            self.ignored += 1
            _LOG.info("Ignored a retained command on %s: publish it without retain", incoming.topic)
            return
        try:
            command = self._read(asked, incoming.payload)
        except CommandRefused as refusal:
            self._refuse(incoming.topic, str(refusal))
            return
        if self._on_command is not None:
            self._on_command(command)

    def _read(self, asked: CommandTopic, payload: bytes) -> Command:
        if asked.camera is not None and asked.camera not in self._cameras:
            raise CommandRefused(f"there is no camera {asked.camera!r}")
        return read_command(asked.camera, asked.verb, payload)

    def _refuse(self, topic: str, reason: str) -> None:
        self.refused += 1
        # Whoever may publish may flood, and the journal of a Pi is on its SD card.
        if monotonic() >= self._next_log:
            self._next_log = monotonic() + _LOG_EVERY_S
            _LOG.warning("Refused a command on %s: %s (%d so far)", topic, reason, self.refused)


def read_command(camera: str | None, verb: str, payload: bytes) -> Command:
    """Check a payload against the schema of its verb.

    Raises:
        CommandRefused: it is anything else.
    """
    if len(payload) > MAX_BYTES:
        raise CommandRefused(f"{len(payload)} bytes, at most {MAX_BYTES} are read")
    match verb:
        case "detect":
            return Command(camera, verb, value=_switch(payload))
        case "min_score":
            return Command(camera, verb, value=_score(payload))
        case "restart_detector":
            return Command(camera, verb, value=None, id=_request_id(payload))
    raise CommandRefused("there is no such command")


def _switch(payload: bytes) -> bool:
    if payload not in {b"ON", b"OFF"}:
        raise CommandRefused("ON or OFF is asked for")
    return payload == b"ON"


def _score(payload: bytes) -> float:
    value = _json(payload)
    # bool is an int to Python, and json reads NaN.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value <= 1.0:
        raise CommandRefused("a number from 0 to 1 is asked for")
    return float(value)


def _request_id(payload: bytes) -> str | None:
    if not payload.strip():
        return None
    value = _json(payload)
    if not isinstance(value, dict) or not set(value) <= {"id"}:
        raise CommandRefused('nothing, or {"id": "…"}, is asked for')
    request = value.get("id")
    if request is not None and (not isinstance(request, str) or len(request) > _MAX_ID):
        raise CommandRefused(f"id must be a text of at most {_MAX_ID} characters")
    return request


def _json(payload: bytes) -> object:
    try:
        return json.loads(payload)
    except (ValueError, RecursionError):
        return math.nan
