"""What the build of the Debian packages makes of the machine that it runs on."""

from __future__ import annotations

import runpy
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SOURCE = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def build() -> dict[str, Any]:
    """The names of deploy/debian/build.py."""
    return runpy.run_path(str(SOURCE / "deploy/debian/build.py"))


def test_without_git_the_package_is_dated_by_its_build(
    build: dict[str, Callable[[], int]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    assert abs(build["_date"]() - time.time()) < 60


def test_what_the_check_before_an_upgrade_unpacks_is_roots_and_readable_whoever_built_it(
    build: dict[str, Any], tmp_path: Path
) -> None:
    package = tmp_path / "edgedet"
    (package / "data").mkdir(parents=True, mode=0o700)
    for name in ("cli.py", "data/model.tflite"):
        (package / name).touch(mode=0o600)
    with tarfile.open(tmp_path / "bundle.tar", "w") as bundle:
        bundle.add(package, "edgedet", filter=build["_for_the_check"])
    with tarfile.open(tmp_path / "bundle.tar") as bundle:
        inside = {entry.name: (entry.mode, entry.uid, entry.gid, entry.uname) for entry in bundle}
    assert inside["edgedet/cli.py"] == (0o644, 0, 0, "root")
    assert inside["edgedet"] == (0o755, 0, 0, "root")
    assert "edgedet/data/model.tflite" not in inside
