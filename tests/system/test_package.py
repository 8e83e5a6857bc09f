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
from system.places import CONFIG, UNIT
from system.roots import MACHINE, RootUnavailable, debian_root, layer

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


def files_of(root: Path) -> set[str]:
    """Every name on the machine, but for what lives in memory or changes with each installation of anything."""
    passing = ("proc", "sys", "dev", "run", "tmp", "debs", "var/log", "var/cache", "var/tmp", "root")
    changing = ("var/lib/systemd", "var/lib/apt", "var/lib/dpkg", "etc/.pwd.lock")
    found = subprocess.run(["find", root, "-xdev", "-printf", "%P\n"], capture_output=True, text=True, check=True)
    return {name for name in found.stdout.splitlines() if not name.startswith((*passing, *changing))}


def accounts(machine: Booted) -> set[str]:
    lines = machine.run("getent", "passwd").stdout + machine.run("getent", "group").stdout
    return {line.split(":", 1)[0] for line in lines.splitlines()}


def test_one_command_installs_it_without_a_network_and_it_runs_until_it_is_purged_without_a_trace(machine: Booted):
    files, users = files_of(machine.root), accounts(machine)
    install(machine, "old")
    until(lambda: machine.property(UNIT, "ActiveState") == "active", "the daemon runs")
    assert machine.run("systemctl", "is-enabled", UNIT).stdout.strip() == "enabled"
    assert machine.property("edgedet-reset-edgetpu.socket", "ActiveState") == "active"
    groups = machine.run("id", "-nG", "edgedet").stdout.split()
    assert {"edgedet", "video", "plugdev", "render", "apex"} <= set(groups)
    assert machine.run("stat", "-c", "%U:%G %a", CONFIG).stdout.strip() == "root:edgedet 640"
    journal = machine.run("journalctl", "-u", UNIT, "--output=cat", "--no-pager").stdout
    assert "model_missing" in journal  # it runs without a model, and says what it needs

    machine.run("apt-get", "purge", "--yes", "--quiet", "edgedet")
    machine.run("systemctl", "daemon-reload")
    assert machine.property(UNIT, "LoadState") == "not-found"
    assert files_of(machine.root) - files == set()
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


@pytest.mark.parametrize("packages", ["bookworm"], indirect=True)
def test_lintian_finds_nothing_but_what_is_explained(packages: Packages):
    if shutil.which("lintian") is None:
        pytest.skip("lintian is not installed: it looks for mistakes in Debian packages")
    command = ["lintian", "--allow-root", "--profile", "debian", "--fail-on", "error,warning", packages.old]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
