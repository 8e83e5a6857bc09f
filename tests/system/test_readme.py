"""README's way from a bare Debian to detections, command by command, as a user who may use sudo."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from system.booted import Booted, until
from system.packages import SOURCE, copied_source, download_wheels
from system.roots import BARE, RootUnavailable, debian_root, layer

pytestmark = pytest.mark.timeout(500)

HOME = "/home/pi"
FROM_DEBIAN = "mosquitto mosquitto-clients python3-venv python3-systemd"
"""What the commands fetch from Debian: it is fetched before, since the machine has no network while it is booted."""


def blocks() -> list[list[str]]:
    """The blocks of commands in README's section on the Raspberry Pi, a command a line."""
    section = (SOURCE / "README.md").read_text().partition("\n## On a Raspberry Pi\n")[2].partition("\n## ")[0]
    return [text.strip().splitlines() for text in re.findall(r"```sh\n(.*?)```", section, re.DOTALL)]


@pytest.fixture(params=["bookworm", "trixie"])
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Booted]:
    """A booted Debian with nothing but a checkout in a user's home."""
    try:
        with layer(debian_root(request.param, BARE), tmp_path / "layer") as shown:
            subprocess.run(["chroot", shown, "useradd", "--create-home", "--groups=sudo,adm", "pi"], check=True)
            (shown / "etc/sudoers.d/pi").write_text("pi ALL=(ALL) NOPASSWD: ALL\n")
            (shown / "etc/hosts").write_text(f"127.0.0.1 localhost {request.param}-pi\n")
            (shown / "etc/hostname").write_text(f"{request.param}-pi\n")
            copied_source(shown / HOME[1:] / "edgedet")
            subprocess.run(["chroot", shown, "chown", "--recursive", "pi:pi", HOME], check=True)
            _fetch(shown, request.param)
            with Booted(shown, f"readme-{request.param}", tmp_path / "console") as booted:
                yield booted
    except RootUnavailable as error:
        pytest.skip(str(error))


def _fetch(root: Path, suite: str) -> None:
    """Put into the caches of apt and pip what the commands will ask of the network."""
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
    for step in ("update", f"install --download-only --yes {FROM_DEBIAN}"):
        fetched = subprocess.run(
            ["chroot", root, "apt-get", *step.split()], capture_output=True, text=True, check=False
        )
        if fetched.returncode:
            raise RootUnavailable(f"no mirror with Debian {suite} answers: {fetched.stderr[-200:]}")
    download_wheels(root / "wheels", suite)
    (root / "etc/pip.conf").write_text("[global]\nno-index = true\nfind-links = /wheels\n")


def typed(machine: Booted, *lines: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """What the user sees who types these lines in the checkout."""
    script = "\n".join(["set -e", f"cd {HOME}/edgedet", *lines])
    return machine.run("runuser", "--user=pi", "--", "bash", "-c", script, check=check, patience_s=300)


def watched(machine: Booted, line: str) -> str:
    """What a command that never ends by itself prints in some seconds."""
    return typed(machine, f"timeout 4 {line}", check=False).stdout


def test_a_bare_debian_tells_what_it_sees_in_the_journal_and_by_mqtt_after_the_commands_of_the_readme(
    machine: Booted,
) -> None:
    commands, (journal, mqtt) = blocks()
    typed(machine, *commands)
    until(lambda: re.search(r"street: \w+ \d+ is there \(score 0\.", watched(machine, journal)), "the journal tells")
    seen = watched(machine, mqtt)
    device = machine.run("hostname").stdout.strip()
    assert f"edgedet/{device}/availability online" in seen
    assert f"edgedet/{device}/street/state watching" in seen
    assert re.search(rf'^edgedet/{device}/street/detections .*"label":"\w+"', seen, re.MULTILINE)
    assert re.search(rf'^edgedet/{device}/street/events .*"type":"new"', seen, re.MULTILINE)
    examined = typed(machine, "sudo edgedet doctor").stdout
    assert "problem  " not in examined
