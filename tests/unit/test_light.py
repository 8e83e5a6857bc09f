"""Day or night, as the picture shows it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from clips import colourful
from edgedet.cameras.synthetic import Settings, scene_of
from edgedet.workers.light import HOLDS_S, Light, looks_like_night

RATE = 5
S = 1_000_000_000

Picture = NDArray[np.uint8]
DAY: Picture = colourful(128, 96)


def darker(picture: Picture, factor: float) -> Picture:
    return (picture * factor).astype(np.uint8)


def infrared(picture: Picture) -> Picture:
    """The same without its colours, with what an encoder's rounding leaves of them."""
    grey = picture.mean(axis=2, keepdims=True)
    error = np.random.default_rng(1).integers(-1, 2, picture.shape)
    return (grey + error).clip(0, 255).astype(np.uint8)


def nights(pictures: list[Picture]) -> list[bool]:
    """What is said of each of these, which come at five a second."""
    light = Light()
    return [light.is_night(picture, number * S // RATE) for number, picture in enumerate(pictures)]


@pytest.mark.parametrize("seed", [1, 3, 5, 7])
def test_a_street_by_day_is_no_night(seed: int) -> None:
    picture = scene_of(Settings(size=(320, 240), seed=seed)).render(3.0)
    assert not looks_like_night(picture, otherwise=True)


def test_a_dark_picture_is_night_and_so_is_one_without_colours_however_bright() -> None:
    assert looks_like_night(darker(DAY, 0.2), otherwise=False)
    assert looks_like_night(infrared(DAY), otherwise=False)


def test_a_grey_road_with_a_trace_of_colour_is_day() -> None:
    road = infrared(DAY)
    road[::2, ::2, 2] -= np.minimum(road[::2, ::2, 2], 6)
    assert not looks_like_night(road, otherwise=False)


def test_dusk_is_what_it_was_before() -> None:
    dusk = darker(DAY, 67 / float(np.median(DAY[..., 1])))
    assert looks_like_night(dusk, otherwise=True)
    assert not looks_like_night(dusk, otherwise=False)


def test_the_first_picture_is_believed_at_once() -> None:
    assert nights([darker(DAY, 0.2)]) == [True]
    assert nights([DAY]) == [False]


def test_night_has_fallen_when_the_picture_has_said_so_for_some_seconds() -> None:
    told = nights([DAY] * RATE + [darker(DAY, 0.2)] * 10 * RATE)
    fell = told.index(True)
    assert HOLDS_S * RATE <= fell - RATE <= (HOLDS_S + 1) * RATE
    assert all(told[fell:])


def test_headlights_are_no_day() -> None:
    night = [darker(DAY, 0.2)]
    assert all(nights(night * RATE + [DAY] * 4 * RATE + night * RATE + [DAY] * 4 * RATE))


def test_a_light_that_flickers_between_the_two_changes_nothing() -> None:
    assert set(nights([DAY] + ([darker(DAY, 0.2)] * RATE + [DAY] * RATE) * 10)) == {False}


def test_day_comes_back() -> None:
    told = nights([infrared(DAY)] * 2 * RATE + [DAY] * 8 * RATE)
    assert told[0]
    assert not told[-1]
