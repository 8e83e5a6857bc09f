"""What tracking and rules cost: thirty objects, four zones with six corners, two lines, ten frames a second.

    PYTHONPATH=tests python tests/bench/events.py

A bare loop is measured in between, so that a busy machine shows: making the detections, and copying each track with its
box, which is the least that anything does with what it is told. Milliseconds are of this machine and its load; the
ratio of tracking and rules to the copies is what can be held against another run.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from random import Random
from statistics import median, quantiles

from edgedet.events.filters import Filters, LabelFilter
from edgedet.events.lives import Lives
from edgedet.events.rules import EventRules, LineRule, ZoneRule
from edgedet.tracking import ByteTracker
from edgedet.types import Box, Detection, FrameStamp, Track

OBJECTS = 30
FRAMES = 600
FPS = 10.0


def rules() -> EventRules:
    def hexagon(x: float, y: float) -> tuple[tuple[float, float], ...]:
        return ((x, y), (x + 0.4, y), (x + 0.45, y + 0.3), (x + 0.4, y + 0.4), (x, y + 0.35), (x - 0.05, y + 0.2))

    zones = tuple(ZoneRule(f"zone{n}", hexagon(0.1 + 0.1 * n, 0.2 + 0.1 * n), None, 1.0, 0.5, 20.0) for n in range(4))
    lines = (LineRule("low", (0.2, 0.9), (0.8, 0.9)), LineRule("high", (0.2, 0.5), (0.8, 0.5), ("person",)))
    return EventRules(Filters(0.4, {"person": LabelFilter(0.45)}), zones, lines)


def crowd() -> Callable[[float], list[Detection]]:
    """People and cars that go to and fro, each at its own pace, with some noise and a tenth of the boxes missing."""
    draw = Random(1)
    cast = [(draw.random(), draw.uniform(0.3, 0.9), draw.uniform(-0.08, 0.08), n % 2) for n in range(OBJECTS)]

    def found(at_s: float) -> list[Detection]:
        detections = []
        for x, y, speed, kind in cast:
            if draw.random() < 0.1:
                continue
            across = abs((x + speed * at_s) % 2.0 - 1.0) + draw.gauss(0.0, 0.002)
            box = Box(across - 0.02, y - 0.15, across + 0.02, y + draw.gauss(0.0, 0.002))
            detections.append(Detection(("person", "car")[kind], kind, draw.uniform(0.5, 0.9), box))
        return detections

    return found


def main() -> None:
    found, tracker, lives = crowd(), ByteTracker(), Lives(rules(), str)
    spent: dict[str, list[float]] = {
        "making the boxes": [], "tracking": [], "rules": [], "counts": [], "bare loop": []
    }  # fmt: skip
    told, copied, objects = 0, 0, []
    for frame in range(FRAMES):
        at_ns = round(frame / FPS * 1e9)
        marks = [time.perf_counter()]
        detections = found(frame / FPS)
        marks.append(time.perf_counter())
        tracks: tuple[Track, ...] = tracker.update(detections, at_ns)
        marks.append(time.perf_counter())
        told += len(lives.observe(tracks, FrameStamp(frame, at_ns, frame / FPS, 1280, 720), at_ns))
        marks.append(time.perf_counter())
        counts = lives.counts
        marks.append(time.perf_counter())
        copies = [replace(track, box=replace(track.box)) for track in tracks]
        marks.append(time.perf_counter())
        copied += len(copies)
        objects.append(sum(counts.objects.values()))
        for times, begun, ended in zip(spent.values(), marks, marks[1:], strict=False):
            times.append((ended - begun) * 1e3)
    load = os.getloadavg()[0]
    print(f"{FRAMES} frames, {median(objects):.0f} objects told of at a time, {told} events; load {load:.1f}")
    print(f"{copied / FRAMES:.0f} tracks copied a frame in the bare loop")
    together = [track + rule for track, rule in zip(spent["tracking"], spent["rules"], strict=True)]
    spent["tracking + rules"] = together
    for what, times in spent.items():
        print(f"{what:18} p50 {median(times):.3f} ms, p99 {quantiles(times, n=100)[98]:.3f} ms a frame")
    print(f"tracking + rules take {median(together) / median(spent['bare loop']):.1f} times the bare loop")


if __name__ == "__main__":
    main()
