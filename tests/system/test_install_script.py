"""install.sh on a Debian that is really booted, without a network: installed, again, upgraded, refused, taken away."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from system.booted import Booted
from system.packages import changed_source, copied_source, download_as_documented, download_wheels, has_this_python
from system.places import CONFIG, UNIT
from system.roots import RootUnavailable, debian_root, layer
from system.test_package import accounts, files_of

pytestmark = pytest.mark.timeout(500)


@pytest.fixture(scope="module", params=["bookworm", "trixie"])
def wheels(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All that pip will ask for, in a folder named after the Debian that it is for."""
    try:
        debian_root(request.param)
    except RootUnavailable as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("wheels") / request.param
    if has_this_python(request.param):
        download_as_documented(tmp_path_factory.mktemp("checkout")).rename(folder)
    else:
        download_wheels(folder, request.param)
    return folder


@pytest.fixture
def machine(wheels: Path, tmp_path: Path) -> Iterator[Booted]:
    """A booted Debian that has never seen edgedet, with a checkout in /src, a newer one in /newer, and wheels."""
    try:
        with layer(debian_root(wheels.name), tmp_path / "layer") as shown:
            copied_source(shown / "src")
            changed_source(shown / "newer")
            shutil.copytree(wheels, shown / "wheels")
            with Booted(shown, f"install-{wheels.name}", tmp_path / "console") as booted:
                yield booted
    except RootUnavailable as error:
        pytest.skip(str(error))


def install(machine: Booted, source: str, *options: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return machine.run(f"/{source}/deploy/install.sh", "--find-links", "/wheels", *options, check=check, patience_s=300)


@pytest.mark.parametrize("wheels", ["trixie"], indirect=True)
def test_one_command_installs_it_and_purge_leaves_nothing(machine: Booted):
    files, users = files_of(machine.root), accounts(machine)
    said = install(machine, "src").stdout
    assert "github.com/feranick/libedgetpu" in said
    assert machine.property(UNIT, "ActiveState") == "active"
    assert machine.run("systemctl", "is-enabled", UNIT).stdout.strip() == "enabled"
    assert machine.run("stat", "-c", "%U:%G %a", CONFIG).stdout.strip() == "root:edgedet 640"
    assert {"video", "plugdev", "render", "apex"} <= set(machine.run("id", "-nG", "edgedet").stdout.split())
    assert machine.run("readlink", "-f", "/usr/local/bin/edgedet").stdout.startswith("/opt/edgedet/releases/")

    machine.run("/opt/edgedet/install.sh", "--purge")
    assert machine.property(UNIT, "LoadState") == "not-found"
    assert files_of(machine.root) - files == set()
    assert accounts(machine) - users == set()


@pytest.mark.parametrize("wheels", ["bookworm"], indirect=True)
def test_an_upgrade_keeps_what_is_the_users_and_one_that_would_not_run_is_not_made(machine: Booted):
    files, users = files_of(machine.root), accounts(machine)
    install(machine, "src")
    machine.run("tee", "--append", CONFIG, stdin="# mine\n")
    machine.run("tee", "/var/lib/edgedet/models/own.txt", stdin="my model\n")
    running = machine.property(UNIT, "MainPID")

    refused = install(machine, "newer", check=False)
    assert refused.returncode == 78
    assert "keepalive_s: unknown key" in refused.stderr
    assert (machine.property(UNIT, "MainPID"), machine.property(UNIT, "ActiveState")) == (running, "active")
    assert len(list((machine.root / "opt/edgedet/releases").iterdir())) == 1

    machine.run("sed", "-i", "/keepalive_s/d", CONFIG)
    mended = machine.run("cat", CONFIG).stdout
    install(machine, "newer")
    assert machine.property(UNIT, "ActiveState") == "active"
    assert machine.property(UNIT, "MainPID") != running
    assert machine.run("cat", CONFIG).stdout == mended

    machine.run("tee", "--append", "/newer/edgedet/app/daemon.py", stdin='raise SystemExit("it is broken")\n')
    broken = install(machine, "newer", check=False)
    assert broken.returncode == 1
    assert "the old one was put back" in broken.stderr
    assert machine.property(UNIT, "ActiveState") == "active"
    assert len(list((machine.root / "opt/edgedet/releases").iterdir())) == 1

    machine.run("/opt/edgedet/install.sh", "--uninstall")
    assert machine.property(UNIT, "LoadState") == "not-found"
    assert machine.run("cat", CONFIG).stdout == mended
    assert machine.run("cat", "/var/lib/edgedet/models/own.txt").stdout == "my model\n"
    machine.run("/src/deploy/install.sh", "--purge")
    assert files_of(machine.root) - files == set()
    assert accounts(machine) - users == set()
