"""The life of an event: told once, whole, and in order."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import pytest

from edgedet.events.filters import Filters, LabelFilter
from edgedet.types import Box, EndReason, EventKind, FrameStamp, Track
from event_stage import GATE, SECOND, SQUARE, Actor, Stage, path, rules, still


def test_a_walk_through_is_told_once_from_its_coming_to_its_going() -> None:
    walker = Actor(path((1.0, 0.6, 0.2), (6.0, 0.6, 1.0)))
    stage = Stage(rules(zones=[SQUARE], lines=[GATE])).play(8.0, walker)
    assert stage.kinds == ["new", "zone_enter square", "line_cross gate in", "zone_leave square", "end left"]
    assert {event.id for _, event in stage.told} == {"life-1"}
    end = stage.told[-1][1]
    assert (end.started_ns, end.ended_ns, end.captured_ns) == (1 * SECOND, 6 * SECOND, round(6.1 * SECOND))
    assert end.zones == ()
    assert end.entered_zones == ("square",)


def test_a_scene_without_objects_tells_nothing() -> None:
    assert Stage(rules(zones=[SQUARE], lines=[GATE])).play(60.0).told == []


def test_what_never_was_confirmed_is_never_told_of() -> None:
    glimpse = Actor(path((1.0, 0.6, 0.5), (1.2, 0.6, 0.5)))
    stage = Stage(rules(zones=[SQUARE])).play(3.0, glimpse)
    assert stage.told == []
    assert stage.lives.counts.objects == {}


def test_one_lucky_frame_makes_no_person() -> None:
    shrub = Actor(still(0.5, 0.5), score=lambda at_s: 0.9 if round(at_s, 1) in (1.0, 2.0, 3.0) else 0.35)
    assert Stage(rules()).play(5.0, shrub).told == []


def test_a_person_that_is_well_seen_most_of_the_time_is_told_of() -> None:
    person = Actor(still(0.5, 0.5), score=lambda at_s: 0.2 if round(at_s * 10) % 3 == 0 else 0.7)
    assert Stage(rules()).play(2.0, person).kinds == ["new"]


def test_two_sightings_are_not_enough_however_good_they_are() -> None:
    stage = Stage(rules(), fps=2.0, confirm_s=0.0)
    assert stage.play(1.0, Actor(still(0.5, 0.5))).kinds == []
    assert stage.play(0.5, Actor(still(0.5, 0.5))).kinds == ["new"]


def test_an_object_is_told_of_only_after_its_minimal_time() -> None:
    filters = Filters(0.5, {"person": LabelFilter(min_time_s=2.0)})
    assert Stage(rules(filters=filters)).play(4.0, Actor(path((1.0, 0.5, 0.5), (4.0, 0.6, 0.5)))).when("new") == [3.0]


@pytest.mark.parametrize(("night", "told"), [(False, []), (True, ["new"])])
def test_by_night_another_threshold_holds(night: bool, told: list[str]) -> None:
    stage = Stage(rules(filters=Filters(0.6, night_min_score=0.4)), night=night)
    assert stage.play(3.0, Actor(still(0.5, 0.5), score=0.5)).kinds == told


def test_an_object_of_the_wrong_size_or_shape_is_not_told_of() -> None:
    filters = Filters(0.5, {"person": LabelFilter(min_area=0.05, max_ratio=1.0)})
    small = Actor(still(0.5, 0.9), wide=0.1, tall=0.2)
    broad = Actor(still(0.5, 0.9), wide=0.4, tall=0.2, id=2)
    right = Actor(still(0.5, 0.9), wide=0.1, tall=0.6, id=3)
    stage = Stage(rules(filters=filters)).play(3.0, small, broad, right)
    assert [event.track_id for _, event in stage.told] == [3]


def test_once_told_of_an_object_stays_though_it_is_seen_badly() -> None:
    fading = Actor(path((0.0, 0.5, 0.5), (10.0, 0.6, 0.5)), score=lambda at_s: 0.8 if at_s < 1.0 else 0.2)
    assert Stage(rules()).play(12.0, fading).kinds == ["new", "end left"]


def test_better_scores_are_told_at_most_every_few_seconds() -> None:
    nearing = Actor(path((0.0, 0.1, 0.5), (20.0, 0.9, 0.5)), score=lambda at_s: min(0.99, 0.5 + at_s * 0.05))
    stage = Stage(rules()).play(20.0, nearing)
    updates = stage.when("update")
    assert 2 <= len(updates) <= 4
    assert all(later - earlier >= 3.0 - 1e-6 for earlier, later in pairwise([stage.when("new")[0], *updates]))
    told = [event.top_score for _, event in stage.told]
    assert all(later >= earlier + 0.1 for earlier, later in pairwise(told[:-1]))


def test_a_score_that_wavers_is_no_news() -> None:
    wavering = Actor(path((0.0, 0.1, 0.5), (30.0, 0.9, 0.5)), score=lambda at_s: 0.7 + 0.09 * math.sin(at_s))
    assert Stage(rules()).play(30.0, wavering).kinds == ["new"]


def test_a_told_dog_that_is_called_a_cat_for_a_moment_stays_a_dog() -> None:
    dog = Actor(still(0.5, 0.5), label=lambda at_s: "cat" if 3.0 <= at_s < 4.5 else "dog")
    stage = Stage(rules()).play(8.0, dog)
    assert stage.kinds == ["new"]
    assert stage.lives.counts.objects == {"dog": 1}


def test_a_told_dog_that_is_a_cat_after_all_is_told_to_be_one_once() -> None:
    cat = Actor(still(0.5, 0.5), label=lambda at_s: "dog" if at_s < 3.0 else "cat")
    stage = Stage(rules()).play(10.0, cat)
    assert stage.kinds == ["new", "update"]
    assert [event.label for _, event in stage.told] == ["dog", "cat"]
    assert stage.when("update") == [5.0]
    assert stage.lives.counts.objects == {"cat": 1}


def test_a_told_object_does_not_become_what_does_not_count() -> None:
    filters = Filters(0.5, {"horse": LabelFilter(min_score=0.95)})
    stage = Stage(rules(filters=filters))
    stage.play(10.0, Actor(still(0.5, 0.5), label=lambda at_s: "dog" if at_s < 3.0 else "horse"))
    assert stage.lives.counts.objects == {"dog": 1}


def test_what_is_gone_when_the_camera_looks_again_has_ended_for_that_reason() -> None:
    stage = Stage(rules(zones=[SQUARE])).play(3.0, Actor(still(0.6, 0.9)))
    stage.lives.blind()
    stage.at_s += 300.0
    stage.play(1.0)
    assert stage.kinds == ["new", "zone_enter square", "zone_leave square", "end blind"]
    assert stage.told[-1][1].ended_ns == round(2.9 * SECOND)


def test_what_is_given_up_some_time_after_the_camera_looks_again_has_ended_blind_too() -> None:
    person = Actor(still(0.6, 0.9), hidden=lambda at_s: at_s > 3.0)
    stage = Stage(rules()).play(3.0, person)
    stage.lives.blind()
    stage.at_s += 300.0
    assert stage.play(2.0, person).play(1.0).kinds == ["new", "end blind"]


def test_what_is_seen_again_after_blindness_goes_on_and_may_leave() -> None:
    stage = Stage(rules(zones=[SQUARE])).play(3.0, Actor(still(0.6, 0.9)))
    stage.lives.blind()
    stage.at_s += 300.0
    stage.play(1.0, Actor(still(0.6, 0.9))).play(1.0)
    assert stage.kinds == ["new", "zone_enter square", "zone_leave square", "end left"]


def test_blind_time_is_no_time_spent_in_a_zone() -> None:
    lingering = replace(SQUARE, loiter_s=20.0)
    stage = Stage(rules(zones=[lingering])).play(5.0, Actor(still(0.6, 0.9)))
    stage.lives.blind()
    stage.at_s += 300.0
    stage.play(10.0, Actor(still(0.6, 0.9)))
    assert "update" not in stage.kinds
    assert stage.play(6.0, Actor(still(0.6, 0.9))).kinds == ["new", "zone_enter square", "update"]


@pytest.mark.parametrize("reason", [EndReason.RESTART, EndReason.OFF])
def test_everything_that_was_told_of_ends_when_looking_ends(reason: EndReason) -> None:
    stage = Stage(rules(zones=[SQUARE])).play(3.0, Actor(still(0.6, 0.9)), Actor(still(0.1, 0.2), id=2))
    stage.frame(Actor(still(0.6, 0.9)), Actor(still(0.1, 0.2), id=2), Actor(still(0.3, 0.2), id=3))
    events = stage.lives.end_all(reason, 4 * SECOND)
    assert [(event.kind, event.track_id) for event in events] == [
        (EventKind.ZONE_LEAVE, 1),
        (EventKind.END, 1),
        (EventKind.END, 2),
    ]
    assert {event.end_reason for event in events if event.kind is EventKind.END} == {reason}
    assert stage.lives.counts.objects == {}
    assert stage.lives.end_all(reason, 5 * SECOND) == ()


def test_a_zone_that_the_configuration_no_longer_has_is_left_and_the_life_goes_on() -> None:
    other = replace(SQUARE, name="other")
    person = Actor(still(0.6, 0.9))
    stage = Stage(rules(zones=[SQUARE, other], lines=[GATE])).play(3.0, person)
    events = stage.lives.change(rules(zones=[other]))
    assert [(event.kind, event.zone, event.zones) for event in events] == [
        (EventKind.ZONE_LEAVE, "square", ("other",)),
    ]
    stage.told.clear()
    assert stage.play(2.0, person).kinds == []
    assert stage.lives.counts.zones == {"other": {"person": 1}}


def test_a_zone_that_is_new_in_the_configuration_is_entered() -> None:
    stage = Stage(rules()).play(3.0, Actor(still(0.6, 0.9)))
    stage.lives.change(rules(zones=[SQUARE]))
    assert stage.play(1.0, Actor(still(0.6, 0.9))).when("zone_enter square") == [3.5]


def test_counts_are_of_what_was_told_of_by_label() -> None:
    zone = replace(SQUARE, labels=("person", "car"))
    actors = [
        Actor(still(0.6, 0.9)),
        Actor(still(0.7, 0.9), id=2),
        Actor(still(0.6, 0.8), id=3, label="dog"),
        Actor(still(0.1, 0.2), id=4),
        Actor(still(0.6, 0.9), id=5, score=0.3),
    ]
    stage = Stage(rules(zones=[zone])).play(2.0, *actors)
    counts = stage.lives.counts
    assert counts.objects == {"person": 3, "dog": 1}
    assert counts.active == {"person": 3, "dog": 1}
    assert counts.zones == {"square": {"person": 2, "car": 0}}


def test_a_track_is_found_under_the_id_of_its_life_once_that_is_told() -> None:
    stage = Stage(rules()).play(0.2, Actor(still(0.5, 0.5)))
    assert stage.lives.event_of(1) is None
    stage.play(1.0, Actor(still(0.5, 0.5)))
    assert stage.lives.event_of(1) == "life-1"
    assert stage.lives.event_of(2) is None
    stage.play(0.1)
    assert stage.lives.event_of(1) is None


def test_the_id_is_made_from_the_time_of_the_first_sighting() -> None:
    stage = Stage(rules(), new_id=lambda started_ns: f"from-{started_ns}")
    stage.play(3.0, Actor(path((1.0, 0.5, 0.5), (3.0, 0.5, 0.5))))
    assert stage.told[0][1].id == f"from-{SECOND}"


def test_time_that_stands_still_lets_nothing_come_due() -> None:
    stage = Stage(rules(zones=[SQUARE], stationary_after_s=2.0)).play(1.0, Actor(still(0.1, 0.2)))
    for _ in range(100):
        stage.frame(Actor(still(0.6, 0.9)))
    assert stage.kinds == ["new"]


@pytest.mark.parametrize("jump_s", [-3600.0, 3600.0, 1e6])
def test_a_clock_that_jumps_makes_nobody_loiter_and_ends_nothing(jump_s: float) -> None:
    zone = replace(SQUARE, loiter_s=60.0)
    stage = Stage(rules(zones=[zone])).play(5.0, Actor(still(0.6, 0.9)))
    tracks = (Track(1, "person", 0, 0.8, Box(0.55, 0.7, 0.65, 0.9), True, 0, 0, round(5 * SECOND)),)
    for frame in range(50):
        at_ns = round((5.0 + jump_s + frame / 10) * SECOND)
        assert stage.lives.observe(tracks, FrameStamp(frame, at_ns, 0.0, 640, 480), at_ns) == ()


@pytest.mark.parametrize("box", [Box(math.nan, 0, 1, 1), Box(0.5, 0.5, 0.5, 0.5), Box(-3, -3, 4, 4), Box(1, 1, 0, 0)])
def test_a_box_that_makes_no_sense_does_no_harm(box: Box) -> None:
    stage = Stage(rules(zones=[SQUARE, replace(SQUARE, name="any", anchor="any")], lines=[GATE]))
    stage.play(2.0, Actor(path((0.0, 0.1, 0.2), (2.0, 0.6, 0.9))))
    before = len(stage.told)
    at_ns = round(stage.at_s * SECOND)
    track = Track(1, "person", 0, 0.8, box, True, 0, 0, at_ns)
    stage.lives.observe((track, replace(track, id=2)), FrameStamp(99, at_ns, 0.0, 640, 480), at_ns)
    assert len(stage.told) == before
    assert stage.play(3.0).kinds[-1] == "end left"
    assert all(math.isfinite(event.score + event.box.x1 + event.box.y2) for _, event in stage.told)
