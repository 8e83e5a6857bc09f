import itertools

from edgedet.app.objects import ObjectWatch
from edgedet.events.filters import Filters
from edgedet.events.rules import EventRules
from edgedet.tracking import ByteTracker
from edgedet.types import Box, Detection, EndReason, EventKind, FrameResult, FrameStamp, Inference

MS = 1_000_000


class Scene:
    """Frames of one camera, 5 a second, with a person who walks to the right."""

    def __init__(self) -> None:
        numbers = itertools.count(1)
        self.objects = ObjectWatch(EventRules(Filters(0.5)), ByteTracker, lambda _ns: f"life-{next(numbers)}", 0.2)
        self.at_ms = 0
        self.x = 0.1
        self.kinds: list[EventKind] = []
        self.ends: list[EndReason | None] = []

    def frames(self, count: int, *scores: float, step_ms: int = 200) -> None:
        for _ in range(count):
            self.at_ms += step_ms
            self.x += 0.004
            x = self.x
            found = tuple(Detection("person", 0, score, Box(x, 0.3, x + 0.1, 0.8)) for score in scores)
            stamp = FrameStamp(self.at_ms, self.at_ms * MS, 0.0, 640, 480)
            result = FrameResult(stamp, Inference("cpu", 0, 1, 0), found)
            self.tracked = self.objects.track(result, self.at_ms * MS)
            self.observed = self.objects.observe(self.tracked, stamp, self.at_ms * MS)
            self.note(*self.observed.events)

    def note(self, *events) -> None:
        self.kinds += [event.kind for event in events]
        self.ends += [event.end_reason for event in events if event.kind is EventKind.END]


def test_an_object_is_told_of_once_it_is_confirmed_and_its_detections_carry_its_track() -> None:
    scene = Scene()
    scene.frames(1, 0.9)
    assert scene.tracked.track_ids == (None,)
    assert scene.observed.stirring
    scene.frames(5, 0.9)
    assert scene.kinds == [EventKind.NEW]
    assert scene.tracked.track_ids == (scene.observed.tracks[0].id,)
    assert scene.observed.counts.objects == {"person": 1}


def test_a_weak_box_carries_an_object_on_but_is_no_detection_that_counts() -> None:
    scene = Scene()
    scene.frames(6, 0.9)
    scene.frames(6, 0.2)
    assert scene.tracked.detections == ()
    assert scene.observed.tracks[0].detection == 0
    assert EventKind.END not in scene.kinds


def test_what_is_still_there_after_blindness_goes_on_living() -> None:
    scene = Scene()
    scene.frames(6, 0.9)
    scene.objects.blind()
    scene.at_ms += 60_000
    scene.frames(6, 0.9)
    assert scene.kinds == [EventKind.NEW]
    assert scene.observed.counts.objects == {"person": 1}


def test_what_has_gone_while_nobody_looked_ends_for_that_reason() -> None:
    scene = Scene()
    scene.frames(6, 0.9)
    scene.objects.blind()
    scene.at_ms += 60_000
    scene.frames(40)
    assert scene.ends == [EndReason.BLIND]


def test_a_pause_that_nobody_announced_is_no_time_spent_looking_either() -> None:
    scene = Scene()
    scene.frames(6, 0.9)
    scene.at_ms += 60_000
    scene.frames(40)
    assert scene.ends == [EndReason.BLIND]


def test_a_machine_that_needs_three_seconds_a_frame_is_slow_and_not_blind() -> None:
    scene = Scene()
    scene.frames(12, 0.9, step_ms=3000)
    scene.frames(12, step_ms=3000)
    assert scene.ends == [EndReason.LEFT]


def test_switching_off_ends_what_is_there_and_the_next_frame_begins_from_nothing() -> None:
    scene = Scene()
    scene.frames(6, 0.9)
    scene.note(*scene.objects.end_all(EndReason.OFF, scene.at_ms * MS))
    assert scene.ends == [EndReason.OFF]
    scene.frames(1, 0.9)
    assert scene.observed.counts.objects == {}
    scene.frames(6, 0.9)
    assert scene.kinds == [EventKind.NEW, EventKind.END, EventKind.NEW]


def test_what_should_be_there_and_is_not_seen_is_stirring_though_it_stood_still_for_long() -> None:
    scene = Scene()
    for _ in range(75):
        scene.x -= 0.004  # it stands
        scene.frames(1, 0.9)
    assert not scene.observed.stirring
    scene.x -= 0.004
    scene.frames(1)
    assert scene.observed.stirring


def test_the_pauses_of_the_motion_gate_are_no_blindness() -> None:
    ends = []
    for idle_s in (0.0, 2.0):
        scene = Scene()
        numbers = itertools.count(1)
        scene.objects = ObjectWatch(
            EventRules(Filters(0.5)), ByteTracker, lambda _ns, numbers=numbers: f"life-{next(numbers)}", 0.2, idle_s
        )
        scene.frames(6, 0.9)
        scene.at_ms += 1_800
        scene.frames(40)
        ends += scene.ends
    assert ends == [EndReason.BLIND, EndReason.LEFT]
