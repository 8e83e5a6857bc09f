"""What `make test` installs from the distribution, on a Debian that is really booted: packages, and no broker at work.

Without a network: in place of Debian's mosquitto one that is as empty as can be, with its unit and its postinst.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from system.booted import Booted
from system.packages import SOURCE
from system.roots import BARE, RootUnavailable, debian_root, layer

pytestmark = pytest.mark.timeout(200)

BROKER = "mosquitto.service"
BROKER_UNIT = "[Service]\nExecStart=sleep infinity\n[Install]\nWantedBy=multi-user.target\n"
POSTINST = """\
#!/bin/sh
set -e
# As debhelper writes it into Debian's own.
deb-systemd-helper unmask mosquitto.service >/dev/null || true
if deb-systemd-helper --quiet was-enabled mosquitto.service; then
    deb-systemd-helper enable mosquitto.service >/dev/null || true
else
    deb-systemd-helper update-state mosquitto.service >/dev/null || true
fi
if [ -d /run/systemd/system ]; then
    systemctl --system daemon-reload >/dev/null || true
    deb-systemd-invoke start mosquitto.service >/dev/null || true
fi
"""


def _package(repository: Path, name: str, files: dict[str, str]) -> None:
    """Add a package with these files to the repository."""
    root = repository.parent / name
    control = f"Package: {name}\nVersion: 1\nArchitecture: all\nMaintainer: nobody\nDescription: for a test\n"
    for file, text in {**files, "DEBIAN/control": control}.items():
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text(text)
        (root / file).chmod(0o755 if file == "DEBIAN/postinst" else 0o644)
    (root / "DEBIAN").chmod(0o755)
    package = repository / f"{name}.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "--build", root, package], check=True, capture_output=True)
    digest = hashlib.sha256(package.read_bytes()).hexdigest()
    with (repository / "Packages").open("a") as index:
        index.write(f"{control}Filename: ./{name}.deb\nSize: {package.stat().st_size}\nSHA256: {digest}\n\n")


@pytest.fixture(params=["bookworm", "trixie"])
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Booted]:
    """A booted Debian that knows two packages, mosquitto and another; the tests want both."""
    repository = tmp_path / "repository"
    repository.mkdir()
    _package(repository, "mosquitto", {f"usr/lib/systemd/system/{BROKER}": BROKER_UNIT, "DEBIAN/postinst": POSTINST})
    _package(repository, "another", {})
    try:
        with layer(debian_root(request.param, BARE), tmp_path / "layer") as shown:
            shutil.copytree(repository, shown / "repository")
            for sources in (shown / "etc/apt").rglob("*.list"):
                sources.unlink()
            (shown / "etc/apt/sources.list").write_text("deb [trusted=yes] file:/repository ./\n")
            (shown / "tests").mkdir()
            shutil.copy(SOURCE / "tests/install-system-packages", shown / "tests")
            (shown / "tests/system-packages.txt").write_text("mosquitto  # the broker\nanother\n")
            with Booted(shown, f"wanted-{request.param}", tmp_path / "console") as booted:
                yield booted
    except RootUnavailable as error:
        pytest.skip(str(error))


def _state(machine: Booted) -> tuple[str, str]:
    """Whether the broker runs, and whether it will after the next boot."""
    return machine.property(BROKER, "ActiveState"), machine.property(BROKER, "UnitFileState")


def _installed(machine: Booted, name: str) -> bool:
    return machine.run("dpkg-query", "-W", "-f", "${Status}", name, check=False).stdout.endswith(" installed")


def test_a_broker_that_comes_with_the_packages_is_neither_started_nor_enabled(machine: Booted):
    machine.run("/tests/install-system-packages")
    assert _installed(machine, "mosquitto")
    assert _installed(machine, "another")
    assert _state(machine) == ("inactive", "disabled")
    machine.run("systemctl", "start", BROKER)  # by whoever wants it


def test_a_broker_that_was_there_before_is_left_as_it_is(machine: Booted):
    # Not Debian's: the name is all that it shares with the package.
    machine.run("tee", f"/etc/systemd/system/{BROKER}", stdin=BROKER_UNIT)
    machine.run("systemctl", "enable", "--now", BROKER)
    running = machine.property(BROKER, "MainPID")
    machine.run("/tests/install-system-packages")
    assert _installed(machine, "mosquitto")
    assert (*_state(machine), machine.property(BROKER, "MainPID")) == ("active", "enabled", running)


def test_the_distributions_broker_that_was_there_before_is_left_as_it_is(machine: Booted):
    machine.run("apt-get", "update")
    machine.run("apt-get", "install", "--yes", "mosquitto")
    before = (*_state(machine), machine.property(BROKER, "MainPID"))
    assert before[:2] == ("active", "enabled")
    machine.run("/tests/install-system-packages")
    assert _installed(machine, "another")
    assert (*_state(machine), machine.property(BROKER, "MainPID")) == before
