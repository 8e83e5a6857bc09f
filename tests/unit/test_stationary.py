"""What stands: told once, and silent until it moves or leaves."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from edgedet.types import EndReason
from event_stage import GATE, SECOND, SQUARE, Actor, Point, Stage, path, rules, still

CAR = Actor(still(0.5, 0.6), label="car", wide=0.3, tall=0.2)


def jittery(seed: int, x: float = 0.5, y: float = 0.6, share: float = 0.04) -> Actor:
    draw = random.Random(seed)

    def way(_: float) -> Point:
        return x + draw.gauss(0.0, share * 0.3), y + draw.gauss(0.0, share * 0.2)

    return replace(CAR, way=way)


@pytest.mark.parametrize("fps", [1.0, 3.0, 10.0, 30.0])
def test_a_parked_car_is_reported_once(fps: float) -> None:
    stage = Stage(rules(stationary_after_s=10.0), fps=fps).play(120.0, jittery(1))
    assert stage.kinds == ["new", "update"]
    assert [event.stationary for _, event in stage.told] == [False, True]
    assert 10.0 <= stage.when("update")[0] <= 10.0 + max(0.5, 2.0 / fps)
    assert stage.lives.counts.objects == {"car": 1}
    assert stage.lives.counts.active == {}


@pytest.mark.parametrize("seed", range(8))
def test_the_trembling_of_a_detector_is_no_movement(seed: int) -> None:
    stage = Stage(rules(stationary_after_s=5.0), fps=5.0).play(300.0, jittery(seed, share=0.08))
    assert stage.kinds == ["new", "update"]


def test_a_box_that_is_wrong_for_a_frame_is_no_movement() -> None:
    wild = replace(CAR, way=lambda at_s: (0.9, 0.3) if round(at_s * 5) % 40 == 39 else (0.5, 0.6))
    assert Stage(rules(stationary_after_s=5.0), fps=5.0).play(120.0, wild).kinds == ["new", "update"]


def test_what_stands_is_silent_however_well_it_is_seen() -> None:
    brighter = replace(CAR, score=lambda at_s: min(0.95, 0.6 + at_s / 200))
    stage = Stage(rules(stationary_after_s=5.0)).play(100.0, brighter)
    assert stage.kinds == ["new", "update"]


def test_a_car_that_drives_off_is_told_to_move_and_then_to_be_gone() -> None:
    leaving = replace(CAR, way=path((0.0, 0.5, 0.6), (30.0, 0.5, 0.6), (34.0, 1.1, 0.6)))
    stage = Stage(rules(stationary_after_s=10.0)).play(40.0, leaving)
    assert stage.kinds == ["new", "update", "update", "end left"]
    assert [event.stationary for _, event in stage.told] == [False, True, False, False]
    assert 30.0 < stage.when("update")[1] < 32.5


def test_a_car_that_comes_and_parks_is_stationary_some_time_after_it_stopped() -> None:
    parking = replace(CAR, way=path((0.0, 0.0, 0.6), (5.0, 0.5, 0.6), (60.0, 0.5, 0.6)))
    stage = Stage(rules(stationary_after_s=10.0)).play(60.0, parking)
    assert stage.kinds == ["new", "update"]
    assert 14.5 <= stage.when("update")[0] <= 16.0


def test_a_stroll_is_never_stationary() -> None:
    stroll = Actor(path((0.0, 0.1, 0.8), (60.0, 0.9, 0.8)))
    stage = Stage(rules(stationary_after_s=10.0), fps=3.0).play(60.0, stroll)
    assert not any(event.stationary for _, event in stage.told)


def test_somebody_who_walks_towards_the_camera_is_not_stationary() -> None:
    draw = Stage(rules(stationary_after_s=5.0), fps=5.0)
    for step in range(150):
        size = 0.1 * 1.02**step
        draw.play(0.2, Actor(still(0.5, 0.5), wide=size / 3, tall=size))
    assert not any(event.stationary for _, event in draw.told)


def test_somebody_who_passes_in_front_of_a_parked_car_does_not_move_it() -> None:
    def half_hidden(at_s: float) -> Point:
        return (0.56, 0.6) if 20.0 < at_s < 22.0 else (0.5, 0.6)

    stage = Stage(rules(stationary_after_s=5.0)).play(60.0, replace(CAR, way=half_hidden))
    assert stage.kinds == ["new", "update"]


def test_what_stands_and_is_hidden_for_a_while_stands_on() -> None:
    stage = Stage(rules(stationary_after_s=5.0)).play(30.0, replace(CAR, hidden=lambda at_s: 10.0 < at_s < 12.5))
    assert stage.kinds == ["new", "update"]


def test_what_stands_in_a_zone_enters_it_and_is_reported_there() -> None:
    stage = Stage(rules(zones=[SQUARE], stationary_after_s=5.0)).play(30.0, jittery(2))
    assert stage.kinds == ["new", "zone_enter square", "update"]
    assert stage.lives.counts.zones == {"square": {"car": 1}}


def test_who_stops_and_goes_is_told_each_time_it_stands() -> None:
    stops = path((0.0, 0.2, 0.6), (15.0, 0.2, 0.6), (18.0, 0.7, 0.6), (40.0, 0.7, 0.6))
    stage = Stage(rules(stationary_after_s=5.0)).play(40.0, Actor(stops))
    assert [event.stationary for _, event in stage.told] == [False, True, False, True]


@pytest.mark.parametrize("fps", [3.0, 10.0, 30.0])
def test_who_waits_before_a_line_and_walks_over_it_stands_no_more_when_that_is_told(fps: float) -> None:
    waits = Actor(path((0.0, 0.5, 0.42), (20.0, 0.5, 0.42), (21.0, 0.5, 0.92)))
    stage = Stage(rules(lines=[GATE], stationary_after_s=5.0), fps=fps).play(21.0, waits)
    assert stage.kinds == ["new", "update", "line_cross gate in", "update"]
    assert [event.stationary for _, event in stage.told] == [False, True, False, False]


def test_a_parked_car_on_a_line_stands_though_somebody_hides_its_wheels() -> None:
    # Its lower edge is where the other one begins, far on the other side of the line, and it is in its place.
    def hidden(at_s: float) -> Point:
        return (0.5, 0.43) if 20.0 < at_s < 22.0 else (0.5, 0.52)

    parked = replace(CAR, way=hidden, wide=0.3, tall=0.3)
    stage = Stage(rules(lines=[GATE], stationary_after_s=5.0)).play(30.0, parked)
    assert all(event.stationary for at_s, event in stage.told if at_s > 10.0)


def seen_again(gap_s: float, *, x: float = 0.5, label: str = "car") -> Stage:
    """A parked car is lost from sight, and after a while something has a track of its own there."""
    stage = Stage(rules(zones=[SQUARE], stationary_after_s=5.0)).play(20.0, CAR).play(gap_s)
    return stage.play(20.0, replace(CAR, id=2, way=still(x, 0.6), label=label))


def test_a_parked_car_that_is_lost_for_some_seconds_is_the_same_when_it_is_seen_again() -> None:
    stage = seen_again(8.0)
    assert stage.kinds == ["new", "zone_enter square", "update"]
    assert stage.lives.counts.objects == {"car": 1}
    assert stage.lives.event_of(2) == "life-1"
    stage.play(9.0)
    assert stage.lives.counts.zones == {"square": {"car": 1}}
    end = stage.play(2.0).told[-1][1]
    assert (end.id, end.track_id, end.started_ns, end.ended_ns) == ("life-1", 2, 0, round(47.9 * SECOND))


def test_a_parked_car_that_stays_out_of_sight_has_ended() -> None:
    stage = seen_again(12.0)
    assert stage.kinds[2:] == ["update", "zone_leave square", "end left", "new", "zone_enter square", "update"]
    assert stage.when("end left") == [30.0]


@pytest.mark.parametrize(("x", "label"), [(0.75, "car"), (0.5, "person")])
def test_what_comes_elsewhere_or_is_something_else_is_not_the_car_that_was_lost(x: float, label: str) -> None:
    assert seen_again(5.0, x=x, label=label).kinds.count("new") == 2


def test_a_walker_who_is_gone_has_left_at_once() -> None:
    walker = Actor(path((0.0, 0.1, 0.8), (5.0, 0.9, 0.8)))
    assert Stage(rules(stationary_after_s=5.0)).play(6.0, walker).when("end left") == [5.1]


def test_a_car_that_was_lost_ends_too_when_everything_ends() -> None:
    stage = Stage(rules(stationary_after_s=5.0)).play(20.0, CAR).play(3.0)
    assert [event.end_reason for event in stage.lives.end_all(EndReason.RESTART, 23 * SECOND)] == [EndReason.RESTART]
    assert stage.lives.counts.objects == {}
