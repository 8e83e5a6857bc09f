"""Whatever the tracks, the stamps and the commands: events tell whole lives, and counts are what events add up to."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from itertools import count

import pytest

from edgedet.events.filters import Filters, LabelFilter
from edgedet.events.lives import Counts, Lives
from edgedet.events.rules import EventRules
from edgedet.types import Box, EndReason, Event, EventKind, FrameStamp, Track
from event_stage import GATE, SQUARE

ZONES = (SQUARE, replace(SQUARE, name="any", anchor="any", labels=("person",), inertia_s=0.0, loiter_s=1.0))
LINES = (GATE, replace(GATE, name="door", labels=("car",)))
RULES = (
    EventRules(Filters(0.4), ZONES, LINES, 2.0, 1.0),
    EventRules(Filters(0.5, {"car": LabelFilter(0.2, min_time_s=1.0)}), ZONES[:1], LINES[1:], 1.0, 0.0),
    EventRules(Filters(0.4, night_min_score=0.2), ZONES[1:], LINES[:1], 5.0),
)


class Listener:
    """Believes what it is told, and objects to what cannot be."""

    def __init__(self) -> None:
        self.labels: dict[str, str] = {}
        self.standing: dict[str, bool] = {}
        self.zones: dict[str, set[str]] = {}
        self.over: set[str] = set()
        self.tops: dict[str, float] = {}
        self.crossings: Counter[tuple[str, str]] = Counter()

    def hear(self, events: Iterable[Event]) -> None:
        for event in events:
            assert event.id not in self.over, "told after its end"
            assert (event.kind is EventKind.NEW) == (event.id not in self.labels), "begins with new, and once"
            inside = self.zones.setdefault(event.id, set())
            if event.zone is not None:
                assert (event.zone in inside) == (event.kind is EventKind.ZONE_LEAVE)
                inside ^= {event.zone}
            if event.line is not None:
                assert event.direction in ("in", "out")
                self.crossings[event.line, event.direction] += 1
            assert event.top_score >= self.tops.get(event.id, 0.0)
            assert set(event.loitering) <= set(event.zones) <= set(event.entered_zones)
            self.tops[event.id], self.labels[event.id] = event.top_score, event.label
            if event.kind is EventKind.END:
                assert inside == set(), "leaves its zones before it ends"
                assert event.ended_ns is not None
                assert event.ended_ns >= event.started_ns
                assert event.end_reason is not None
                self.over.add(event.id)

    def agrees(self, counts: Counts) -> None:
        alive = {id_: label for id_, label in self.labels.items() if id_ not in self.over}
        assert counts.objects == dict(Counter(alive.values()))
        assert all(counts.active.get(label, 0) <= number for label, number in counts.objects.items())
        for zone, counted in counts.zones.items():
            inside = Counter(label for id_, label in alive.items() if zone in self.zones[id_])
            assert {label: number for label, number in counted.items() if number} == dict(inside)


def some_track(draw: random.Random, number: int, at_ns: int) -> Track:
    x, y, wide, tall = (draw.uniform(-0.1, 1.1) for _ in range(4))
    if draw.random() < 0.7:  # mostly somewhere near where it usually is
        x, y, wide, tall = 0.3 + number % 5 * 0.1 + draw.gauss(0, 0.03), 0.5 + draw.gauss(0, 0.1), 0.1, 0.2
    box = Box(x - wide / 2, y - tall, x + wide / 2, y)
    score = draw.choice((0.1, 0.45, 0.7, 0.9, float("nan")))
    seen = draw.random() < 0.85
    label = draw.choice(("person", "person", "car"))
    return Track(number, label, 0, score, box, draw.random() < 0.9, 0 if seen else None, at_ns - number, at_ns)


@pytest.mark.parametrize("seed", range(40))
def test_events_tell_whole_lives_and_counts_are_what_they_add_up_to(seed: int) -> None:
    draw, ids, listener = random.Random(seed), count(1), Listener()
    lives = Lives(RULES[0], lambda _: f"life-{next(ids)}")
    at_ns, there = 10**9, set[int]()
    newest = 0
    for frame in range(400):
        at_ns += draw.choice((10**8, 10**8, 3 * 10**8, 0, -(10**9), 10**10, 4 * 10**12))
        while draw.random() < 0.2 and len(there) < 6:
            newest += 1
            there.add(newest)
        there -= {number for number in there if draw.random() < 0.03}
        stamp = FrameStamp(frame, at_ns, 0.0, 640, 480, night=draw.random() < 0.3)
        listener.hear(lives.observe([some_track(draw, number, at_ns) for number in sorted(there)], stamp, at_ns))
        happening = draw.random()
        if happening < 0.03:
            lives.blind()
        elif happening < 0.05:
            rules = draw.choice(RULES)
            listener.hear(lives.change(rules))
        elif happening < 0.06:
            listener.hear(lives.end_all(EndReason.OFF, at_ns))
            there.clear()
    listener.hear(lives.end_all(EndReason.RESTART, at_ns))
    assert listener.over == set(listener.labels)
    assert lives.counts.objects == {}
    assert len(listener.over) > 10


@pytest.mark.parametrize("seed", range(20))
def test_after_every_frame_counts_are_what_events_add_up_to(seed: int) -> None:
    draw, ids, listener = random.Random(seed), count(1), Listener()
    lives = Lives(RULES[0], lambda _: f"life-{next(ids)}")
    numbers = {1: "person", 2: "person", 3: "car", 4: "car"}
    for frame in range(300):
        at_ns = frame * 10**8
        there = [number for number in numbers if (frame // 50 + number) % 3]
        tracks = [
            replace(some_track(draw, number + frame // 50 * 10, at_ns), label=numbers[number]) for number in there
        ]
        listener.hear(lives.observe(tracks, FrameStamp(frame, at_ns, 0.0, 640, 480), at_ns))
        listener.agrees(lives.counts)
    assert sum(listener.crossings.values()) > 0
