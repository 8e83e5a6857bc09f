"""Which view of an object is its best."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgedet.events.best_view import CLEARLY, CUT, LARGE_ENOUGH, Sighting, is_better, worth
from edgedet.types import Box

MIDDLE = Box(0.4, 0.4, 0.6, 0.6)


def seen(score: float = 0.8, box: Box = MIDDLE, at_s: float = 0.0) -> Sighting:
    return Sighting(score, box, int(at_s * 1e9))


def around(x: float, y: float, side: float) -> Box:
    return Box(x - side / 2, y - side / 2, x + side / 2, y + side / 2)


def test_a_surer_view_is_better() -> None:
    assert worth(seen(0.9)) > worth(seen(0.6))


def test_a_larger_view_is_better_up_to_a_quarter_of_the_frame() -> None:
    small, medium, large, huge = (worth(seen(box=around(0.5, 0.5, side))) for side in (0.1, 0.2, 0.5, 0.8))
    assert small < medium < large
    assert large == pytest.approx(huge)
    still = worth(seen(box=around(0.5, 0.5, 0.5), at_s=1.0), seen(box=around(0.5, 0.5, 0.5)))
    assert still == pytest.approx(0.8)
    assert LARGE_ENOUGH == 0.25


@pytest.mark.parametrize(
    "box", [Box(0.0, 0.4, 0.2, 0.6), Box(0.8, 0.4, 1.0, 0.6), Box(0.4, 0.0, 0.6, 0.2), Box(0.4, 0.8, 0.6, 1.0)]
)
def test_an_object_that_the_edge_cuts_is_worth_half(box: Box) -> None:
    assert worth(seen(box=box)) == pytest.approx(CUT * worth(seen()))


def test_an_object_in_a_corner_is_worth_a_quarter() -> None:
    assert worth(seen(box=Box(0.8, 0.8, 1.0, 1.0))) == pytest.approx(worth(seen()) / 4)


def test_an_object_that_rushes_by_is_worth_less_than_one_that_stands() -> None:
    before = seen(box=around(0.3, 0.5, 0.2))
    still = worth(seen(box=around(0.3, 0.5, 0.2), at_s=0.2), before)
    walking = worth(seen(box=around(0.34, 0.5, 0.2), at_s=0.2), before)
    rushing = worth(seen(box=around(0.5, 0.5, 0.2), at_s=0.2), before)
    assert still > walking > rushing
    # A length in 0.2 s is five a second.
    assert rushing == pytest.approx(still / 3.5)
    assert walking == pytest.approx(still / 1.5)


def test_an_object_whose_speed_is_not_known_is_worth_half_of_one_that_stands() -> None:
    assert worth(seen(at_s=1.0)) == pytest.approx(worth(seen(at_s=1.0), seen()) / 2)


@pytest.mark.parametrize("later_s", [0.0, -1.0])
def test_a_clock_that_stands_or_goes_back_says_nothing_of_speed(later_s: float) -> None:
    before = seen(box=around(0.3, 0.5, 0.2), at_s=5.0)
    now = seen(box=around(0.6, 0.5, 0.2), at_s=5.0 + later_s)
    assert worth(now, before) == pytest.approx(worth(seen()))


@pytest.mark.parametrize(
    "view",
    [
        seen(math.nan),
        seen(box=Box(math.nan, 0.1, 0.2, 0.2)),
        seen(box=Box(0.5, 0.5, 0.5, 0.5)),
        seen(box=Box(0.6, 0.6, 0.4, 0.4)),
        seen(box=Box(0.1, 0.1, math.inf, 0.5)),
        seen(0.0),
    ],
)
def test_what_is_no_box_is_no_view(view: Sighting) -> None:
    assert worth(view) == 0.0
    assert not is_better(worth(view), None)


def test_the_first_view_is_taken_and_then_only_clearly_better_ones() -> None:
    assert is_better(0.01, None)
    assert not is_better(0.5, 0.5)
    assert not is_better(0.5 * CLEARLY - 0.001, 0.5)
    assert is_better(0.5 * CLEARLY + 0.001, 0.5)


def test_a_life_of_ever_better_views_costs_few_pictures() -> None:
    best, taken = None, 0
    for step in range(1, 1001):
        value = worth(seen(box=around(0.5, 0.5, 0.02 + 0.48 * step / 1000)))
        if is_better(value, best):
            best, taken = value, taken + 1
    assert taken <= 25


@given(st.floats(0.001, 1.0), *(st.floats(-0.2, 1.2) for _ in range(4)), st.floats(-0.2, 1.2), st.integers(0, 10**12))
def test_a_view_is_always_worth_something_between_nothing_and_one(  # hypothesis fills them
    score: float, x1: float, y1: float, x2: float, y2: float, moved: float, at_ns: int
) -> None:
    before = Sighting(score, Box(x1 + moved, y1, x2 + moved, y2), 0)
    assert 0.0 <= worth(Sighting(score, Box(x1, y1, x2, y2), at_ns), before) <= 1.0
