"""Who belongs to whom at the least total cost: a small exact assignment, without scipy.

Shortest augmenting paths (Jonker and Volgenant, "A shortest augmenting path algorithm for dense and sparse linear
assignment problems", Computing 38, 1987) over the pairs below a limit only. In a picture nearly every object has one
candidate near by, so that hardly a path is longer than one step.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NOBODY = -1


def assign(costs: NDArray[np.float64], limit: float) -> list[tuple[int, int]]:
    """Pairs (row, column) whose costs, plus `limit` for every row that stays alone, sum to the least that can be.

    Args:
        costs: of shape (rows, columns), any numbers. A pair that costs `limit` or more, or NaN, is never made.
        limit: what it costs to leave a row alone.

    Returns:
        Each row and each column at most once, by row.
    """
    rows, columns = costs.shape
    edges: list[list[tuple[int, float]]] = [[] for _ in range(rows)]
    near_rows, near_columns = (costs < limit).nonzero()
    near_costs = costs[near_rows, near_columns]
    for row, column, cost in zip(near_rows.tolist(), near_columns.tolist(), near_costs.tolist(), strict=True):
        edges[row].append((column, cost))
    matching = _Matching(edges, limit, [NOBODY] * columns, [NOBODY] * rows, [0.0] * columns)
    for row in range(rows):
        matching.place(row)
    return [(row, column) for row, column in enumerate(matching.column_of) if column != NOBODY]


@dataclass(slots=True)
class _Matching:
    """The best matching of the rows so far, with the prices that prove it.

    Every row can also stay alone, which is a column of its own at the price of `limit`.
    """

    edges: list[list[tuple[int, float]]]
    limit: float
    row_of: list[int]
    column_of: list[int]
    column_price: list[float]
    row_price: list[float] = field(default_factory=list)

    def place(self, row: int) -> None:
        """Add the next row."""
        price = self.limit
        nearest = NOBODY
        for column, cost in self.edges[row]:
            if cost - self.column_price[column] < price:
                price, nearest = cost - self.column_price[column], column
        self.row_price.append(price)
        if nearest == NOBODY:
            return
        if self.row_of[nearest] == NOBODY:
            self.row_of[nearest], self.column_of[row] = row, nearest
        else:
            self._reorder_for(row)

    def _reorder_for(self, first: int) -> None:
        """Find the cheapest chain of changes that gives `first` its place, and follow it."""
        reached: dict[int, float] = {}
        came_from: dict[int, int] = {}
        settled: list[int] = []
        row, so_far = first, 0.0
        alone, alone_at = first, math.inf
        while True:
            if so_far + self.limit - self.row_price[row] < alone_at:
                alone, alone_at = row, so_far + self.limit - self.row_price[row]
            for column, cost in self.edges[row]:
                there = so_far + cost - self.row_price[row] - self.column_price[column]
                if column not in settled and there < reached.get(column, math.inf):
                    reached[column], came_from[column] = there, row
            open_columns = [column for column in reached if column not in settled]
            nearest = min(open_columns, key=reached.__getitem__, default=NOBODY)
            if nearest == NOBODY or reached[nearest] >= alone_at:
                end, so_far = self.column_of[alone], alone_at
                self.column_of[alone] = NOBODY
                break
            so_far = reached[nearest]
            if self.row_of[nearest] == NOBODY:
                end = nearest
                break
            settled.append(nearest)
            row = self.row_of[nearest]
        self._reprice(first, settled, reached, so_far)
        self._shift(first, end, came_from)

    def _reprice(self, first: int, settled: list[int], reached: dict[int, float], length: float) -> None:
        self.row_price[first] += length
        for column in settled:
            self.row_price[self.row_of[column]] += length - reached[column]
            self.column_price[column] -= length - reached[column]

    def _shift(self, first: int, end: int, came_from: dict[int, int]) -> None:
        # `end` is the column that became free; NOBODY when `first` itself stays alone.
        while end != NOBODY:
            row = came_from[end]
            before = self.column_of[row]
            self.row_of[end], self.column_of[row] = row, end
            end = NOBODY if row == first else before
