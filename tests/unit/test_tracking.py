"""What becomes of boxes over time: one object, one track, in any rhythm of frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from edgedet.tracking import ByteTracker, Tracker, TrackRules
from edgedet.types import Box, Detection, Track

CLASSES = {"person": 0, "car": 2, "cat": 15, "dog": 16}
RULES = TrackRules()
RATES = [3.0, 5.0, 10.0, 30.0]


def seen(x: float, y: float = 0.5, label: str = "person", score: float = 0.8, wide: float = 0.1) -> Detection:
    """A detection around that centre, twice as high as it is wide."""
    return Detection(label, CLASSES[label], score, Box(x - wide / 2, y - wide, x + wide / 2, y + wide))


class Watch:
    """A tracker and a clock."""

    def __init__(self, tracker: Tracker | None = None) -> None:
        self.tracker = tracker or ByteTracker()
        self.at_s = 100.0
        self.tracks: tuple[Track, ...] = ()

    def look(self, *detections: Detection, after_s: float = 0.2) -> tuple[Track, ...]:
        self.at_s += after_s
        self.tracks = self.tracker.update(detections, round(self.at_s * 1e9))
        return self.tracks

    def resume(self, after_s: float) -> None:
        self.at_s += after_s
        self.tracker.resume(round(self.at_s * 1e9))

    def looks(self, number: int, *detections: Detection, after_s: float = 0.2) -> tuple[Track, ...]:
        for _ in range(number):
            self.look(*detections, after_s=after_s)
        return self.tracks

    def follow(self, seconds: float, fps: float, where: Callable[[float], Sequence[Detection]]) -> list[int]:
        """Ids of all confirmed tracks, in the order of their confirmation."""
        ids: list[int] = []
        start = self.at_s
        while self.at_s - start < seconds:
            for track in self.look(*where(self.at_s - start), after_s=1.0 / fps):
                if track.confirmed and track.id not in ids:
                    ids.append(track.id)
        return ids


@pytest.fixture
def watch() -> Watch:
    return Watch()


def only(tracks: tuple[Track, ...]) -> Track:
    assert len(tracks) == 1
    return tracks[0]


# --- one life -------------------------------------------------------------------------------------------------------


def test_something_new_is_tentative_and_tells_when_it_was_first_seen(watch: Watch) -> None:
    track = only(watch.look(seen(0.5)))
    assert track == Track(1, "person", 0, 0.8, track.box, False, 0, 100_200_000_000, 100_200_000_000)
    assert track.box.x1 == pytest.approx(0.45)


def test_it_is_confirmed_after_some_hits_and_some_time(watch: Watch) -> None:
    confirmed = [only(watch.look(seen(0.5), after_s=0.1)).confirmed for _ in range(6)]
    assert confirmed == [False, False, False, True, True, True]


def test_many_hits_in_no_time_confirm_nothing(watch: Watch) -> None:
    assert not only(watch.looks(8, seen(0.5), after_s=0.01)).confirmed


def test_few_hits_over_a_long_time_confirm_nothing(watch: Watch) -> None:
    assert not only(watch.looks(2, seen(0.5), after_s=0.6)).confirmed


def test_nothing_is_confirmed_in_a_frame_in_which_it_is_not_seen(watch: Watch) -> None:
    watch.looks(3, seen(0.5), after_s=0.1)
    assert not only(watch.look(after_s=0.2)).confirmed
    assert only(watch.look(seen(0.5), after_s=0.1)).confirmed


def test_a_weak_box_begins_nothing(watch: Watch) -> None:
    assert watch.looks(5, seen(0.5, score=RULES.new_score - 0.01)) == ()


def test_a_weak_box_carries_on_what_is_known_and_counts_as_no_hit(watch: Watch) -> None:
    watch.look(seen(0.5))
    weak = only(watch.looks(8, seen(0.5, score=0.15)))
    assert (weak.id, weak.detection, weak.score, weak.confirmed) == (1, 0, 0.15, False)


def test_a_box_below_the_low_threshold_does_not_exist(watch: Watch) -> None:
    watch.looks(5, seen(0.5))
    assert only(watch.look(seen(0.5, score=0.09))).detection is None


def test_a_track_names_its_detection_by_its_place_in_the_frame(watch: Watch) -> None:
    watch.looks(3, seen(0.2), seen(0.8))
    tracks = watch.look(seen(0.5, score=0.05), seen(0.8), seen(0.2))
    assert [(track.id, track.detection) for track in tracks] == [(1, 2), (2, 1)]


def test_tracks_come_in_the_order_of_their_ids(watch: Watch) -> None:
    watch.looks(4, seen(0.2), seen(0.5), seen(0.8))
    watch.looks(4, seen(0.8), seen(0.2), seen(0.05, 0.2))
    assert [track.id for track in watch.tracks] == sorted(track.id for track in watch.tracks)


def test_what_is_not_seen_coasts_and_keeps_its_last_score(watch: Watch) -> None:
    watch.looks(5, seen(0.5))
    seen_ns = only(watch.tracks).seen_ns
    track = only(watch.look())
    assert (track.detection, track.confirmed, track.score, track.seen_ns) == (None, True, 0.8, seen_ns)


def test_it_is_forgotten_after_a_while_and_its_id_never_comes_again(watch: Watch) -> None:
    watch.looks(5, seen(0.5))
    assert len(watch.looks(14, after_s=0.2)) == 1
    assert watch.looks(2, after_s=0.2) == ()
    assert only(watch.look(seen(0.5))).id == 2


def test_what_never_was_confirmed_is_forgotten_sooner(watch: Watch) -> None:
    watch.look(seen(0.5))
    assert len(watch.look(after_s=0.6)) == 1
    assert watch.look(after_s=0.2) == ()


@pytest.mark.parametrize("fps", RATES)
def test_lives_last_as_many_seconds_at_any_rate(fps: float) -> None:
    watch = Watch()
    watch.follow(2.0, fps, lambda _: [seen(0.5)])
    gone = watch.at_s
    while watch.look(after_s=1.0 / fps):
        pass
    assert watch.at_s - gone == pytest.approx(RULES.keep_s, abs=1.01 / fps)


# --- motion ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fps", RATES)
def test_somebody_who_walks_by_is_one_track(fps: float) -> None:
    # Three widths a second: at three frames a second no two boxes overlap.
    assert Watch().follow(3.0, fps, lambda t: [seen(0.05 + 0.3 * t, wide=0.1)]) == [1]


@pytest.mark.parametrize("fps", RATES)
def test_two_who_cross_keep_their_tracks(fps: float) -> None:
    watch = Watch()
    watch.follow(4.0, fps, lambda t: [seen(0.1 + 0.2 * t, 0.5), seen(0.9 - 0.2 * t, 0.53)])
    left, right = sorted(watch.tracks, key=lambda track: track.box.x1)
    assert (left.id, right.id) == (2, 1)


@pytest.mark.parametrize("fps", RATES)
def test_somebody_behind_a_post_comes_out_as_the_same(fps: float) -> None:
    def where(t: float) -> list[Detection]:
        return [] if 0.42 < 0.1 + 0.15 * t < 0.58 else [seen(0.1 + 0.15 * t)]

    assert Watch().follow(5.0, fps, where) == [1]


def test_a_frame_may_be_missing_for_seconds(watch: Watch) -> None:
    watch.follow(2.0, 10.0, lambda t: [seen(0.1 + 0.1 * t)])
    there = only(watch.tracks).box.x1 + 0.05
    assert only(watch.look(seen(there + 0.1 * 2.5), after_s=2.5)).id == 1


def test_a_coasting_box_goes_on_where_it_was_going(watch: Watch) -> None:
    watch.follow(2.0, 10.0, lambda t: [seen(0.1 + 0.2 * t)])
    before = only(watch.tracks).box.x1
    assert only(watch.look(after_s=0.5)).box.x1 == pytest.approx(before + 0.1, abs=0.03)


def test_who_walks_out_of_the_picture_is_not_kept_for_long(watch: Watch) -> None:
    def leaving(t: float) -> list[Detection]:
        x = 0.7 + 0.2 * t
        box = Box(min(1.0, x - 0.05), 0.4, min(1.0, x + 0.05), 0.6)
        return [Detection("person", 0, 0.8, box)] if box.area > 0.002 else []

    watch.follow(1.7, 10.0, leaving)
    assert len(watch.tracks) == 1
    assert watch.looks(5, after_s=0.1) == ()


def test_a_car_that_leaves_is_not_expected_back_though_its_box_ends_short_of_the_edge(watch: Watch) -> None:
    for number in range(24):
        bottom = 0.5 - 0.02 * number
        top = max(bottom - 0.3, 0.01 if number % 4 == 3 else 0.0)
        watch.look(Detection("car", 2, 0.8, Box(0.4, top, 0.6, bottom)), after_s=0.08)
    assert len(watch.tracks) == 1
    assert watch.looks(7, after_s=0.08) == ()


def test_who_stands_at_the_edge_is_kept(watch: Watch) -> None:
    half = Detection("person", 0, 0.8, Box(0.94, 0.4, 1.0, 0.6))
    watch.looks(20, half)
    assert len(watch.looks(10)) == 1


def test_a_car_that_drives_past_a_parked_one_takes_nothing_of_it(watch: Watch) -> None:
    parked = seen(0.5, 0.5, "car", wide=0.2)

    def where(t: float) -> list[Detection]:
        x = -0.1 + 0.4 * (t - 4.0)
        passing = [seen(x, 0.6, "car", wide=0.22)] if 0.0 < x < 1.0 else []
        # It is hidden while the other one is in front of it.
        return passing if abs(x - 0.5) < 0.2 else [parked, *passing]

    assert watch.follow(9.0, 5.0, where) == [1, 2]
    assert only(tuple(track for track in watch.tracks if track.detection is not None)).id == 1


def test_a_parked_car_is_one_track_all_night(watch: Watch) -> None:
    assert watch.follow(600.0, 1.0, lambda t: [seen(0.5, label="car")] if t % 7 > 1.5 else []) == [1]


@pytest.mark.parametrize("fps", RATES)
def test_who_stood_for_long_and_walks_off_is_the_same(fps: float) -> None:
    def where(t: float) -> list[Detection]:
        # From the side a walker is three times as wide as somebody who waits.
        waits = Detection("person", 0, 0.8, Box(0.48, 0.4, 0.52, 0.6))
        return [waits] if t < 6.0 else [seen(0.5 - 0.12 * (t - 6.0))]

    assert Watch().follow(9.0, fps, where) == [1]


def test_who_walks_off_in_frames_that_nobody_saw_is_the_same(watch: Watch) -> None:
    watch.looks(30, seen(0.5))
    watch.looks(2)
    assert only(watch.look(seen(0.62))).id == 1


def test_what_appears_far_from_a_lost_one_is_something_new(watch: Watch) -> None:
    watch.looks(30, seen(0.5))
    watch.looks(2)
    assert [track.id for track in watch.look(seen(0.8))] == [1, 2]


def test_a_lost_dog_is_no_person(watch: Watch) -> None:
    watch.looks(30, seen(0.5, label="dog"))
    watch.looks(2)
    assert [track.id for track in watch.look(seen(0.62))] == [1, 2]


def test_a_lost_one_is_not_taken_for_another_that_is_still_seen(watch: Watch) -> None:
    watch.looks(30, seen(0.5), seen(0.62))
    assert [track.detection for track in watch.looks(2, seen(0.62))] == [None, 0]


def behind_another(hidden_s: float) -> tuple[Watch, int]:
    """Somebody is seen for three seconds, and is then out of sight behind somebody nearer."""
    watch = Watch()
    behind = seen(0.5, 0.5, wide=0.08)
    ways = [0.8] * 15 + [0.8 - 0.03 * step for step in range(11)]
    for x in ways:
        watch.look(*([behind] if x > 0.6 else []), seen(x, 0.55, wide=0.16))
    watch.looks(round(hidden_s / 0.2), seen(0.5, 0.55, wide=0.16))
    return watch, len(watch.tracks)


def test_who_is_hidden_by_another_is_remembered_for_longer_but_not_for_ever() -> None:
    watch, remembered = behind_another(RULES.keep_s + 2.0)
    assert remembered == 2
    assert [track.id for track in watch.look(seen(0.5, 0.5, wide=0.08), seen(0.4, 0.55, wide=0.16))] == [1, 2]
    _, remembered = behind_another(RULES.keep_hidden_s + 2.0)
    assert remembered == 1


# --- labels ---------------------------------------------------------------------------------------------------------


def test_a_dog_that_is_a_cat_for_a_frame_stays_a_dog(watch: Watch) -> None:
    watch.looks(5, seen(0.5, label="dog", score=0.6))
    assert only(watch.look(seen(0.5, label="cat", score=0.9))).label == "dog"


def test_a_dog_that_goes_on_being_a_cat_is_one(watch: Watch) -> None:
    watch.looks(5, seen(0.5, label="dog", score=0.6))
    watch.looks(20, seen(0.5, label="cat", score=0.9))
    track = only(watch.tracks)
    assert (track.id, track.label, track.class_id) == (1, "cat", CLASSES["cat"])


def test_one_box_with_two_labels_is_one_object(watch: Watch) -> None:
    dog, cat = seen(0.5, label="dog", score=0.7), seen(0.502, label="cat", score=0.6)
    track = only(watch.looks(5, cat, dog))
    assert (track.label, track.detection) == ("dog", 1)


def test_a_person_does_not_become_the_dog_beside_it(watch: Watch) -> None:
    watch.looks(5, seen(0.5, label="person"))
    assert len(watch.look(seen(0.57, label="dog"))) == 2


# --- doubles --------------------------------------------------------------------------------------------------------


def test_a_second_box_on_one_object_begins_no_second_track(watch: Watch) -> None:
    watch.looks(3, seen(0.5))
    assert len(watch.looks(3, seen(0.5), seen(0.528, score=0.7))) == 1


def test_a_double_that_the_detector_left_over_is_no_second_object(watch: Watch) -> None:
    # Their intersection over union is 0.67: the detector's own suppression keeps both.
    assert len(watch.looks(5, seen(0.5), seen(0.52, score=0.7))) == 1


def test_a_person_and_a_dog_in_nearly_one_place_are_two(watch: Watch) -> None:
    watch.looks(3, seen(0.5))
    assert len(watch.looks(5, seen(0.5), seen(0.52, label="dog", score=0.7))) == 2


def test_two_who_stand_close_together_are_two(watch: Watch) -> None:
    assert len(watch.looks(5, seen(0.5), seen(0.56))) == 2


# --- blind ----------------------------------------------------------------------------------------------------------


def test_blind_time_ages_nothing(watch: Watch) -> None:
    watch.looks(5, seen(0.5))
    watch.resume(after_s=3600.0)
    assert only(watch.look(after_s=0.1)).id == 1
    assert only(watch.look(seen(0.5))).id == 1


def test_what_is_not_there_any_more_after_blind_time_is_forgotten_in_its_turn(watch: Watch) -> None:
    watch.looks(5, seen(0.5))
    watch.resume(after_s=60.0)
    assert watch.looks(16, after_s=0.2) == ()


def test_resuming_before_anything_was_seen_does_nothing(watch: Watch) -> None:
    watch.resume(after_s=1.0)
    assert only(watch.look(seen(0.5))).id == 1


def test_long_silence_without_a_reason_is_forgotten(watch: Watch) -> None:
    watch.looks(5, seen(0.5))
    assert only(watch.look(seen(0.5), after_s=7200.0)).id == 2


# --- another tracker ------------------------------------------------------------------------------------------------


class NearestCentre(Tracker):
    """The simplest tracker that does its duty: whatever is nearest to where something was is the same."""

    def __init__(self) -> None:
        self._tracks: list[Track] = []
        self._last_ns = 0
        self._last_id = 0

    def resume(self, at_ns: int) -> None:
        blind_ns = at_ns - self._last_ns
        self._tracks = [replace(track, seen_ns=track.seen_ns + blind_ns) for track in self._tracks]

    def update(self, detections: Sequence[Detection], at_ns: int) -> tuple[Track, ...]:
        self._last_ns = at_ns
        left = {index: found for index, found in enumerate(detections) if found.score >= 0.4}
        known = [self._carried_on(track, left, at_ns) for track in self._tracks]
        fresh = [self._begun(index, found, at_ns) for index, found in left.items()]
        self._tracks = [track for track in known if at_ns - track.seen_ns < 3e9] + fresh
        return tuple(self._tracks)

    def _carried_on(self, track: Track, left: dict[int, Detection], at_ns: int) -> Track:
        far = {index: abs(found.box.x1 - track.box.x1) for index, found in left.items()}
        index = min(far, key=far.__getitem__, default=None)
        if index is None or far[index] > 0.1:
            return replace(track, detection=None)
        found = left.pop(index)
        sure = at_ns - track.first_ns > 3e8
        return replace(track, box=found.box, score=found.score, detection=index, confirmed=sure, seen_ns=at_ns)

    def _begun(self, index: int, found: Detection, at_ns: int) -> Track:
        self._last_id += 1
        return Track(self._last_id, found.label, found.class_id, found.score, found.box, False, index, at_ns, at_ns)


@pytest.mark.parametrize("make", [ByteTracker, NearestCentre])
def test_any_tracker_gives_one_confirmed_track_for_one_who_passes_and_ends_it(make: Callable[[], Tracker]) -> None:
    watch = Watch(make())
    assert watch.follow(4.0, 10.0, lambda t: [seen(0.2 + 0.1 * t)]) == [1]
    watch.resume(after_s=100.0)
    assert only(watch.look()).id == 1
    assert watch.looks(20) == ()
