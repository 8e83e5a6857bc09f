"""Which lost object a box may be."""

from __future__ import annotations

import numpy as np
import pytest

from edgedet.association.recovery import estrangement, hidden

STOOD = [0.5, 0.5, 0.05, 0.2]


def strange(
    found: list[float], lost: list[float] = STOOD, last_seen: list[float] = STOOD, unseen_s: float = 1.0
) -> float:
    way = np.array([lost]), np.array([last_seen])
    return float(estrangement(*way, np.array([unseen_s]), np.array([found]))[0, 0])


def test_what_is_where_it_was_and_as_it_was_is_no_stranger() -> None:
    assert strange(STOOD) == 0.0


@pytest.mark.parametrize("x", [0.4, 0.5, 0.6, 0.7])
def test_it_may_be_anywhere_between_where_it_was_and_where_it_should_be(x: float) -> None:
    assert strange([x, 0.5, 0.05, 0.2], lost=[0.7, 0.5, 0.05, 0.2], last_seen=[0.4, 0.5, 0.05, 0.2]) == pytest.approx(0)


def test_the_longer_it_was_lost_the_further_away_it_may_be_up_to_a_limit() -> None:
    away = [0.57, 0.5, 0.05, 0.2]
    assert strange(away, unseen_s=0.1) == np.inf
    assert strange(away, unseen_s=1.4) < strange(away, unseen_s=0.5) < 1.0
    assert strange([0.9, 0.5, 0.05, 0.2], unseen_s=60.0) == np.inf


def test_who_turns_is_wider_and_as_tall_and_who_is_taller_is_somebody_else() -> None:
    assert strange([0.5, 0.5, 0.12, 0.2]) < 1.0
    assert strange([0.5, 0.5, 0.05, 0.3]) == np.inf
    assert strange([0.5, 0.5, 0.05, 0.13]) == np.inf


def test_every_box_is_held_against_every_object() -> None:
    lost = np.array([STOOD, [0.1, 0.1, 0.1, 0.1]])
    found = np.array([[0.12, 0.1, 0.1, 0.1], STOOD, [0.9, 0.9, 0.1, 0.1]])
    alike = estrangement(lost, lost, np.array([1.0, 1.0]), found) < 1.0
    assert alike.tolist() == [[False, True, False], [True, False, False]]


@pytest.mark.parametrize(
    ("in_front", "is_hidden"),
    [
        ([0.4, 0.4, 0.6, 0.9], True),
        ([0.5, 0.4, 0.6, 0.9], True),
        ([0.55, 0.4, 0.7, 0.9], False),
        # Its feet are higher in the picture: it stands further back, and hides nothing.
        ([0.4, 0.3, 0.6, 0.7], False),
    ],
)
def test_who_is_largely_covered_by_what_stands_nearer_may_be_hidden(in_front: list[float], is_hidden: bool) -> None:
    expected = np.array([[0.45, 0.5, 0.55, 0.8]])
    assert hidden(expected, np.array([in_front])).tolist() == [is_hidden]


def test_one_of_several_in_front_is_enough() -> None:
    expected = np.array([[0.1, 0.5, 0.2, 0.8], [0.45, 0.5, 0.55, 0.8]])
    in_front = np.array([[0.8, 0.4, 0.9, 0.9], [0.4, 0.4, 0.6, 0.9]])
    assert hidden(expected, in_front).tolist() == [False, True]
