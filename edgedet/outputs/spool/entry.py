"""What waits for the broker, as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

STEP = 1000
"""Between the places of two events: a gap record stands right behind what it replaces."""
Mode = Literal["spill", "strict", "off"]


@dataclass(frozen=True, slots=True)
class Policy:
    """How much is kept, and where."""

    mode: Mode = "spill"
    """`spill`: on disk only what is not acknowledged within about 2 s; `strict`: on disk before it is sent; `off`: in
    memory."""
    max_events: int = 100_000
    max_bytes: int = 64_000_000
    max_age_s: float = 72 * 3600.0


@dataclass(frozen=True, slots=True)
class Missing:
    """Numbers of one camera that will not come any more, where they have not come yet."""

    first: int
    last: int
    lost: int | None
    """How many events that were; 0: the numbers were never used; None: nobody knows."""

    def joined(self, other: Missing) -> Missing:
        """Return both as one range."""
        lost = None if self.lost is None or other.lost is None else self.lost + other.lost
        return Missing(min(self.first, other.first), max(self.last, other.last), lost)


@dataclass(frozen=True, slots=True)
class Times:
    """When it happened: CLOCK_MONOTONIC of one boot, nanoseconds."""

    boot_id: str
    put_ns: int
    """When it was handed over."""
    captured_ns: int | None = None
    started_ns: int | None = None
    ended_ns: int | None = None


@dataclass(slots=True, eq=False)
class Entry:
    """One message of `<camera>/events` that the broker has not acknowledged."""

    order: int
    """Counts up over all cameras by `STEP`; the key on disk."""
    camera: str
    body: str
    """What it says but for number and times: the inside of a JSON object (see `outputs.events`)."""
    times: Times
    seq: int = 0
    """0 until it is numbered."""
    missing: Missing | None = None
    """Of a `gap`."""
    tried: bool = False
    """The broker may have it."""
    stored: bool = False
    """It is on disk."""
    done: bool = False
    """Acknowledged or dropped."""

    @property
    def size(self) -> int:
        """Bytes on disk, about."""
        return len(self.body) + 140


@dataclass(frozen=True, slots=True)
class Life:
    """An object that has not left, as its last event told: what is needed to end it after a kill."""

    id: str
    camera: str
    body: str
    times: Times


@dataclass(frozen=True, slots=True)
class Numbering:
    """What is known on disk of a camera's numbers."""

    reserved: int
    """Numbers below may have been used."""
    settled: int
    """Numbers below were acknowledged, are on disk, or a gap tells of them."""
    lost: int | None = None
    """How many events those between the two are; None: unknown."""


@dataclass(frozen=True, slots=True)
class BootClock:
    """What a boot's monotonic clock means on the wall."""

    offset_ns: int
    """Wall minus monotonic, the newest that was known."""
    synced: bool


@dataclass(slots=True)
class Work:
    """One transaction."""

    rows: list[Entry] = field(default_factory=list)
    deletes: list[int] = field(default_factory=list)
    numbers: dict[str, Numbering] = field(default_factory=dict)
    lives: list[Life] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    boots: dict[str, BootClock] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to write."""
        return not (self.rows or self.deletes or self.numbers or self.lives or self.ended or self.boots)

    @property
    def durable(self) -> bool:
        """Whether it has to outlast a power cut; the rest may follow when the kernel likes."""
        return bool(self.rows or self.numbers)


@dataclass(frozen=True, slots=True)
class Found:
    """What an earlier process left."""

    first: tuple[Entry, ...] = ()
    """The oldest of what waits."""
    count: int = 0
    """All that waits."""
    size: int = 0
    newest: int = 0
    """The highest `order`."""
    numbers: dict[str, Numbering] = field(default_factory=dict)
    lives: tuple[Life, ...] = ()
    boots: dict[str, BootClock] = field(default_factory=dict)
    moved_to: str | None = None
    """Where a damaged file was moved."""
