"""What is said of a camera that shows nothing: black, or the same picture for long."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from clips import colourful
from edgedet.workers.sight import DARK, FROZEN, Sight

RATE = 5


def said(pictures: list[NDArray[np.uint8]], rate: float = RATE) -> list[str | None]:
    """What is said of each of these, which come at so many a second."""
    sight = Sight()
    return [sight.look(picture, round(1e9 + number * 1e9 / rate)) for number, picture in enumerate(pictures)]


def noisy(level: int, number: int, spread: int = 4) -> NDArray[np.uint8]:
    noise = np.random.default_rng(number).integers(-spread, spread + 1, (96, 128, 3))
    return (level + noise).clip(0, 255).astype(np.uint8)


def test_a_scene_in_which_nothing_happens_is_not_frozen_for_a_sensor_is_never_still() -> None:
    assert set(said([noisy(120, number) for number in range(70 * RATE)])) == {None}


def test_the_same_picture_for_a_minute_is_frozen_and_the_first_other_one_is_not() -> None:
    still = colourful(128, 96)
    told = said([still] * (61 * RATE) + [colourful(128, 96, phase=1)])
    assert told[: 60 * RATE] == [None] * (60 * RATE)
    assert told[60 * RATE + 1 : -1] == [FROZEN] * (RATE - 1)
    assert told[-1] is None


def test_a_change_in_a_single_pixel_is_a_change_wherever_it_is() -> None:
    pictures = []
    for number in range(70 * RATE):
        picture = colourful(128, 96)
        picture[3, 5, 1] = number % 2
        pictures.append(picture)
    assert set(said(pictures)) == {None}


def test_a_covered_lens_is_dark_though_its_sensor_is_noisy() -> None:
    told = said([noisy(120, number) for number in range(RATE)] + [noisy(5, number) for number in range(11 * RATE)])
    assert told[-1] == DARK
    assert told[RATE + 9 * RATE] is None


def test_a_night_with_one_lamp_is_not_dark() -> None:
    pictures = []
    for number in range(15 * RATE):
        picture = noisy(5, number)
        picture[40:50, 60:72] = 200
        pictures.append(picture)
    assert set(said(pictures)) == {None}


def test_light_ends_the_darkness_at_once() -> None:
    told = said([noisy(5, number) for number in range(12 * RATE)] + [noisy(60, 1)])
    assert told[-2:] == [DARK, None]


def test_a_black_picture_that_never_changes_is_called_dark_since_that_is_what_one_finds() -> None:
    assert said([np.zeros((96, 128, 3), np.uint8)] * (70 * RATE))[-1] == DARK


def test_of_a_camera_that_is_rarely_looked_at_one_look_is_no_proof() -> None:
    # A look every twenty seconds: a van in front of the lens, and an encoder that leaves out what hardly changes.
    lit, still = noisy(120, 1), colourful(128, 96)
    assert said([lit, noisy(5, 1), lit, noisy(5, 2), noisy(5, 3), lit], rate=0.05) == [None] * 6
    assert said([lit, *(noisy(5, number) for number in range(3))], rate=0.05)[-1] == DARK
    told = said([still] * 40, rate=0.05)
    assert told[:29] == [None] * 29
    assert told[-1] == FROZEN


def test_a_window_within_the_letterbox_is_judged_like_any_picture() -> None:
    canvas = np.full((128, 128, 3), 114, np.uint8)
    window = canvas[16:112]
    window[...] = 0
    assert said([window] * (12 * RATE))[-1] == DARK
