"""Commands that come over MQTT: what a valid one looks like. Everything else is refused with a reason.

None of them names a path, an address, a program or a piece of configuration: whoever may publish may switch and ask,
never more. Only what is valid costs anything beyond being looked at, and each verb only so often.
"""

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

ANNOUNCE = "announce"
MAX_BYTES = 1024
_MAX_ID = 64
_LOG = logging.getLogger(__name__)
_LOG_EVERY_S = 10.0
_BIRTH = b"online"


@dataclass(frozen=True, slots=True)
class Command:
    """A valid command.

    | verb | camera | value |
    |---|---|---|
    | `detect` | its name | True for `ON` |
    | `min_score` | its name | a float in [0, 1] |
    | `restart_detector` | None | None |
    | `snapshot` | its name | None |
    | `announce` | None | None: Home Assistant has started, publish the discovery and `stats` again |
    """

    camera: str | None
    verb: str
    value: bool | float | None
    id: str | None = None
    """Of who asked; the result carries it back."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """How often a verb is obeyed: `burst` at once, then `per_s` a second."""

    burst: int
    per_s: float


ALLOWANCES = {
    # A slider that is dragged sends some ten values a second, for every camera of a room at once.
    "detect": Allowance(20, 5.0),
    "min_score": Allowance(20, 5.0),
    # A worker that is replaced again and again never answers.
    "restart_detector": Allowance(3, 0.1),
    "snapshot": Allowance(5, 1.0),
    # Home Assistant restarts in tens of seconds, several of them may share a broker.
    ANNOUNCE: Allowance(5, 0.2),
}


class CommandRefused(ValueError):
    """Outside its schema, or too often; `str()` says what would be inside."""


class Bucket:
    """An allowance in use; times are monotonic seconds."""

    def __init__(self, allowance: Allowance) -> None:
        self._allowance = allowance
        self._left = float(allowance.burst)
        self._filled_at = -math.inf

    def takes(self, now: float) -> bool:
        """Whether one more is within the allowance; if so it is counted."""
        limit = float(self._allowance.burst)
        self._left = min(limit, self._left + (now - self._filled_at) * self._allowance.per_s)
        self._filled_at = now
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True


class CommandIntake:
    """Takes what arrives on command topics and hands on what is valid; the rest is counted and logged."""

    def __init__(
        self,
        topics: Topics,
        cameras: Collection[str],
        on_command: Callable[[Command], None] | None,
        now: Callable[[], float] = monotonic,
    ) -> None:
        self._topics = topics
        self.cameras = frozenset(cameras)
        self._on_command = on_command
        self._now = now
        self._buckets = {verb: Bucket(allowance) for verb, allowance in ALLOWANCES.items()}
        self._next_log = -math.inf
        self.refused = 0
        self.ignored = 0
        """Retained ones: they would come again at every reconnect."""

    def receive(self, incoming: Incoming) -> None:
        """Act on one message."""
        if incoming.topic == self._topics.birth:
            self._greet(incoming.payload)
            return
        asked = self._topics.parse_command(incoming.topic)
        if asked is None:
            return
        if incoming.retained:
            self.ignored += 1
            self._log(
                "Ignored a retained command on %s: publish it without retain (%d so far)", incoming.topic, self.ignored
            )
            return
        try:
            command = self._read(asked, incoming.payload)
        except CommandRefused as refusal:
            self.refused += 1
            self._log("Refused a command on %s: %s (%d so far)", incoming.topic, refusal, self.refused)
            return
        if self._on_command is not None:
            self._on_command(command)

    def _greet(self, payload: bytes) -> None:
        """Home Assistant's birth, which may be retained, and is its farewell when it says anything else."""
        if payload == _BIRTH and self._on_command is not None and self._buckets[ANNOUNCE].takes(self._now()):
            self._on_command(Command(None, ANNOUNCE, value=None))

    def _read(self, asked: CommandTopic, payload: bytes) -> Command:
        command = read_command(asked.camera, asked.verb, payload)
        if command.camera is not None and command.camera not in self.cameras:
            raise CommandRefused(f"there is no camera {command.camera[:_MAX_ID]!r}")
        # After the schema: junk costs nobody else's valid command its turn.
        if not self._buckets[asked.verb].takes(self._now()):
            allowance = ALLOWANCES[asked.verb]
            raise CommandRefused(f"too many: {allowance.burst} at once and {allowance.per_s:g} a second are obeyed")
        return command

    def _log(self, message: str, *values: object) -> None:
        # Whoever may publish may flood, and the journal of a Pi is on its SD card.
        if self._now() >= self._next_log:
            self._next_log = self._now() + _LOG_EVERY_S
            _LOG.warning(message, *values)


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
            return Command(None, verb, value=None, id=_request(payload, camera=False).get("id"))
        case "snapshot":
            request = _request(payload, camera=True)
            return Command(request["camera"], verb, value=None, id=request.get("id"))
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


def _request(payload: bytes, *, camera: bool) -> dict[str, str]:
    """`{"camera": "porch", "id": "…"}`, the camera if and only if it is asked for; of `id`, null is as good as none."""
    wanted = '{"camera": "porch", "id": "…"}' if camera else 'nothing, or {"id": "…"},'
    value = _json(payload) if payload.strip() else {}
    if not isinstance(value, dict) or not set(value) <= ({"camera", "id"} if camera else {"id"}):
        raise CommandRefused(f"{wanted} is asked for")
    given = {key: text for key, text in value.items() if text is not None}
    for key, text in given.items():
        if not isinstance(text, str) or len(text) > _MAX_ID:
            raise CommandRefused(f"{key} must be a text of at most {_MAX_ID} characters")
    if camera and "camera" not in given:
        raise CommandRefused(f"{wanted} is asked for")
    return given


def _json(payload: bytes) -> object:
    try:
        return json.loads(payload)
    except (ValueError, RecursionError):
        return math.nan
