"""One figure with its target, and the table of all."""

from __future__ import annotations

import datetime as dt
import operator
import os
import platform
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

_HOLDS = {">=": operator.ge, "<=": operator.le, "<": operator.lt, "==": operator.eq}


@dataclass(frozen=True)
class Figure:
    """What was measured, and what it must be. Without a target it is only told."""

    name: str
    value: float
    unit: str = ""
    relation: Literal[">=", "<=", "<", "=="] = ">="
    target: float | None = None
    note: str = ""

    @property
    def verdict(self) -> str:
        if self.target is None:
            return "told"
        return "met" if _HOLDS[self.relation](self.value, self.target) else "NOT MET"

    @property
    def wanted(self) -> str:
        return "" if self.target is None else f"{self.relation} {self.target:g}"


def table(figures: Iterable[Figure]) -> str:
    rows = [("figure", "target", "measured", "", "note")]
    rows += [
        (each.name, each.wanted, f"{each.value:.3g} {each.unit}".strip(), each.verdict, each.note) for each in figures
    ]
    widths = [max(len(row[place]) for row in rows) for place in range(4)]
    lines = [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[4]]) for row in rows
    ]
    lines.insert(1, "-" * max(map(len, lines)))
    return "\n".join(line.rstrip() for line in lines)


def conditions() -> str:
    """When and on what: figures without this say nothing."""
    now = dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M UTC")
    cores, load = len(os.sched_getaffinity(0)), os.getloadavg()[0]
    busy = "; the machine is BUSY: trust nothing here" if load > 0.5 else ""
    return f"{now}, {cores} cores, Python {platform.python_version()}, load {load:.2f}{busy}"
