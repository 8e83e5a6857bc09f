"""A stage for `Lives`: actors whose way is known, tracked without a fault, and what was told of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from itertools import count, pairwise

from edgedet.events.filters import Filters
from edgedet.events.lives import Lives
from edgedet.events.rules import EventRules, LineRule, ZoneRule
from edgedet.types import Box, Event, FrameStamp, Track

SECOND = 1_000_000_000
Point = tuple[float, float]
Way = Callable[[float], Point | None]

SQUARE = ZoneRule("square", ((0.4, 0.4), (0.8, 0.4), (0.8, 1.0), (0.4, 1.0)))
GATE = LineRule("gate", (0.2, 0.5), (0.8, 0.5))
"""From left to right: what walks down the picture goes in."""


def rules(*, zones: Iterable[ZoneRule] = (), lines: Iterable[LineRule] = (), filters: Filters | None = None,
          stationary_after_s: float = 1000.0) -> EventRules:  # fmt: skip
    """Rules by which nothing stands unless it is asked for."""
    return EventRules(filters or Filters(0.5), tuple(zones), tuple(lines), stationary_after_s)


def standing_at(x: float, y: float, *, wide: float = 0.1, tall: float = 0.2) -> Box:
    """A box with its feet at a point."""
    return Box(x - wide / 2, y - tall, x + wide / 2, y)


@dataclass(frozen=True)
class Actor:
    """Somebody whose feet are where `way` says, at each second of the play; None: not on the stage."""

    way: Way
    id: int = 1
    label: str | Callable[[float], str] = "person"
    score: float | Callable[[float], float] = 0.8
    hidden: Callable[[float], bool] = lambda _: False
    """Behind something: the track coasts."""
    wide: float = 0.1
    tall: float = 0.2


@dataclass
class Stage:
    """Plays frames to `Lives`, and keeps what was told with the second at which it was."""

    rules: EventRules
    fps: float = 10.0
    confirm_s: float = 0.3
    night: bool = False
    size: tuple[int, int] = (640, 480)
    told: list[tuple[float, Event]] = field(default_factory=list)
    at_s: float = 0.0
    new_id: Callable[[int], str] | None = None
    _first: dict[int, int] = field(default_factory=dict)
    _seen: dict[int, Track] = field(default_factory=dict)

    def __post_init__(self) -> None:
        ids = count(1)
        self.lives = Lives(self.rules, self.new_id or (lambda _: f"life-{next(ids)}"))
        self._frame = 0

    def play(self, seconds: float, *actors: Actor) -> Stage:
        """Go on for so long. Actors' seconds count from the first frame of the stage."""
        end_s = self.at_s + seconds
        while self.at_s < end_s - 1e-9:
            self.frame(*actors)
            self.at_s += 1.0 / self.fps
        return self

    def frame(self, *actors: Actor) -> tuple[Event, ...]:
        at_ns = round(self.at_s * SECOND)
        tracks = tuple(track for actor in actors if (track := self._track(actor, at_ns)) is not None)
        stamp = FrameStamp(self._frame, at_ns, self.at_s, *self.size, night=self.night)
        self._frame += 1
        events = self.lives.observe(tracks, stamp, at_ns)
        self.told += [(self.at_s, event) for event in events]
        return events

    def _track(self, actor: Actor, at_ns: int) -> Track | None:
        at_s = at_ns / SECOND
        place = actor.way(at_s)
        if place is None:
            return None
        if actor.hidden(at_s) and actor.id in self._seen:
            return replace(self._seen[actor.id], detection=None)
        first = self._first.setdefault(actor.id, at_ns)
        box = standing_at(*place, wide=actor.wide, tall=actor.tall)
        label = actor.label if isinstance(actor.label, str) else actor.label(at_s)
        score = actor.score if isinstance(actor.score, float) else actor.score(at_s)
        confirmed = at_ns - first >= self.confirm_s * SECOND
        track = Track(actor.id, label, 0, score, box, confirmed, 0, first, at_ns)
        self._seen[actor.id] = track
        return track

    @property
    def kinds(self) -> list[str]:
        """What was told, in order, in short: `zone_enter square`, `line_cross gate in`, `end left`."""
        return [in_short(event) for _, event in self.told]

    def when(self, short: str) -> list[float]:
        """The seconds at which this was told."""
        return [round(at_s, 6) for at_s, event in self.told if in_short(event) == short]


def in_short(event: Event) -> str:
    parts = (event.kind, event.zone, event.line, event.direction, event.end_reason)
    return " ".join(str(part) for part in parts if part is not None)


def path(*stops: tuple[float, float, float]) -> Way:
    """A way through `(second, x, y)`, straight and even between two; nowhere before the first and after the last."""

    def way(at_s: float) -> Point | None:
        for (t0, x0, y0), (t1, x1, y1) in pairwise(stops):
            if t0 - 1e-9 <= at_s <= t1 + 1e-9:
                share = (at_s - t0) / (t1 - t0)
                return x0 + (x1 - x0) * share, y0 + (y1 - y0) * share
        return None

    return way


def still(x: float, y: float) -> Way:
    return lambda _: (x, y)
