"""What install.sh says where it cannot install, and that it has changed nothing then."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from system.packages import copied_source
from system.roots import RootUnavailable, debian_root, layer

pytestmark = pytest.mark.timeout(200)


@dataclass(frozen=True, slots=True)
class Entered:
    """A Debian that is not booted, with a checkout in /src."""

    root: Path

    def install(
        self, *options: str, user: str = "0", path: str = "/usr/sbin:/usr/bin:/sbin:/bin"
    ) -> subprocess.CompletedProcess[str]:
        as_user = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "env", f"PATH={path}"]
        return subprocess.run(
            ["chroot", self.root, *as_user, "/src/deploy/install.sh", *options],
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def replace_program(self, name: str, says: str) -> None:
        self.replace_program_by(name, f"echo {says}")

    def replace_program_by(self, name: str, script: str) -> None:
        program = self.root / "usr/bin" / name
        program.unlink(missing_ok=True)
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)

    def make_the_user(self) -> None:
        """As an installation does that purge is to take back."""
        subprocess.run(["chroot", self.root, "useradd", "--system", "edgedet"], check=True)
        (self.root / "etc/edgedet").mkdir()
        (self.root / "etc/edgedet/.user-made").touch()


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Entered]:
    try:
        with layer(debian_root("bookworm"), tmp_path / "layer") as shown:
            copied_source(shown / "src")
            yield Entered(shown)
    except RootUnavailable as error:
        pytest.skip(str(error))


@pytest.fixture(autouse=True)
def nothing_is_left_behind(machine: Entered) -> Iterator[None]:
    yield
    for name in ("opt/edgedet", "etc/edgedet", "usr/local/bin/edgedet", "etc/systemd/system/edgedet.service"):
        assert not (machine.root / name).exists()


def test_it_says_how_it_is_used(machine: Entered):
    said = machine.install("--help", user="65534")
    assert said.returncode == 0
    for option in ("--wheel", "--find-links", "--no-start", "--uninstall", "--purge"):
        assert option in said.stdout
    assert machine.install("--nonsense").returncode == 2


def test_it_asks_for_root(machine: Entered):
    said = machine.install(user="65534")
    assert said.returncode == 1
    assert said.stderr == "edgedet: this has to be run by root: sudo /src/deploy/install.sh\n"


def test_a_32_bit_system_is_told_apart_from_its_64_bit_kernel(machine: Entered):
    machine.replace_program("getconf", "32")
    said = machine.install()
    assert said.returncode == 1
    assert "this system is 32-bit" in said.stderr
    assert "Raspberry Pi OS (64-bit)" in said.stderr


def test_a_processor_without_a_runtime_is_named(machine: Entered):
    machine.replace_program("uname", "riscv64")
    assert "no TensorFlow Lite runtime for riscv64" in machine.install().stderr


def test_a_debian_with_too_old_a_python_is_refused_by_name(machine: Entered):
    release = machine.root / "etc/os-release"
    release.unlink()
    release.write_text('PRETTY_NAME="Debian GNU/Linux 11 (bullseye)"\nID=debian\nVERSION_ID="11"\n')
    said = machine.install()
    assert said.returncode == 1
    assert "Debian GNU/Linux 11 (bullseye) is too old" in said.stderr
    assert "Python 3.11" in said.stderr


def test_beside_the_debian_package_it_is_refused(machine: Entered):
    machine.replace_program("dpkg-query", "'install ok installed'")
    said = machine.install()
    assert said.returncode == 1
    assert "sudo apt-get remove edgedet" in said.stderr
    assert "sudo apt-get purge edgedet" in machine.install("--purge").stderr


def test_where_pip_finds_no_packages_nothing_is_changed(machine: Entered):
    (machine.root / "empty").mkdir()
    said = machine.install("--find-links", "/empty")
    assert said.returncode == 1
    assert "Nothing was changed" in said.stderr
    assert not any((machine.root / "opt").iterdir())


def test_where_apt_cannot_get_the_cameras_package_it_goes_on_without(machine: Entered):
    machine.replace_program("apt-cache", "'python3-picamera2 | 0.3.31-1'")
    machine.replace_program_by("apt-get", "exit 100")
    (machine.root / "empty").mkdir()
    said = machine.install("--find-links", "/empty").stderr
    assert "apt-get could not install python3-picamera2" in said
    assert "sudo apt-get update && sudo apt-get install --no-install-recommends python3-picamera2" in said
    assert "pip could not install it" in said


def test_a_lost_connection_leaves_no_half_installation(machine: Entered):
    machine.replace_program_by("ln", "kill -HUP $PPID")  # which it calls when its environment is half made
    assert machine.install().returncode == 130
    assert not any((machine.root / "tmp").iterdir())


def test_purge_finds_the_administrators_programs_where_the_path_lacks_them(machine: Entered):
    machine.make_the_user()
    assert machine.install("--purge", path="/usr/bin:/bin").returncode == 0
    assert "edgedet:" not in (machine.root / "etc/passwd").read_text()


def test_purge_says_what_it_could_not_remove(machine: Entered):
    machine.make_the_user()
    machine.replace_program_by("userdel", "exit 8")
    assert "could not be removed: user:edgedet" in machine.install("--purge", path="/usr/bin:/usr/sbin:/bin").stdout


def test_taking_it_away_where_it_is_not_is_no_error(machine: Entered):
    assert machine.install("--uninstall").returncode == 0
    assert machine.install("--purge").returncode == 0
