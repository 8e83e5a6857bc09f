"""What the tests on booted Debians share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import pytest

from system.packages import build_package
from system.roots import MACHINE


@pytest.fixture(scope="session")
def own_package(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """This source's package for a Debian of that name and this machine, built at the first call in a run."""

    @functools.cache
    def built(suite: str) -> Path:
        return build_package(tmp_path_factory.mktemp(f"package-{suite}"), suite, MACHINE)

    return built
