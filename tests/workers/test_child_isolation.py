"""What runs in a worker child needs the standard library, numpy and its one driver, and nothing else of ours.

A child may run on the system's Python, which has libcamera and an older numpy but none of edgedet's dependencies. So
each module of the child's side is imported here by an interpreter that can find nothing else. The other half of the
bargain: the process that starts the children loads none of their drivers, or it could not start quickly.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import edgedet

PACKAGE = Path(edgedet.__file__).parent

ONE_DRIVER = (
    {"av"},
    {"simplejpeg", "PIL"},
    {"ai_edge_litert"},
    {"tflite_runtime"},
    {"picamera2", "libcamera"},
)
"""Modules that come together. A child module uses at most one of these sets."""

GUARD = """
import importlib, sys
root, module, *allowed = sys.argv[1:]

class NothingElse:
    def find_spec(self, fullname, path=None, target=None):
        top = fullname.partition(".")[0]
        if top in sys.stdlib_module_names or top == "edgedet" or top in allowed:
            return None
        raise ModuleNotFoundError(f"{fullname} is out of bounds for {module}", name=fullname)

sys.path.append(root)
sys.meta_path.insert(0, NothingElse())
importlib.import_module(module)
"""


def child_side() -> list[Path]:
    files = {path for room in ("cameras", "models", "accelerators") for path in (PACKAGE / room).rglob("*.py")}
    files |= set((PACKAGE / "workers").glob("*_child.py"))
    return sorted(files)


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def file_of(module: str) -> Path | None:
    stem = PACKAGE.parent.joinpath(*module.split("."))
    return next((path for path in (stem.with_suffix(".py"), stem / "__init__.py") if path.is_file()), None)


def imported_names(path: Path) -> set[str]:
    """Every module that a file imports anywhere in it; `from a import b` gives both `a` and `a.b`."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def drivers_of(path: Path) -> set[str]:
    """Third-party packages that a module and what it imports of ours can come to import, but for numpy."""
    found: set[str] = set()
    seen: set[Path] = set()
    waiting = [path]
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        for name in imported_names(current):
            top = name.partition(".")[0]
            ours = file_of(name) if top == "edgedet" else None
            if ours is not None:
                waiting.append(ours)
            elif top != "edgedet" and top not in sys.stdlib_module_names:
                found.add(top)
    return found - {"numpy", "_typeshed"}


def bare_import(module: str, allowed: set[str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", "-c", GUARD, str(PACKAGE.parent), module, *sorted(allowed)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("path", child_side(), ids=module_name)
def test_a_child_module_starts_with_its_one_driver_and_nothing_else(path: Path) -> None:
    drivers = drivers_of(path)
    together = next((group for group in (set[str](), *ONE_DRIVER) if drivers <= group), None)
    assert together is not None, f"{module_name(path)} needs {drivers}: more than one driver, or none for a child"
    result = bare_import(module_name(path), together | {"numpy"})
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("name", ["edgedet", "edgedet.types", "edgedet.errors", "edgedet.geometry", "edgedet.clock"])
def test_the_ground_floor_needs_the_standard_library_only(name: str) -> None:
    result = bare_import(name, set())
    assert result.returncode == 0, result.stderr


def test_the_guard_lets_nothing_else_through() -> None:
    result = bare_import("pydantic", {"numpy"})
    assert "pydantic is out of bounds" in result.stderr


@pytest.mark.parametrize("runtime", ["ai_edge_litert"])
def test_the_runtime_itself_needs_numpy_only(runtime: str) -> None:
    # It declares more (protobuf, tqdm, ...); a child on another interpreter gets along without.
    result = bare_import(f"{runtime}.interpreter", {runtime, "numpy"})
    assert result.returncode == 0, result.stderr


TOO_SLOW_TO_START = {"pydantic", "rich", "PIL", "av", "shapely", "ruamel", "aiomqtt", "amqtt", "simplejpeg"}


def test_the_detect_command_is_imported_without_drivers_and_settings() -> None:
    script = "import json, sys, edgedet.cli.detect; print(json.dumps(sorted(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    loaded = {name.partition(".")[0] for name in json.loads(result.stdout)}
    assert not loaded & TOO_SLOW_TO_START


def test_detecting_in_a_picture_loads_no_driver_into_the_process_that_was_started(tmp_path: Path) -> None:
    from PIL import Image

    picture = tmp_path / "grey.jpg"
    Image.new("RGB", (320, 240), (114, 114, 114)).save(picture)
    command = [sys.executable, "-X", "importtime", "-m", "edgedet", "detect", str(picture), "--format", "jsonl"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(result.stdout)["detections"] == []
    imports = [line for line in result.stderr.splitlines() if line.startswith("import time:")]
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in imports}
    assert "edgedet" in loaded
    assert not loaded & TOO_SLOW_TO_START
