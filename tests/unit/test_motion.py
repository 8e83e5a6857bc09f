"""What is motion in a picture and what is not."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pytest
from numpy.typing import NDArray

from edgedet.cameras._scene.scene import Scene, is_countable
from edgedet.cameras._scene.style import Style
from edgedet.workers.gate import Gate
from edgedet.workers.masks import Masks
from edgedet.workers.motion import Motion, block_means

RATE = 5
S = 1_000_000_000
SIZE = (320, 240)

Picture = NDArray[np.uint8]
Changed = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def backdrop(seed: int = 3) -> NDArray[np.float64]:
    """A street without anybody on it."""
    return Scene(seed, SIZE, Style(objects=(0, 0), parked_cars=0, noise=0.0)).render(0.0).astype(float)


def taken(picture: NDArray[np.float64], number: int, noise: float = 2.0) -> Picture:
    """As a sensor sees it."""
    grain = np.random.default_rng(number).normal(0.0, noise, picture.shape)
    return (picture + grain).clip(0, 255).astype(np.uint8)


def moves(pictures: Iterable[Picture], motion: Motion | None = None) -> list[bool]:
    """What is said of each of these, which come at five a second."""
    motion = motion or Motion()
    return [motion.look(picture, (number + 1) * S // RATE) for number, picture in enumerate(pictures)]


def with_figure(picture: NDArray[np.float64], x: int, y: int = 120, level: float = 40.0) -> NDArray[np.float64]:
    """Somebody small stands there: 8 by 20 pixels."""
    changed = picture.copy()
    changed[y : y + 20, x : x + 8] = level
    return changed


@pytest.mark.parametrize("noise", [0.0, 2.0, 5.0, 10.0])
def test_the_noise_of_a_sensor_is_no_motion(noise: float) -> None:
    still = backdrop()
    said = moves(taken(still, number, noise) for number in range(30 * RATE))
    assert said[0], "of a first picture nothing is known"
    # Of the greatest noise it must first be learnt how great it is.
    assert sum(said[1:]) <= (2 if noise > 5.0 else 0)


def test_a_small_figure_that_walks_is_motion_in_every_picture() -> None:
    still = backdrop()
    calm = [taken(still, number) for number in range(4 * RATE)]
    walk = [taken(with_figure(still, 40 + 6 * number), 100 + number) for number in range(4 * RATE)]
    assert all(moves(calm + walk)[len(calm) :])


def test_who_stays_where_he_is_becomes_part_of_the_scene() -> None:
    still = backdrop()
    calm = [taken(still, number) for number in range(2 * RATE)]
    parked = [taken(with_figure(still, 150), 100 + number) for number in range(60 * RATE)]
    said = moves(calm + parked)
    assert said[len(calm)]
    assert not any(said[-10 * RATE :])


def test_who_drives_away_after_a_long_time_is_motion() -> None:
    still = backdrop()
    parked = [taken(with_figure(still, 150), number) for number in range(30 * RATE)]
    gone = [taken(still, 1000)]
    assert moves(parked + gone)[-1]


CHANGES: dict[str, Changed] = {
    "the sun comes out": lambda picture: picture * 1.35 + 6,
    "a cloud comes": lambda picture: picture * 0.6,
    "the exposure jumps": lambda picture: picture * 1.8,
    "somebody puts the light out": lambda picture: picture * 0.25,
    "a lamp in the left corner goes on": lambda picture: (
        picture + 90 * np.exp(-(((np.arange(SIZE[0]) / SIZE[0]) / 0.5) ** 2))[None, :, None]
    ),
    "the infrared filter clicks": lambda picture: (
        (picture @ np.array([0.75, -0.1, 0.45]))[:, :, None].repeat(3, axis=2) * 1.2 + 20
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_jump_of_light_is_no_motion_neither_when_it_comes_nor_when_it_goes(change: Changed) -> None:
    still = backdrop()
    other = change(still)
    scenes = [still] * 4 * RATE + [other] * 4 * RATE + [still] * 4 * RATE
    said = moves(taken(scene, number) for number, scene in enumerate(scenes))
    assert not any(said[1:])


def test_an_exposure_that_hunts_is_no_motion() -> None:
    still = backdrop()
    scenes = [still * (1.0 + 0.12 * np.sin(number * 0.9)) for number in range(20 * RATE)]
    said = moves(taken(scene, number) for number, scene in enumerate(scenes))
    assert sum(said[1:]) <= 1


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_who_walks_on_after_a_jump_of_light_is_motion(change: Changed) -> None:
    still = backdrop()
    other = change(still)
    calm = [taken(still, number) for number in range(4 * RATE)]
    walk = [
        taken(with_figure(other, 40 + 6 * number, level=0.0 if other.mean() > 60 else 120.0), 100 + number)
        for number in range(2 * RATE)
    ]
    assert all(moves(calm + walk)[len(calm) + 1 :])


def test_something_that_fills_the_picture_is_motion_from_its_second_picture_on() -> None:
    still = backdrop()
    calm = [taken(still, number) for number in range(2 * RATE)]
    lorry = []
    for number in range(RATE):
        picture = still.copy()
        picture[:, : 200 + 20 * number] = 30 + 150 * (np.arange(200 + 20 * number) // 40 % 2)[None, :, None]
        lorry.append(taken(picture, 50 + number))
    assert any(moves(calm + lorry)[len(calm) : len(calm) + 2])


def test_single_snowflakes_are_no_motion() -> None:
    still = backdrop()
    random = np.random.default_rng(7)
    pictures = []
    for number in range(40 * RATE):
        picture = still.copy()
        for x, y in zip(random.integers(0, 316, 2), random.integers(0, 236, 2), strict=True):
            picture[y : y + 3, x : x + 3] = 250
        pictures.append(taken(picture, number))
    # Flakes may fall side by side now and then.
    assert sum(moves(pictures)[1:]) <= 0.05 * len(pictures)


def test_leaves_that_tremble_all_the_time_are_motion_less_and_less() -> None:
    still = backdrop()
    random = np.random.default_rng(5)
    pictures = []
    for number in range(120 * RATE):
        picture = still.copy()
        picture[40:80, 200:260] += random.normal(0.0, 12.0, (10, 15)).repeat(4, 0).repeat(4, 1)[:, :, None]
        pictures.append(taken(picture, number))
    said = moves(pictures)
    assert sum(said[-30 * RATE :]) <= 0.1 * 30 * RATE
    # And still, who walks before them is seen.
    walk = [taken(with_figure(pictures[0].astype(float), 180 + 5 * step, 50, 10.0), 9000 + step) for step in range(10)]
    assert any(moves(pictures + walk)[-10:])


def test_while_something_is_followed_nothing_is_learnt_to_be_noise() -> None:
    still = backdrop()
    motion = Motion()
    for number in range(120 * RATE):
        x = 150 + 20 * (number % 2)
        motion.look(taken(with_figure(still, x), number), (number + 1) * S // RATE, watched=True)
    assert all(
        motion.look(taken(with_figure(still, 150 + 20 * (number % 2)), number), (600 + number) * S // RATE)
        for number in range(10)
    )


def test_what_is_masked_never_moves() -> None:
    still = backdrop()
    masks = Masks([((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))])
    pictures = [taken(with_figure(still, 6 * number), number) for number in range(40)]
    for picture in pictures:
        masks.black_out(picture)
    assert not any(moves(pictures)[1:])


def test_a_change_of_light_beside_a_large_mask_is_no_motion() -> None:
    still = backdrop()
    masks = Masks([((0.0, 0.0), (1.0, 0.0), (1.0, 0.6), (0.0, 0.6))])
    pictures = [taken(still * (1.0 if number < 20 else 0.55), number) for number in range(40)]
    for picture in pictures:
        masks.black_out(picture)
    assert not any(moves(pictures)[1:])


def test_a_picture_of_another_shape_is_a_first_picture() -> None:
    still = taken(backdrop(), 0)
    assert moves([still, still, still[:200], still[:200]]) == [True, False, True, False]


def test_a_clock_that_stands_still_or_jumps_back_does_no_harm() -> None:
    motion = Motion()
    still = taken(backdrop(), 0)
    for now_ns in (5, 5, 1, 10 * S, 2 * S):
        motion.look(still, now_ns)
    assert not motion.look(still, 3 * S)


@pytest.mark.parametrize("shape", [(320, 320), (180, 320), (256, 192), (640, 640), (33, 41), (4, 4), (3, 500)])
def test_blocks_are_the_means_of_the_samples_whatever_the_size(shape: tuple[int, int]) -> None:
    picture = np.full((*shape, 3), 77, np.uint8)
    blocks = block_means(picture)
    assert blocks.ndim == 2
    assert np.all(blocks == 77)


@pytest.mark.parametrize("seed", range(8))
def test_every_object_that_stays_for_a_second_is_looked_at_within_half_a_second_of_its_coming(seed: int) -> None:
    scene = Scene(seed, SIZE, Style(objects=(1, 1), parked_cars=0))
    # So slow while idle that no idle look helps.
    motion, gate = Motion(), Gate(0.01)
    came: dict[int, float] = {}
    left: dict[int, float] = {}
    looks = []
    for number in range(20 * RATE):
        t_s = number / RATE
        now_ns = number * S // RATE
        if gate.opens(now_ns, moving=motion.look(scene.render(t_s), now_ns)):
            looks.append(t_s)
        for seen in scene.truth(t_s):
            if is_countable(seen, SIZE):
                came.setdefault(seen.object_id, t_s)
                left[seen.object_id] = t_s
    stayed = {who: t_s for who, t_s in came.items() if left[who] - t_s >= 1.0}
    missed = {who: t_s for who, t_s in stayed.items() if not any(t_s <= look <= t_s + 0.5 for look in looks)}
    assert not missed
