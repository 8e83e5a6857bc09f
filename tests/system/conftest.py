"""What the tests on booted Debians share."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from system.booted import Booted
from system.packages import build_package
from system.places import BROKER, LAST_WORDS, PASSWORD, UNIT
from system.roots import MACHINE, RootUnavailable, debian_root, layer


@pytest.fixture(scope="session")
def own_package(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """This source's package for a Debian of that name and this machine, built at the first call in a run."""

    @functools.cache
    def built(suite: str) -> Path:
        return build_package(tmp_path_factory.mktemp(f"package-{suite}"), suite, MACHINE)

    return built


@pytest.fixture(scope="session", params=["bookworm", "trixie"])
def installed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, own_package: Callable[[str], Path]
) -> Iterator[Booted]:
    """A booted Debian with edgedet's package and mosquitto, both stopped; one for all tests that leave it as it was."""
    folder = tmp_path_factory.mktemp(request.param)
    try:
        root = debian_root(request.param)
        with layer(root, folder / "layer") as shown:
            shutil.copy(own_package(request.param), shown / "edgedet.deb")
            with Booted(shown, f"edgedet-{request.param}", folder / "console") as booted:
                # Installing starts it, with the configuration that comes with it: there is no such camera here.
                booted.run("dpkg", "--install", "/edgedet.deb")
                _clear_up(booted)
                yield booted
    except RootUnavailable as error:
        pytest.skip(str(error))


@pytest.fixture
def machine(installed: Booted) -> Iterator[Booted]:
    """`installed`, for a test that starts service or broker: afterwards both are stopped, and nothing is left."""
    yield installed
    _clear_up(installed)


def _clear_up(machine: Booted) -> None:
    machine.run("systemctl", "stop", UNIT, "mosquitto")
    machine.run("systemctl", "reset-failed", check=False)
    machine.run("rm", "-rf", LAST_WORDS, PASSWORD, BROKER)
    # What a test asks the journal for is what it did itself.
    machine.run("journalctl", "--quiet", "--rotate", "--vacuum-time=1s")
