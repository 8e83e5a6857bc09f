"""The assignment is the best there is, held against trying everything."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from edgedet.association.assignment import assign

LIMIT = 1.0

costs_that_are_whole = st.integers(-3, 6).map(lambda value: value / 4.0)
costs_of_any_size = st.floats(-1e3, 1e3, allow_nan=False)
small_tables = array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=6).flatmap(
    lambda shape: st.one_of(
        # Equal costs are where an exact algorithm can go in circles.
        arrays(np.float64, shape, elements=costs_that_are_whole),
        arrays(np.float64, shape, elements=costs_of_any_size),
    )
)


def total(costs: np.ndarray, pairs: list[tuple[int, int]], limit: float) -> float:
    return math.fsum([*(costs[pair] for pair in pairs), limit * (len(costs) - len(pairs))])


def least_total(costs: np.ndarray, limit: float) -> float:
    """By trying everything: columns beyond the last stand for staying alone."""
    rows, columns = costs.shape
    padded = np.concatenate((np.where(costs < limit, costs, limit), np.full((rows, rows), limit)), axis=1)
    ways = permutations(range(columns + rows), rows) if rows * columns <= 6 else _placements(padded)
    return min(math.fsum(padded[row, column] for row, column in enumerate(way)) for way in ways)


def _placements(padded: np.ndarray) -> list[tuple[int, ...]]:
    rows, width = padded.shape
    columns = width - rows
    ways: list[tuple[int, ...]] = [()]
    for row in range(rows):
        # Staying alone is the same for all, so that each row needs only its own such column.
        ways = [(*way, column) for way in ways for column in (*range(columns), columns + row) if column not in way]
    return ways


@given(small_tables, st.sampled_from([LIMIT, 0.25, 1e4]))
def test_nothing_is_cheaper_than_the_assignment(costs: np.ndarray, limit: float) -> None:
    costs = costs[:4, :4]
    pairs = assign(costs, limit)
    assert total(costs, pairs, limit) == pytest.approx(least_total(costs, limit), abs=1e-6)


@given(arrays(np.float64, array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=12), elements=st.floats()))
def test_nobody_is_given_away_twice_and_nothing_too_dear_is_taken(costs: np.ndarray) -> None:
    pairs = assign(costs, LIMIT)
    assert len({row for row, _ in pairs}) == len({column for _, column in pairs}) == len(pairs)
    assert all(costs[pair] < LIMIT for pair in pairs)


@given(arrays(np.float64, (7, 7), elements=st.integers(0, 9).map(float)))
def test_a_table_and_its_transpose_cost_the_same_where_everybody_is_placed(costs: np.ndarray) -> None:
    limit = 100.0
    assert total(costs, assign(costs, limit), limit) == pytest.approx(total(costs.T, assign(costs.T, limit), limit))


def test_one_gives_way_where_that_helps_the_other_more() -> None:
    costs = np.array([[0.1, 0.2], [0.1, 0.9]])
    assert assign(costs, LIMIT) == [(0, 1), (1, 0)]


def test_one_stays_alone_where_that_is_cheaper_than_a_bad_pair_for_both() -> None:
    costs = np.array([[0.0, 0.95], [0.9, 2.0]])
    assert assign(costs, LIMIT) == [(0, 0)]


def test_a_pair_that_costs_the_limit_is_not_made() -> None:
    assert assign(np.array([[LIMIT]]), LIMIT) == []


def test_what_is_no_number_is_never_a_pair() -> None:
    assert assign(np.array([[math.nan, 0.5], [math.inf, math.nan]]), LIMIT) == [(0, 1)]


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0)])
def test_nothing_to_assign_gives_nothing(shape: tuple[int, int]) -> None:
    assert assign(np.empty(shape), LIMIT) == []


def test_300_by_300_without_any_order_is_solved() -> None:
    costs = np.random.default_rng(1).random((300, 300))
    pairs = assign(costs, LIMIT)
    # The expectation for random costs is about pi^2 / 6 (Aldous 2001).
    assert len(pairs) == 300
    assert total(costs, pairs, LIMIT) < 2.0
