"""The Debian package on a Debian that is really booted, without a network: installed, upgraded, refused, purged."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from system.booted import Booted, until
from system.packages import build_package, changed_source
from system.places import CONFIG, HELPER, UNIT
from system.roots import MACHINE, RootUnavailable, debian_root, layer
from system.traces import (
    accounts,
    assert_purged_but_for_the_administrators_own,
    files_of,
    make_the_administrators_own,
    mount_the_administrators_own,
    record_what_udev_is_asked,
)

pytestmark = pytest.mark.timeout(400)

MODEL = "/var/lib/edgedet/models/own.txt"


@dataclass(frozen=True, slots=True)
class Packages:
    """Two versions; the newer one does not know `mqtt.keepalive_s`, so it refuses what the older one takes."""

    old: Path
    new: Path


@pytest.fixture(scope="module", params=["bookworm", "trixie"])
def packages(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, own_package: Callable[[str], Path]
) -> Packages:
    try:
        debian_root(request.param)
    except RootUnavailable as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp(request.param)
    changed = changed_source(folder / "source")
    return Packages(
        own_package(request.param),
        build_package(folder, request.param, MACHINE, version="99.0.0", source=changed),
    )


@pytest.fixture
def machine(packages: Packages, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Booted]:
    """A booted Debian that has never seen edgedet, with both packages in its /debs, and a loopback device alone."""
    suite = request.node.callspec.params["packages"]
    try:
        with layer(debian_root(suite), tmp_path / "layer") as shown:
            (shown / "debs").mkdir()
            for name, package in (("old", packages.old), ("new", packages.new)):
                shutil.copy(package, shown / f"debs/{name}.deb")
            with Booted(shown, f"package-{suite}", tmp_path / "console") as booted:
                yield booted
    except RootUnavailable as error:
        pytest.skip(str(error))


def install(machine: Booted, which: str, *, check: bool = True) -> subprocess.CompletedProcess[str]:
    # As a user does it, with the question that apt-get would otherwise ask.
    command = ("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "--yes", "--quiet")
    return machine.run(*command, f"/debs/{which}.deb", check=check, patience_s=300)


def version(machine: Booted) -> str:
    return machine.run("edgedet", "--version").stdout.split()[-1]


def test_one_command_installs_it_without_a_network_and_it_runs_until_it_is_purged_without_a_trace(machine: Booted):
    record_what_udev_is_asked(machine)
    files, users = files_of(machine), accounts(machine)
    install(machine, "old")
    assert "trigger --sysname-match=vcio" in machine.run("cat", "/run/asked").stdout
    until(lambda: machine.property(UNIT, "ActiveState") == "active", "the daemon runs")
    assert machine.run("systemctl", "is-enabled", UNIT).stdout.strip() == "enabled"
    assert machine.property(HELPER, "ActiveState") == "active"
    groups = machine.run("id", "-nG", "edgedet").stdout.split()
    assert {"edgedet", "video", "plugdev", "render", "apex"} <= set(groups)
    assert machine.run("stat", "-c", "%U:%G %a", CONFIG).stdout.strip() == "root:edgedet 640"
    journal = machine.run("journalctl", "-u", UNIT, "--output=cat", "--no-pager").stdout
    assert "model_missing" in journal  # it runs without a model, and says what it needs

    machine.run("apt-get", "purge", "--yes", "--quiet", "edgedet")
    machine.run("systemctl", "daemon-reload")
    assert machine.property(UNIT, "LoadState") == "not-found"
    assert files_of(machine) - files == set()
    assert accounts(machine) - users == set()


def test_an_upgrade_keeps_the_configuration_and_the_state_and_is_refused_where_the_new_version_would_refuse(
    machine: Booted,
):
    install(machine, "old")
    # A value that only the daemon's own environment has: what checks for it has to look there.
    machine.run("sed", "-i", "s/^device: null/device: ${PLACE}/", CONFIG)
    machine.run("mkdir", "/etc/systemd/system/edgedet.service.d")
    machine.run("tee", "/etc/systemd/system/edgedet.service.d/mine.conf", stdin="[Service]\nEnvironment=PLACE=porch\n")
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "restart", UNIT)
    machine.run("tee", "--append", CONFIG, stdin="# mine\n")
    machine.run("tee", MODEL, stdin="my model\n")
    before, running = version(machine), machine.property(UNIT, "MainPID")

    refused = install(machine, "new", check=False)
    assert refused.returncode != 0
    assert f"{CONFIG}:" in refused.stdout + refused.stderr
    assert "keepalive_s: unknown key" in refused.stdout + refused.stderr
    assert version(machine) == before
    assert (machine.property(UNIT, "MainPID"), machine.property(UNIT, "ActiveState")) == (running, "active")

    machine.run("sed", "-i", "/keepalive_s/d", CONFIG)
    mended = machine.run("cat", CONFIG).stdout
    install(machine, "new")
    until(lambda: machine.property(UNIT, "ActiveState") == "active", "the new version runs")
    assert version(machine) == "99.0.0"
    assert machine.property(UNIT, "MainPID") != running
    assert machine.run("cat", CONFIG).stdout == mended
    assert mended.endswith("# mine\n")
    assert machine.run("cat", MODEL).stdout == "my model\n"

    machine.run("apt-get", "remove", "--yes", "--quiet", "edgedet")
    assert machine.property(UNIT, "ActiveState") != "active"
    install(machine, "new")
    until(lambda: machine.property(UNIT, "ActiveState") == "active", "it runs again", 30)
    assert machine.run("cat", CONFIG).stdout == mended
    assert machine.run("cat", MODEL).stdout == "my model\n"


@pytest.mark.parametrize("packages", ["trixie"], indirect=True)
def test_a_daemon_that_was_switched_off_stays_off_over_an_upgrade(machine: Booted):
    install(machine, "old")
    machine.run("systemctl", "disable", "--now", UNIT)
    machine.run("sed", "-i", "/keepalive_s/d", CONFIG)
    install(machine, "new")
    assert machine.run("systemctl", "is-enabled", UNIT, check=False).stdout.strip() == "disabled"
    assert machine.property(UNIT, "ActiveState") == "inactive"


@pytest.mark.parametrize("packages", ["trixie"], indirect=True)
def test_a_package_that_was_built_again_runs_its_own_code_though_size_and_date_of_a_file_are_the_same(
    machine: Booted,
):
    install(machine, "old")
    # The text that is compiled here is as long and as old as the one that the package brings again.
    change = (
        "cp -p __init__.py /was; sed -i s/Detect/Reject/ __init__.py; touch -r /was __init__.py; $0 -m compileall -qf ."
    )
    folder = "cd /usr/lib/edgedet/venv/lib/*/site-packages/edgedet/cli"
    machine.run("sh", "-c", f"{folder} && {change}", "/usr/bin/python3")
    assert "Reject objects" in machine.run("edgedet", "--help").stdout
    machine.run("apt-get", "install", "--reinstall", "--yes", "--quiet", "/debs/old.deb")
    assert "Reject objects" not in machine.run("edgedet", "--help").stdout


@pytest.mark.parametrize("packages", ["bookworm"], indirect=True)
def test_purge_spares_what_was_there_before_and_what_is_mounted(machine: Booted):
    make_the_administrators_own(machine)
    install(machine, "old")
    assert machine.run("readlink", CONFIG).stdout == "/mnt/edgedet.yaml\n"
    mount_the_administrators_own(machine)
    purged = machine.run("apt-get", "purge", "--yes", "--quiet", "edgedet")
    assert_purged_but_for_the_administrators_own(machine, purged.stdout + purged.stderr)


@pytest.mark.parametrize("packages", ["bookworm"], indirect=True)
def test_lintian_finds_nothing_but_what_is_explained(packages: Packages):
    if shutil.which("lintian") is None:
        pytest.skip("lintian is not installed: it looks for mistakes in Debian packages")
    command = ["lintian", "--allow-root", "--profile", "debian", "--fail-on", "error,warning", packages.old]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
