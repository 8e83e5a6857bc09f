"""Whatever a detector or a clock gives: no crash, and tracks that stay sane."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgedet.tracking import ByteTracker
from edgedet.types import Box, Detection, Track

HOUR_NS = 3600 * 10**9

numbers = st.one_of(st.floats(), st.floats(-0.2, 1.2), st.sampled_from([0.0, 0.5, 1.0]))
detections = st.builds(
    Detection,
    st.sampled_from(["person", "dog"]),
    st.integers(0, 3),
    st.one_of(st.floats(0.0, 1.0), st.floats()),
    st.builds(Box, numbers, numbers, numbers, numbers),
)
frames = st.tuples(
    st.lists(detections, max_size=8),
    st.one_of(st.integers(0, 10**9), st.sampled_from([0, -1, -HOUR_NS, HOUR_NS, 10**18, -(10**18)])),
    st.booleans(),
)


def good(x: float = 0.5) -> Detection:
    return Detection("person", 0, 0.8, Box(x - 0.05, 0.4, x + 0.05, 0.6))


def assert_sane(tracks: tuple[Track, ...], number_of_detections: int) -> None:
    assert [track.id for track in tracks] == sorted({track.id for track in tracks})
    taken = [track.detection for track in tracks if track.detection is not None]
    assert len(taken) == len(set(taken))
    assert all(0 <= index < number_of_detections for index in taken)
    for track in tracks:
        box = track.box
        assert 0.0 <= box.x1 <= box.x2 <= 1.0
        assert 0.0 <= box.y1 <= box.y2 <= 1.0
        assert track.score >= 0.1


@settings(max_examples=200, deadline=None)
@given(st.lists(frames, max_size=12))
def test_anything_in_gives_sane_tracks(sequence: list[tuple[list[Detection], int, bool]]) -> None:
    tracker = ByteTracker()
    at_ns = 10**18
    for found, later_ns, was_blind in sequence:
        at_ns += later_ns
        if was_blind:
            tracker.resume(at_ns)
        assert_sane(tracker.update(found, at_ns), len(found))


@pytest.mark.parametrize(
    "box",
    [
        Box(math.nan, 0.4, 0.6, 0.6),
        Box(math.nan, math.nan, math.nan, math.nan),
        Box(0.5, 0.5, 0.5, 0.5),
        Box(0.6, 0.6, 0.4, 0.4),
        Box(0.4, 0.5, 0.6, 0.5),
        Box(1.5, 0.4, 1.7, 0.6),
    ],
)
def test_a_box_that_is_none_is_passed_over(box: Box) -> None:
    tracker = ByteTracker()
    for number in range(5):
        tracks = tracker.update([Detection("person", 0, 0.99, box), good()], number * 10**8)
    assert [(track.id, track.detection, track.confirmed) for track in tracks] == [(1, 1, True)]


def test_a_score_that_is_no_number_is_passed_over() -> None:
    assert ByteTracker().update([Detection("person", 0, math.nan, good().box)], 0) == ()


def test_300_detections_in_one_frame_are_300_tracks_and_then_none() -> None:
    crowd = [
        Detection("person", 0, 0.6, Box(0.04 * i, 0.07 * j, 0.04 * i + 0.03, 0.07 * j + 0.06))
        for i in range(25)
        for j in range(12)
    ]
    tracker = ByteTracker()
    for number in range(4):
        tracks = tracker.update(crowd, number * 2 * 10**8)
    assert_sane(tracks, 300)
    assert sum(track.confirmed for track in tracks) == 300
    for number in range(4, 24):
        tracks = tracker.update([], number * 2 * 10**8)
    assert tracks == ()


def test_a_clock_that_stands_still_ages_nothing() -> None:
    tracker = ByteTracker()
    for number in range(5):
        tracker.update([good()], number * 10**8)
    for _ in range(100):
        tracks = tracker.update([], 4 * 10**8)
    assert [track.id for track in tracks] == [1]


def test_a_clock_that_jumps_back_loses_nobody_and_keeps_nobody_for_ever() -> None:
    tracker = ByteTracker()
    for number in range(5):
        tracker.update([good()], HOUR_NS + number * 10**8)
    assert [track.id for track in tracker.update([good()], 0)] == [1]
    for number in range(1, 20):
        tracks = tracker.update([], number * 2 * 10**8)
    assert tracks == ()


def test_a_clock_that_jumps_ahead_by_hours_starts_anew() -> None:
    tracker = ByteTracker()
    for number in range(5):
        tracker.update([good()], number * 10**8)
    tracks = tracker.update([good()], 5 * HOUR_NS)
    assert [(track.id, track.confirmed) for track in tracks] == [(2, False)]
