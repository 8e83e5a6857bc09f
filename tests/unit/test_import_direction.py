"""The direction of dependence between the rooms of the package, read off its imports.

A room is a module or a folder directly under `edgedet/`. It may import rooms on lower floors; the rooms on one
floor do not know each other, but for the few neighbours named below.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import edgedet

PACKAGE = Path(edgedet.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))

FLOORS = (
    ("types", "errors", "geometry", "clock", "paths"),
    (
        "channel",
        "stage_times",
        "health",
        "settings",
        "association",
        "tracking",
        "events",
        "models",
        "cameras",
        "accelerators",
        "outputs",
        "service",
    ),
    ("workers", "pipeline", "web"),
    ("app",),
    ("demo", "bench", "doctor"),
    ("cli",),
    ("__main__",),
)
MAY_IMPORT_A_NEIGHBOUR = {
    "geometry": {"types"},
    # A driver's settings lie in its own file; the configuration asks the folder which drivers there are.
    "settings": {"cameras"},
    # The tracker, what it works with, and its mathematics: files that nothing else needs.
    "tracking": {"association"},
    # The stages hand frames from one worker to the next.
    "pipeline": {"workers"},
}
BELONGS_TO_NO_ROOM = {"__init__"}

COPYLEFT_OR_HEAVY = {
    "ultralytics",
    "yolov5",
    "torch",
    "torchvision",
    "cv2",
    "matplotlib",
    "scipy",
    "tensorflow",
}
"""Ultralytics is under AGPL-3.0 and must not be needed; the others are too heavy for a Pi's daemon."""
NAMES_THAT_SAY_NOTHING = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}
LONGEST = 350


@dataclass(frozen=True, slots=True)
class Import:
    """One imported name and the line where it is imported."""

    name: str
    line: int
    level: int = 0


def imports_of(path: Path) -> Iterator[Import]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, node.lineno)
        elif isinstance(node, ast.ImportFrom) and node.module == "edgedet":
            for alias in node.names:
                yield Import(f"edgedet.{alias.name}", node.lineno, node.level)
        elif isinstance(node, ast.ImportFrom):
            yield Import(node.module or "", node.lineno, node.level)


def said(path: Path) -> str:
    return str(path.relative_to(PACKAGE.parent))


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def rooms_used(path: Path) -> Iterator[tuple[str, int]]:
    for imported in imports_of(path):
        parts = imported.name.split(".")
        if parts[0] == "edgedet" and len(parts) > 1:
            yield parts[1], imported.line


def floor_of(room: str) -> int | None:
    return next((number for number, rooms in enumerate(FLOORS) if room in rooms), None)


def may_import(room: str, other: str) -> bool:
    here, there = floor_of(room), floor_of(other)
    if here is None or there is None:
        return False
    return room == other or there < here or other in MAY_IMPORT_A_NEIGHBOUR.get(room, set())


def test_every_room_has_a_floor() -> None:
    rooms = {room_of(path) for path in FILES} - BELONGS_TO_NO_ROOM
    homeless = {room for room in rooms if floor_of(room) is None}
    assert not homeless, f"give {homeless} a place in FLOORS, and in the list of rooms in CONTRIBUTING.md"


def test_imports_point_downwards() -> None:
    wrong = [
        f"{said(path)}:{line}: {room_of(path)} must not import {other}"
        for path in FILES
        for other, line in rooms_used(path)
        if room_of(path) not in BELONGS_TO_NO_ROOM and not may_import(room_of(path), other)
    ]
    assert not wrong, "\n".join(wrong)


def test_imports_name_their_module_in_full() -> None:
    relative = [f"{said(path)}:{found.line}" for path in FILES for found in imports_of(path) if found.level > 0]
    assert not relative


def test_nothing_copyleft_or_too_heavy_is_imported() -> None:
    wrong = [
        f"{said(path)}:{found.line}: {found.name}"
        for path in FILES
        for found in imports_of(path)
        if found.name.split(".")[0] in COPYLEFT_OR_HEAVY
    ]
    assert not wrong


def test_the_package_itself_imports_nothing() -> None:
    # A worker child on another interpreter imports it first.
    assert list(imports_of(PACKAGE / "__init__.py")) == []


def test_every_file_is_short() -> None:
    lines = {said(path): len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    assert not {name: count for name, count in lines.items() if count > LONGEST}


def test_the_name_of_every_file_says_what_is_in_it() -> None:
    assert not [said(path) for path in FILES if path.stem.strip("_") in NAMES_THAT_SAY_NOTHING]


@pytest.mark.parametrize(
    ("room", "other", "allowed"),
    [
        ("cameras", "types", True),
        ("cameras", "cameras", True),
        ("cameras", "models", False),
        ("outputs", "settings", False),
        ("types", "cameras", False),
        ("workers", "cameras", True),
        ("workers", "pipeline", False),
        ("app", "workers", True),
        ("app", "cli", False),
        ("cameras", "new_room", False),
    ],
)
def test_the_rule_itself(room: str, other: str, *, allowed: bool) -> None:
    assert may_import(room, other) is allowed
