"""install.sh on a Debian that is really booted, without a network: installed, again, upgraded, refused, taken away."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from system.booted import Booted, until
from system.packages import changed_source, copied_source, download_as_documented, download_wheels, has_this_python
from system.places import CONFIG, HELPER, UNIT
from system.roots import RootUnavailable, debian_root, layer
from system.traces import (
    accounts,
    assert_purged_but_for_the_administrators_own,
    files_of,
    make_the_administrators_own,
    mount_the_administrators_own,
    record_what_udev_is_asked,
)

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


def releases(machine: Booted) -> set[str]:
    return set(machine.run("ls", "/opt/edgedet/releases").stdout.split())


def break_daemon(machine: Booted, code: str) -> None:
    machine.run("tee", "--append", f"{code}/edgedet/app/daemon.py", stdin='raise SystemExit("it is broken")\n')


@pytest.mark.parametrize("wheels", ["trixie"], indirect=True)
def test_one_command_installs_it_and_purge_leaves_nothing(machine: Booted):
    record_what_udev_is_asked(machine)
    files, users = files_of(machine), accounts(machine)
    said = install(machine, "src").stdout
    assert "github.com/feranick/libedgetpu" in said
    assert "trigger --sysname-match=vcio" in machine.run("cat", "/run/asked").stdout
    assert machine.property(UNIT, "ActiveState") == "active"
    assert machine.run("systemctl", "is-enabled", UNIT).stdout.strip() == "enabled"
    assert machine.run("stat", "-c", "%U:%G %a", CONFIG).stdout.strip() == "root:edgedet 640"
    assert {"video", "plugdev", "render", "apex"} <= set(machine.run("id", "-nG", "edgedet").stdout.split())
    assert machine.run("readlink", "-f", "/usr/local/bin/edgedet").stdout.startswith("/opt/edgedet/releases/")

    machine.run("/opt/edgedet/install.sh", "--purge")
    assert machine.property(UNIT, "LoadState") == "not-found"
    assert files_of(machine) - files == set()
    assert accounts(machine) - users == set()


@pytest.mark.parametrize("wheels", ["bookworm"], indirect=True)
def test_an_upgrade_keeps_what_is_the_users_and_one_that_would_not_run_is_not_made(machine: Booted):
    files, users = files_of(machine), accounts(machine)
    install(machine, "src")
    machine.run("tee", "--append", CONFIG, stdin="# mine\n")
    machine.run("tee", "/var/lib/edgedet/models/own.txt", stdin="my model\n")
    running = machine.property(UNIT, "MainPID")

    refused = install(machine, "newer", check=False)
    assert refused.returncode == 78
    assert "keepalive_s: unknown key" in refused.stderr
    assert (machine.property(UNIT, "MainPID"), machine.property(UNIT, "ActiveState")) == (running, "active")
    assert len(releases(machine)) == 1

    # Of this version alone, so that putting it back has to bring it back.
    machine.run("tee", "/newer/systemd/edgedet-once.service", stdin="[Service]\nExecStart=true\n")
    machine.run("sed", "-i", "/keepalive_s/d", CONFIG)
    mended = machine.run("cat", CONFIG).stdout
    machine.run("systemctl", "disable", "--now", HELPER)
    before = releases(machine)
    install(machine, "newer", "--no-start")
    assert machine.property(UNIT, "MainPID") == running
    assert before < releases(machine)  # the daemon's workers are started from it
    install(machine, "newer")
    assert machine.property(UNIT, "ActiveState") == "active"
    assert machine.property(UNIT, "MainPID") != running
    assert len(releases(machine)) == 1
    assert machine.property(HELPER, "ActiveState") == "inactive"
    assert machine.run("cat", CONFIG).stdout == mended

    files_before, unit = files_of(machine), machine.run("systemctl", "cat", UNIT).stdout
    break_daemon(machine, "/newer")
    machine.run("sed", "-i", "s/^ExecStart=.*/ExecStart=false/", "/newer/systemd/edgedet.service")
    machine.run("mv", "/newer/systemd/edgedet-once.service", "/newer/systemd/edgedet-again.service")
    broken = install(machine, "newer", check=False)
    assert broken.returncode == 1
    assert broken.stderr.endswith("edgedet: the old one was put back\n")
    assert machine.property(UNIT, "ActiveState") == "active"
    assert machine.run("systemctl", "cat", UNIT).stdout == unit
    assert {name for name in files_before ^ files_of(machine) if name.startswith(("/opt", "/etc", "/usr"))} == set()

    machine.run("/opt/edgedet/install.sh", "--uninstall")
    assert machine.property(UNIT, "LoadState") == "not-found"
    assert machine.run("cat", CONFIG).stdout == mended
    assert machine.run("cat", "/var/lib/edgedet/models/own.txt").stdout == "my model\n"
    machine.run("/src/deploy/install.sh", "--purge")
    machine.run("rm", "-r", "/newer")
    assert files_of(machine) - files == set()
    assert accounts(machine) - users == set()


@pytest.mark.parametrize("wheels", ["bookworm"], indirect=True)
def test_an_upgrade_cures_a_daemon_that_keeps_crashing(machine: Booted):
    install(machine, "src")
    (site,) = machine.run("sh", "-c", "echo /opt/edgedet/venv/lib/*/site-packages").stdout.split()
    break_daemon(machine, site)
    machine.run("systemctl", "restart", UNIT, check=False)
    until(lambda: machine.property(UNIT, "ActiveState") == "activating", "it is about to be started again")

    machine.run("sed", "-i", "s/^ExecStart=.*/ExecStart=false/", "/src/systemd/edgedet.service")
    assert "it does not start either" in install(machine, "src", check=False).stderr
    machine.run("sed", "-i", "s/^ExecStart=.*/ExecStart=edgedet run/", "/src/systemd/edgedet.service")
    install(machine, "src")
    assert machine.property(UNIT, "ActiveState") == "active"
    assert len(releases(machine)) == 1


@pytest.mark.parametrize("wheels", ["trixie"], indirect=True)
def test_purge_spares_what_was_there_before_and_what_is_mounted(machine: Booted):
    make_the_administrators_own(machine)
    refused = install(machine, "src", check=False)
    assert refused.returncode == 78
    assert machine.run("readlink", CONFIG).stdout == "/mnt/edgedet.yaml\n"
    machine.run("cp", "/src/config/edgedet.yaml", "/mnt/edgedet.yaml")
    install(machine, "src")
    assert machine.property(UNIT, "ActiveState") == "active"
    mount_the_administrators_own(machine)
    purged = machine.run("/opt/edgedet/install.sh", "--purge")
    assert_purged_but_for_the_administrators_own(machine, purged.stdout)


@pytest.mark.parametrize("wheels", ["trixie"], indirect=True)
def test_it_and_the_package_follow_each_other(machine: Booted, own_package: Callable[[str], Path]):
    shutil.copy(own_package("trixie"), machine.root / "own.deb")
    files, users = files_of(machine), accounts(machine)
    machine.run("dpkg", "--install", "/own.deb")
    machine.run("apt-get", "remove", "--yes", "--quiet", "edgedet")
    install(machine, "src")
    machine.run("/opt/edgedet/install.sh", "--uninstall")
    machine.run("dpkg", "--install", "/own.deb")
    assert machine.run("systemctl", "is-enabled", UNIT, HELPER).stdout.split() == ["enabled", "enabled"]
    until(lambda: machine.property(UNIT, "ActiveState") == "active", "the package's daemon runs")

    machine.run("apt-get", "remove", "--yes", "--quiet", "edgedet")
    install(machine, "src")
    purged = machine.run("apt-get", "purge", "--yes", "--quiet", "edgedet")
    assert "sudo /opt/edgedet/install.sh --purge" in purged.stdout + purged.stderr
    assert machine.run("systemctl", "is-enabled", UNIT, HELPER).stdout.split() == ["enabled", "enabled"]
    machine.run("systemctl", "restart", UNIT)
    assert machine.run("edgedet", "check").returncode == 0

    machine.run("/opt/edgedet/install.sh", "--purge")
    assert files_of(machine) - files == set()
    assert accounts(machine) - users == set()
