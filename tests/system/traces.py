"""What an installation leaves on a machine, and what of an administrator's a purge has to spare."""

from __future__ import annotations

from system.booted import Booted
from system.places import CONFIG

_SNAPSHOTS = "/var/lib/edgedet/snapshots"
_MODELS = "/var/lib/edgedet/models"


def files_of(machine: Booted) -> set[str]:
    """Every name on the machine; of what lives in memory or changes with each installation of anything, edgedet's."""
    passing = ("/run", "/tmp", "/debs", "/var/log", "/var/cache", "/var/tmp", "/root")
    changing = ("/var/lib/systemd", "/var/lib/apt", "/var/lib/dpkg", "/etc/.pwd.lock")
    found = machine.run("find", "/", "/run", "-xdev").stdout.splitlines()
    return {name for name in found if "edgedet" in name or not name.startswith((*passing, *changing))}


def accounts(machine: Booted) -> set[str]:
    """Names of users and groups."""
    lines = machine.run("getent", "passwd").stdout + machine.run("getent", "group").stdout
    return {line.split(":", 1)[0] for line in lines.splitlines()}


def record_what_udev_is_asked(machine: Booted) -> None:
    """Put it into /run/asked: in a container there is neither a udev nor a Pi's devices."""
    machine.run("tee", "/usr/bin/udevadm", stdin='#!/bin/sh\necho "$@" >>/run/asked\n')


def make_the_administrators_own(machine: Booted) -> None:
    """A login named edgedet, and a configuration on a disk that is not mounted yet."""
    machine.run("useradd", "--create-home", "edgedet")
    machine.run("mkdir", "/etc/edgedet")
    machine.run("ln", "-s", "/mnt/edgedet.yaml", CONFIG)


def mount_the_administrators_own(machine: Booted) -> None:
    """Another disk for the snapshots, and a folder of the same disk for the models, each with a file in it."""
    machine.run("mkdir", "-p", _SNAPSHOTS, "/srv/models")
    machine.run("mount", "-t", "tmpfs", "tmpfs", _SNAPSHOTS)
    machine.run("mount", "--bind", "/srv/models", _MODELS)
    machine.run("tee", f"{_SNAPSHOTS}/porch.jpg", f"{_MODELS}/own.txt", stdin="mine\n")


def assert_purged_but_for_the_administrators_own(machine: Booted, said: str) -> None:
    assert machine.run("cat", f"{_SNAPSHOTS}/porch.jpg", "/srv/models/own.txt").stdout == "mine\n" * 2
    for place in (_SNAPSHOTS, _MODELS):
        assert place in said
        machine.run("umount", place)
    left = machine.run("find", "/etc/edgedet", "/var/lib/edgedet", check=False).stdout.split()
    assert set(left) == {"/var/lib/edgedet", _SNAPSHOTS, _MODELS}
    assert "/home/edgedet" in machine.run("getent", "passwd", "edgedet").stdout
    assert "apex" not in machine.run("id", "-nG", "edgedet").stdout
    assert "apex" not in accounts(machine)
