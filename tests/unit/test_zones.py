"""Coming into a zone, leaving it, and staying in it too long."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest

from edgedet.events.rules import Anchor, ZoneRule
from edgedet.events.shapes import Area
from edgedet.types import Box
from event_stage import SQUARE, Actor, Stage, path, rules, still

L_SHAPE = Area(((0.1, 0.1), (0.5, 0.1), (0.5, 0.5), (0.9, 0.5), (0.9, 0.9), (0.1, 0.9)))
VISIT = path((0.0, 0.1, 0.9), (2.0, 0.1, 0.9), (2.01, 0.6, 0.9), (6.0, 0.6, 0.9), (6.01, 0.1, 0.9), (9.0, 0.1, 0.9))
"""Outside, from the 2nd second on inside, from the 6th on outside again."""


@pytest.mark.parametrize(
    ("x", "y", "inside"),
    [(0.3, 0.3, True), (0.7, 0.7, True), (0.7, 0.3, False), (0.3, 0.95, False), (0.05, 0.5, False), (0.499, 0.3, True)],
)
def test_a_point_is_inside_a_polygon_with_a_bay_or_not(x: float, y: float, inside: bool) -> None:
    assert L_SHAPE.contains(x, y) is inside


@pytest.mark.parametrize("point", [(0.1, 0.1), (0.3, 0.1), (0.1, 0.5), (0.5, 0.5), (0.7, 0.5), (0.9, 0.9), (0.4, 0.9)])
def test_corners_and_edges_are_part_of_the_area(point: tuple[float, float]) -> None:
    assert L_SHAPE.contains(*point)


def test_the_order_of_the_corners_does_not_matter() -> None:
    corners = ((0.2, 0.1), (0.9, 0.4), (0.6, 0.9), (0.1, 0.7))
    one, other = Area(corners), Area(corners[::-1])
    draw = random.Random(1)
    points = [(draw.random(), draw.random()) for _ in range(500)]
    assert [one.contains(*point) for point in points] == [other.contains(*point) for point in points]


def test_areas_are_as_large_as_they_should_be() -> None:
    draw = random.Random(2)
    circle = Area(
        tuple((0.5 + 0.4 * math.cos(a / 10 * math.pi), 0.5 + 0.4 * math.sin(a / 10 * math.pi)) for a in range(20))
    )
    share = sum(circle.contains(draw.random(), draw.random()) for _ in range(20_000)) / 20_000
    assert share == pytest.approx(0.5 * 20 * 0.4**2 * math.sin(math.pi / 10), abs=0.01)


def test_an_object_that_is_cut_off_by_the_picture_s_edge_is_in_a_zone_that_ends_there() -> None:
    zone = Area(((0.2, 0.6), (0.8, 0.6), (0.8, 1.0), (0.2, 1.0)))
    assert zone.holds(Box(0.4, 0.5, 0.6, 1.0), "bottom")
    assert zone.holds(Box(0.4, 0.5, 0.6, 1.02), "bottom")


@pytest.mark.parametrize(
    ("anchor", "box", "inside"),
    [
        ("bottom", Box(0.5, 0.1, 0.7, 0.5), True),
        ("bottom", Box(0.5, 0.5, 0.7, 1.0), False),
        ("centre", Box(0.5, 0.5, 0.7, 1.0), True),
        ("centre", Box(0.5, 0.1, 0.7, 0.5), False),
        ("any", Box(0.0, 0.0, 0.41, 0.41), True),
        ("any", Box(0.0, 0.0, 0.39, 0.39), False),
        ("any", Box(0.5, 0.5, 0.6, 0.6), True),
        ("any", Box(0.0, 0.0, 1.0, 1.0), True),
        ("any", Box(0.0, 0.5, 1.0, 0.6), True),
    ],
)
def test_what_of_a_box_must_be_inside_is_a_matter_of_the_anchor(anchor: Anchor, box: Box, inside: bool) -> None:
    assert Area(((0.4, 0.4), (0.8, 0.4), (0.8, 0.8), (0.4, 0.8))).holds(box, anchor) is inside


def test_any_part_is_not_the_polygon_s_own_rectangle() -> None:
    triangle = Area(((0.0, 0.0), (1.0, 1.0), (0.0, 1.0)))
    assert not triangle.holds(Box(0.7, 0.1, 0.9, 0.3), "any")
    assert triangle.holds(Box(0.7, 0.1, 0.9, 0.75), "any")


@pytest.mark.parametrize("fps", [3.0, 5.0, 10.0, 30.0])
@pytest.mark.parametrize(("dwell_s", "inertia_s"), [(0.0, 0.0), (0.0, 0.5), (1.5, 0.5), (0.3, 1.0), (2.0, 0.0)])
def test_coming_and_going_are_told_once_and_on_time(fps: float, dwell_s: float, inertia_s: float) -> None:
    zone = replace(SQUARE, dwell_s=dwell_s, inertia_s=inertia_s)
    stage = Stage(rules(zones=[zone]), fps=fps).play(9.0, Actor(VISIT))
    assert [kind for kind in stage.kinds if kind.startswith("zone")] == ["zone_enter square", "zone_leave square"]
    (entered,), (left,) = stage.when("zone_enter square"), stage.when("zone_leave square")
    assert 0.0 <= entered - 2.0 - max(dwell_s, inertia_s) <= 2.0 / fps
    assert 0.0 <= left - 6.0 - inertia_s <= 2.0 / fps


@pytest.mark.parametrize("anchor", ["bottom", "centre", "any"])
def test_a_way_between_two_boxes_passes_the_edge_where_it_does(anchor: Anchor) -> None:
    area = Area(((0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0)))
    left, right = Box(0.1, 0.4, 0.3, 0.6), Box(0.7, 0.4, 0.9, 0.6)
    first = {"bottom": 0.5, "centre": 0.5, "any": 1 / 3}[anchor]
    assert area.passed(left, right, anchor) == pytest.approx(first, abs=0.02)
    assert area.passed(right, left, anchor) == pytest.approx(1.0 - first, abs=0.02)
    assert area.passed(left, left, anchor) is None


def test_the_wait_runs_from_the_edge_on_however_long_nobody_looked_meanwhile() -> None:
    # Over the edge at 2 s and at 6 s, and not seen for a second each time.
    way = path((0.0, 0.0, 0.9), (4.0, 0.8, 0.9), (8.0, 0.0, 0.9))
    hidden = Actor(way, hidden=lambda at_s: 1.8 < at_s < 2.7 or 5.8 < at_s < 6.7)
    stage = Stage(rules(zones=[SQUARE])).play(8.0, hidden)
    assert stage.when("zone_enter square") == [2.8]
    assert stage.when("zone_leave square") == [6.8]


def test_one_box_that_is_wrong_after_a_gap_is_no_coming() -> None:
    wrong = Actor(lambda at_s: (0.6 if 2.95 < at_s < 3.05 else 0.3, 0.9), hidden=lambda at_s: 2.0 < at_s < 2.95)
    assert Stage(rules(zones=[SQUARE])).play(6.0, wrong).kinds == ["new"]


def test_a_zone_is_passed_unnoticed_by_what_is_in_it_for_less_than_its_dwell_time() -> None:
    stage = Stage(rules(zones=[replace(SQUARE, dwell_s=5.0)])).play(9.0, Actor(VISIT))
    assert not [kind for kind in stage.kinds if kind.startswith("zone")]


@pytest.mark.parametrize("fps", [3.0, 10.0, 30.0])
def test_a_box_that_trembles_on_the_edge_tells_nothing(fps: float) -> None:
    draw = random.Random(3)
    trembling = Actor(lambda _: (0.4 + draw.choice((-0.01, 0.01)), 0.8))
    zone = replace(SQUARE, inertia_s=3.0)
    stage = Stage(rules(zones=[zone]), fps=fps).play(20.0, trembling)
    assert not [kind for kind in stage.kinds if kind.startswith("zone")]


def test_a_gap_of_some_seconds_does_not_begin_the_wait_anew() -> None:
    stage = Stage(rules(zones=[replace(SQUARE, dwell_s=3.0)])).play(2.0, Actor(still(0.6, 0.9)))
    stage.lives.blind()
    stage.at_s = 4.0
    assert stage.play(1.0, Actor(still(0.6, 0.9))).when("zone_enter square") == [4.0]


def test_a_flicker_over_the_edge_is_no_leaving_and_does_not_begin_the_wait_anew() -> None:
    def way(at_s: float) -> tuple[float, float]:
        return (0.39 if round(at_s * 10) % 10 == 0 else 0.6), 0.8

    stage = Stage(rules(zones=[replace(SQUARE, dwell_s=5.0)])).play(20.0, Actor(way))
    assert stage.kinds == ["new", "zone_enter square"]
    assert 5.0 <= stage.when("zone_enter square")[0] <= 5.7


def test_what_is_hidden_inside_stays_inside() -> None:
    walker = Actor(still(0.6, 0.9), hidden=lambda at_s: 3.0 <= at_s < 6.0)
    assert Stage(rules(zones=[SQUARE])).play(9.0, walker).kinds == ["new", "zone_enter square"]


def test_what_was_last_seen_outside_has_left_though_it_is_hidden_now() -> None:
    walker = Actor(VISIT, hidden=lambda at_s: at_s > 6.15)
    assert Stage(rules(zones=[SQUARE])).play(9.0, walker).when("zone_leave square") == [6.6]


def test_what_is_in_a_zone_when_it_is_first_told_of_has_come_into_it_then() -> None:
    stage = Stage(rules(zones=[SQUARE]), confirm_s=2.0).play(4.0, Actor(still(0.6, 0.9)))
    assert stage.kinds == ["new", "zone_enter square"]
    assert stage.when("new") == stage.when("zone_enter square") == [2.0]


def test_zones_do_not_know_of_each_other() -> None:
    left = ZoneRule("left", ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)))
    right = ZoneRule("right", ((0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0)))
    stage = Stage(rules(zones=[right, left, SQUARE])).play(12.0, Actor(path((0.0, 0.1, 0.8), (10.0, 0.95, 0.8))))
    assert stage.kinds == [
        "new", "zone_enter left", "zone_enter square", "zone_leave left", "zone_enter right", "zone_leave square",
        "zone_leave right", "end left",
    ]  # fmt: skip
    changing = next(event for _, event in stage.told if event.zone == "right")
    assert changing.zones == ("right", "square")
    assert changing.entered_zones == ("left", "square", "right")


def test_a_second_visit_is_told_again_but_kept_once_among_the_zones_that_were_entered() -> None:
    back = path((0.0, 0.6, 0.9), (3.0, 0.6, 0.9), (3.01, 0.1, 0.9), (6.0, 0.1, 0.9), (6.01, 0.6, 0.9), (9.0, 0.6, 0.9))
    stage = Stage(rules(zones=[SQUARE])).play(8.9, Actor(back))
    assert stage.kinds == ["new", "zone_enter square", "zone_leave square", "zone_enter square"]
    assert stage.told[-1][1].entered_zones == ("square",)


def test_a_zone_of_other_labels_takes_no_notice() -> None:
    stage = Stage(rules(zones=[replace(SQUARE, labels=("car",))])).play(
        9.0, Actor(VISIT), Actor(VISIT, id=2, label="car")
    )
    assert [event.track_id for _, event in stage.told if event.zone] == [2, 2]


def test_what_turns_out_to_be_of_another_label_leaves_the_zone_that_does_not_take_it() -> None:
    actor = Actor(still(0.6, 0.9), label=lambda at_s: "person" if at_s < 3.0 else "dog")
    stage = Stage(rules(zones=[replace(SQUARE, labels=("person",))])).play(8.0, actor)
    assert stage.kinds == ["new", "zone_enter square", "update", "zone_leave square"]


def test_loitering_is_told_once_for_each_stay() -> None:
    zone = replace(SQUARE, loiter_s=5.0)
    twice = path(
        (0.0, 0.6, 0.9), (8.0, 0.6, 0.9), (8.01, 0.1, 0.9), (10.0, 0.1, 0.9), (10.01, 0.6, 0.9), (20.0, 0.6, 0.9)
    )
    stage = Stage(rules(zones=[zone])).play(19.9, Actor(twice))
    assert stage.kinds == ["new", "zone_enter square", "update", "zone_leave square", "zone_enter square", "update"]
    assert stage.when("update") == [5.0, pytest.approx(15.1, abs=0.15)]
    assert [event.loitering for _, event in stage.told] == [(), (), ("square",), (), (), ("square",)]


def test_two_in_a_zone_are_counted_and_one_leaves() -> None:
    zone = replace(SQUARE, labels=("person",))
    stage = Stage(rules(zones=[zone])).play(5.0, Actor(VISIT), Actor(still(0.7, 0.9), id=2))
    assert stage.lives.counts.zones == {"square": {"person": 2}}
    stage.play(3.0, Actor(VISIT), Actor(still(0.7, 0.9), id=2))
    assert stage.lives.counts.zones == {"square": {"person": 1}}
