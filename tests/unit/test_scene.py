"""The synthetic world: what it shows is what it says is true."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgedet.cameras._scene.body import Pose
from edgedet.cameras._scene.cast import Parked, Path, Walk
from edgedet.cameras._scene.dogs import Dog
from edgedet.cameras._scene.people import Person
from edgedet.cameras._scene.scene import LABELS, Scene
from edgedet.cameras._scene.style import FigurePool, Style
from edgedet.cameras._scene.vehicles import Bicycle, Car

SIZE = (320, 240)
PLAIN = Style(night=False, rain=False, noise=0.0, fog=0.0, parked_cars=0, camera_height_m=3.0)


def person(seed: int = 1) -> Person:
    return Person.drawn(Random(seed), FigurePool.UNSEEN)


def car(seed: int = 1) -> Car:
    return Car.drawn(Random(seed), FigurePool.UNSEEN, lamps_on=False)


def crossing(z: float = 9.0) -> Walk:
    return Walk(7, "person", person(), Path((-6.0, z), (0.0, z), (6.0, z)), start_s=1.0, speed_mps=1.5)


def without_shadows() -> int:
    return next(seed for seed in range(200) if Scene(seed, SIZE, Style(rain=True, night=False)).light.shadow < 0.05)


def test_the_same_seed_and_time_give_the_same_picture_and_truth() -> None:
    one, other = Scene(5, SIZE), Scene(5, SIZE)
    other.render(1.0)
    assert np.array_equal(one.render(42.5), other.render(42.5))
    assert one.truth(42.5) == other.truth(42.5)


def test_another_seed_is_another_place() -> None:
    assert not np.array_equal(Scene(1, SIZE).render(0.0), Scene(2, SIZE).render(0.0))


def test_an_empty_scene_has_no_truth_and_stands_still() -> None:
    scene = Scene(3, SIZE, Style(objects=(0, 0), parked_cars=0, rain=False, noise=0.0))
    assert all(scene.truth(t) == () for t in (0.0, 10.0, 1000.0))
    assert np.array_equal(scene.render(0.0), scene.render(1000.0))


@pytest.mark.parametrize("seed", range(8))
def test_every_box_lies_in_the_picture_and_every_label_is_known(seed: int) -> None:
    scene = Scene(seed, SIZE)
    for seen in (seen for t in range(0, 60, 3) for seen in scene.truth(float(t))):
        assert 0.0 <= seen.box.x1 < seen.box.x2 <= 1.0
        assert 0.0 <= seen.box.y1 < seen.box.y2 <= 1.0
        assert seen.label in LABELS
        assert 0.0 <= seen.visible <= 1.0


@pytest.mark.parametrize(
    ("label", "figure"),
    [
        ("person", person()),
        ("car", car()),
        ("dog", Dog.drawn(Random(2), FigurePool.UNSEEN)),
        ("bicycle", Bicycle((200, 40, 40), 0.33, 0.5, rider=None)),
    ],
)
@pytest.mark.parametrize("heading", [0.0, 1.0, 2.4])
def test_the_box_of_the_truth_is_the_one_around_the_drawn_pixels(label: str, figure: object, heading: float) -> None:
    seed = without_shadows()
    style = Style(night=False, rain=False, noise=0.0, fog=0.0, objects=(0, 0))
    bare = Scene(seed, (640, 480), Style(night=False, rain=True, noise=0.0))
    assert bare.light.shadow < 0.05
    cast = [Parked(1, label, figure, 0.3, 11.0, heading)]
    scene = Scene(seed, (640, 480), style, cast)
    scene.light = bare.light
    scene.props = []
    empty = Scene(seed, (640, 480), style, [])
    empty.light = bare.light
    empty.props = []
    rows, columns = np.nonzero(np.any(scene.render(0.0) != empty.render(0.0), axis=2))
    (seen,) = scene.truth(0.0)
    drawn = (columns.min() / 640, rows.min() / 480, (columns.max() + 1) / 640, (rows.max() + 1) / 480)
    assert drawn == pytest.approx((seen.box.x1, seen.box.y1, seen.box.x2, seen.box.y2), abs=2.5 / 480)


def test_a_walker_enters_crosses_and_leaves_under_one_number() -> None:
    scene = Scene(1, SIZE, PLAIN, [crossing()])
    assert scene.truth(0.5) == ()
    track = [scene.truth(1.0 + i / 10) for i in range(1, 80)]
    seen = [some[0] for some in track if some]
    assert {one.object_id for one in seen} == {7}
    middles = [(one.box.x1 + one.box.x2) / 2 for one in seen]
    assert middles[0] < 0.2
    assert middles[-1] > 0.8
    assert max(b - a for a, b in pairwise(middles)) < 0.05
    assert scene.truth(20.0) == ()


def test_a_walker_who_pauses_stands_where_he_was_and_goes_on_later() -> None:
    walk = Walk(1, "person", person(), Path((0.0, 8.0), (2.0, 8.0), (4.0, 8.0)), 0.0, 1.0, pause_share=0.5, pause_s=3.0)
    before, standing, after = walk.at(1.9), walk.at(4.0), walk.at(5.5)
    assert before is not None
    assert standing is not None
    assert after is not None
    assert (before.pose.moving, standing.pose.moving, after.pose.moving) == (1.0, 0.0, 1.0)
    assert standing.pose.x == pytest.approx(2.0)
    assert after.pose.x == pytest.approx(2.5)


def test_legs_move_with_the_way_that_was_walked_and_rest_at_a_stand() -> None:
    view, who = Scene(1, SIZE, PLAIN).view, person()
    stride = [who.parts(view, Pose(0.0, 8.0, 0.0, way, 1.0)) for way in (0.0, 0.2, 0.4)]
    assert stride[0] != stride[1] != stride[2]
    assert who.parts(view, Pose(0.0, 8.0, 0.0, 0.0, 0.0)) == who.parts(view, Pose(0.0, 8.0, 0.0, 0.4, 0.0))


def test_who_is_further_away_is_smaller_and_higher_up() -> None:
    near = Scene(1, SIZE, PLAIN, [Parked(1, "person", person(), 0.0, 7.0, 0.0)]).truth(0.0)[0].box
    far = Scene(1, SIZE, PLAIN, [Parked(1, "person", person(), 0.0, 16.0, 0.0)]).truth(0.0)[0].box
    assert far.area < near.area / 3
    assert far.y2 < near.y2


def test_who_walks_behind_a_car_is_partly_hidden_and_keeps_the_whole_box() -> None:
    alone = Scene(1, SIZE, PLAIN, [Parked(1, "person", person(), 0.0, 12.0, 0.0)])
    behind = Scene(1, SIZE, PLAIN, [*alone.roles, Parked(2, "car", car(), 0.0, 9.0, 0.0)])
    for scene in (alone, behind):
        scene.props = []
    hidden = next(one for one in behind.truth(0.0) if one.object_id == 1)
    assert alone.truth(0.0)[0].visible == 1.0
    assert hidden.visible < 0.7
    assert hidden.box == alone.truth(0.0)[0].box


def test_the_truth_is_listed_furthest_first() -> None:
    cast = [Parked(1, "person", person(), -1.0, 8.0, 0.0), Parked(2, "person", person(), 1.0, 14.0, 0.0)]
    assert [one.object_id for one in Scene(1, SIZE, PLAIN, cast).truth(0.0)] == [2, 1]


def test_a_cyclist_is_a_bicycle_and_a_person_with_numbers_of_their_own() -> None:
    ridden = Bicycle.drawn(Random(1), FigurePool.UNSEEN)
    seen = Scene(1, SIZE, PLAIN, [Parked(1, "bicycle", ridden, 0.0, 9.0, 0.0)]).truth(0.0)
    assert sorted(one.label for one in seen) == ["bicycle", "person"]
    assert len({one.object_id for one in seen}) == 2


@given(seed=st.integers(0, 2**31), hour=st.integers(0, 24 * 400))
def test_nobody_shares_a_number_and_any_time_can_be_asked_for(seed: int, hour: int) -> None:
    seen = Scene(seed, SIZE).truth(hour * 3600.0)
    assert len({one.object_id for one in seen}) == len(seen)


def test_only_the_labels_that_were_asked_for_appear() -> None:
    scene = Scene(4, SIZE, Style(labels=("dog",), objects=(6, 6)))
    assert {seen.label for t in range(60) for seen in scene.truth(float(t))} == {"dog"}


def test_the_noise_of_the_sensor_never_wraps_round_from_black_to_white() -> None:
    for seed in range(6):
        clean = Scene(seed, SIZE, Style(night=True, noise=0.0)).render(5.0).astype(int)
        noisy = Scene(seed, SIZE, Style(night=True, noise=6.0)).render(5.0).astype(int)
        # 24 levels are kept free at both ends, and the noise itself reaches as far.
        assert np.abs(noisy - clean).max() <= 2 * 24
        assert np.abs(noisy - clean).mean() > 2


def test_a_night_is_darker_than_its_day() -> None:
    def brightness(*, night: bool) -> float:
        style = Style(night=night, rain=False)
        return float(np.mean([Scene(seed, SIZE, style).render(0.0).mean() for seed in range(5)]))

    assert brightness(night=True) < 0.75 * brightness(night=False)


@pytest.mark.parametrize("size", [(640, 480), (1280, 720), (97, 233)])
def test_a_scene_has_the_size_that_was_asked_for(size: tuple[int, int]) -> None:
    picture = Scene(1, size).render(0.0)
    assert picture.shape == (size[1], size[0], 3)
    assert picture.dtype == np.uint8


def test_the_truth_is_to_be_had_without_numpy_and_pillow() -> None:
    script = (
        "import sys; from edgedet.cameras._scene.scene import Scene; Scene(1, (640, 480)).truth(3.0);"
        "print(sorted({'numpy', 'PIL'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_what_is_held_out_of_the_training_has_nothing_in_common_with_it() -> None:
    def looks(pool: FigurePool) -> tuple[list[Person], list[Car], list[Dog], list[Bicycle], list[float]]:
        seeds = [Random(seed) for seed in range(300)]
        return (
            [Person.drawn(r, pool) for r in seeds],
            [Car.drawn(r, pool, lamps_on=False) for r in seeds],
            [Dog.drawn(r, pool) for r in seeds],
            [Bicycle.drawn(r, pool) for r in seeds],
            [Scene(seed, SIZE, Style(figures=pool)).view.height_m for seed in range(300)],
        )

    trained, unseen = looks(FigurePool.TRAINED), looks(FigurePool.UNSEEN)
    assert not {p.outfit for p in trained[0]} & {p.outfit for p in unseen[0]}
    assert not {c.body for c in trained[1]} & {c.body for c in unseen[1]}
    assert not {b.wheel for b in trained[3]} & {b.wheel for b in unseen[3]}
    builds = [p.build for p in unseen[0]]
    proportions = [d.length / d.height for d in unseen[2]]
    assert not [p for p in trained[0] if min(builds) <= p.build <= max(builds)]
    assert not [d for d in trained[2] if min(proportions) <= d.length / d.height <= max(proportions)]
    assert not [height for height in trained[4] if min(unseen[4]) <= height <= max(unseen[4])]
