"""Crossing a line: once, in the right direction, and only through the line itself."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from edgedet.events.rules import LineRule
from event_stage import GATE, Actor, Point, Stage, Way, path, rules, still

DOWN = path((0.0, 0.5, 0.3), (4.0, 0.5, 0.7))
UP = path((0.0, 0.5, 0.7), (4.0, 0.5, 0.3))


def crossings(stage: Stage) -> list[str]:
    return [event.direction or "" for _, event in stage.told if event.line == "gate"]


@pytest.mark.parametrize("fps", [3.0, 10.0, 30.0])
@pytest.mark.parametrize(("way", "direction"), [(DOWN, "in"), (UP, "out")])
def test_in_is_from_the_left_of_the_line_to_its_right(fps: float, way: Way, direction: str) -> None:
    stage = Stage(rules(lines=[GATE]), fps=fps).play(5.0, Actor(way))
    assert crossings(stage) == [direction]
    assert stage.when(f"line_cross gate {direction}")[0] - 2.0 <= max(0.5, 2.0 / fps)


def test_a_line_the_other_way_round_has_the_other_directions() -> None:
    stage = Stage(rules(lines=[replace(GATE, start=GATE.end, end=GATE.start)])).play(5.0, Actor(DOWN))
    assert crossings(stage) == ["out"]


def test_an_upright_line_is_crossed_from_side_to_side() -> None:
    upward = LineRule("gate", (0.5, 0.9), (0.5, 0.1))
    assert crossings(Stage(rules(lines=[upward])).play(5.0, Actor(path((0.0, 0.3, 0.5), (4.0, 0.7, 0.5))))) == ["in"]


@pytest.mark.parametrize("fps", [3.0, 10.0, 30.0])
@pytest.mark.parametrize("seed", range(5))
def test_trembling_on_the_line_tells_nothing(fps: float, seed: int) -> None:
    draw = random.Random(seed)
    trembling = Actor(lambda _: (0.5, 0.5 + draw.gauss(0.0, 0.003)))
    assert crossings(Stage(rules(lines=[GATE]), fps=fps).play(60.0, trembling)) == []


@pytest.mark.parametrize("fps", [3.0, 10.0, 30.0])
@pytest.mark.parametrize("seed", range(5))
def test_a_walk_with_a_tremble_is_one_crossing(fps: float, seed: int) -> None:
    draw = random.Random(seed)

    def way(at_s: float) -> Point:
        return 0.5 + draw.gauss(0.0, 0.004), 0.3 + 0.06 * at_s + draw.gauss(0.0, 0.004)

    assert crossings(Stage(rules(lines=[GATE]), fps=fps).play(8.0, Actor(way))) == ["in"]


def test_who_goes_on_slowly_right_behind_the_line_has_crossed_though_a_box_is_wrong() -> None:
    # Two sightings clearly beyond, then one that is not quite: nearer to the line, and still beyond it.
    feet = (0.48, 0.49, 0.51, 0.514, 0.507, 0.514)

    def way(at_s: float) -> Point:
        return 0.5, feet[max(0, min(round(at_s * 5.0) - 5, 5))]

    stage = Stage(rules(lines=[GATE]), fps=5.0).play(3.0, Actor(way))
    assert stage.when("line_cross gate in") == [1.8]


def test_to_and_fro_are_two_crossings() -> None:
    back = path((0.0, 0.5, 0.3), (3.0, 0.5, 0.7), (6.0, 0.5, 0.3))
    stage = Stage(rules(lines=[GATE])).play(7.0, Actor(back))
    assert crossings(stage) == ["in", "out"]


def test_a_runner_who_jumps_the_line_between_two_frames_has_crossed_it() -> None:
    runner = Actor(path((0.0, 0.3, 0.1), (1.4, 0.7, 1.0)))
    assert crossings(Stage(rules(lines=[GATE]), fps=3.0).play(3.0, runner)) == ["in"]


def test_what_crossed_before_it_was_told_of_is_told_right_after() -> None:
    sprinter = Actor(path((0.0, 0.5, 0.3), (1.0, 0.5, 0.9)))
    stage = Stage(rules(lines=[GATE]), confirm_s=0.8).play(1.0, sprinter)
    assert stage.kinds == ["new", "line_cross gate in"]


def test_what_is_never_told_of_is_not_counted() -> None:
    stage = Stage(rules(lines=[GATE])).play(5.0, Actor(DOWN, score=0.3))
    assert crossings(stage) == []


@pytest.mark.parametrize("x", [0.1, 0.9])
def test_a_way_around_the_end_of_the_line_is_no_crossing(x: float) -> None:
    assert crossings(Stage(rules(lines=[GATE])).play(5.0, Actor(path((0.0, x, 0.3), (4.0, x, 0.7))))) == []


def test_who_goes_in_through_the_line_and_comes_back_around_it_can_go_in_again() -> None:
    rounds = path(
        (0.0, 0.5, 0.3), (2.0, 0.5, 0.7), (4.0, 0.95, 0.7), (6.0, 0.95, 0.3), (8.0, 0.5, 0.3), (10.0, 0.5, 0.7)
    )
    assert crossings(Stage(rules(lines=[GATE])).play(11.0, Actor(rounds))) == ["in", "in"]


def test_a_slanting_way_counts_where_it_meets_the_line() -> None:
    outside = Actor(path((0.0, 0.64, 0.44), (0.5, 1.0, 0.56)))
    inside = Actor(path((0.0, 0.58, 0.44), (0.5, 0.90, 0.56)), id=2)
    stage = Stage(rules(lines=[GATE]), fps=2.0, confirm_s=0.0)
    stage.play(1.0, outside, inside)
    stage.play(1.0, replace(outside, way=still(1.0, 0.56)), replace(inside, way=still(0.90, 0.56)))
    assert [(event.track_id, event.direction) for _, event in stage.told if event.line] == [(2, "in")]


def test_who_comes_out_of_the_door_right_behind_the_line_is_counted() -> None:
    leaver = Actor(path((0.0, 0.5, 0.49), (4.0, 0.5, 0.8)))
    assert crossings(Stage(rules(lines=[GATE])).play(5.0, leaver)) == ["in"]


def test_who_crosses_while_hidden_has_crossed_when_seen_again() -> None:
    walker = Actor(DOWN, hidden=lambda at_s: 1.0 < at_s < 3.0)
    stage = Stage(rules(lines=[GATE])).play(5.0, walker)
    assert crossings(stage) == ["in"]
    assert stage.when("line_cross gate in") == [3.0]


def test_who_goes_through_the_door_and_is_not_seen_again_has_crossed() -> None:
    leaver = Actor(path((0.0, 0.5, 0.3), (2.1, 0.5, 0.51), (5.0, 0.5, 0.51)), hidden=lambda at_s: at_s > 2.15)
    stage = Stage(rules(lines=[GATE])).play(5.0, leaver)
    assert crossings(stage) == ["in"]
    assert stage.when("line_cross gate in")[0] <= 2.5


def test_nobody_is_said_to_have_crossed_while_nobody_looked() -> None:
    stage = Stage(rules(lines=[GATE])).play(1.0, Actor(still(0.5, 0.4)))
    stage.lives.blind()
    stage.at_s = 60.0
    assert crossings(stage.play(1.0, Actor(still(0.5, 0.6)))) == []


def test_who_crosses_in_a_gap_of_some_seconds_has_crossed() -> None:
    stage = Stage(rules(lines=[GATE])).play(1.0, Actor(DOWN))
    stage.lives.blind()
    stage.at_s = 3.0
    assert crossings(stage.play(1.0, Actor(DOWN))) == ["in"]


def test_a_line_of_other_labels_takes_no_notice() -> None:
    stage = Stage(rules(lines=[replace(GATE, labels=("car",))])).play(5.0, Actor(DOWN), Actor(UP, id=2, label="car"))
    assert [(event.track_id, event.direction) for _, event in stage.told if event.line] == [(2, "out")]


def test_two_lines_are_crossed_one_after_the_other() -> None:
    second = LineRule("door", (0.2, 0.6), (0.8, 0.6))
    stage = Stage(rules(lines=[second, GATE])).play(5.0, Actor(DOWN))
    assert [event.line for _, event in stage.told if event.line] == ["gate", "door"]
