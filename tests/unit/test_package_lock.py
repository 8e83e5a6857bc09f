"""What the Debian packages carry is what pyproject.toml asks for, each file by its sum."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

SOURCE = Path(__file__).resolve().parents[2]


def locked() -> dict[str, tuple[str, list[str]]]:
    """Version and sums by name."""
    found = {}
    text = (SOURCE / "deploy/debian/wheels.txt").read_text(encoding="utf-8").replace("\\\n", " ")
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, version = line.split()[0].split("==")
            found[canonicalize_name(name)] = (version, re.findall(r"--hash=sha256:([0-9a-f]{64})", line))
    return found


def test_every_dependency_is_locked_in_a_version_that_is_asked_for():
    project = tomllib.loads((SOURCE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    inside = locked()
    for dependency in map(Requirement, project["dependencies"]):
        version, _ = inside[canonicalize_name(dependency.name)]
        assert dependency.specifier.contains(version), (
            f"run deploy/debian/build.py --lock: {dependency}, locked {version}"
        )


def test_every_package_is_pinned_by_sums_and_by_one_for_each_machine_where_it_is_compiled():
    inside = locked()
    assert all(sums for _, sums in inside.values())
    # One each for Python 3.11 and 3.13 on arm64 and amd64.
    for compiled in ("ai-edge-litert", "numpy", "pydantic-core", "shapely", "simplejpeg"):
        assert len(inside[compiled][1]) == 4, compiled
