"""Debian roots to install into: each made once with mmdebstrap, kept outside the checkout, and never written to.

A test works in a layer of its own over a kept root (`layer`), which goes when the test ends.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MACHINE = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]
"""Debian's name of this machine's architecture."""

BARE = "systemd,systemd-sysv,dbus,udev,passwd,sudo,python3,ca-certificates"
"""A Debian on which nothing was done yet."""
SERVER = "systemd,systemd-sysv,dbus,udev,python3,python3-venv,python3-systemd,ca-certificates,mosquitto,iproute2"
"""What edgedet's package asks for, so that it installs without a network; and a broker."""
EMULATED = "systemd,python3,python3-systemd"
"""Packages are configured under emulation here, at a tenth of the speed: only what edgedet runs on."""

_BINFMT = Path("/proc/sys/fs/binfmt_misc")
_QEMU_RECIPE = Path("/usr/lib/binfmt.d/qemu-aarch64.conf")


class RootUnavailable(Exception):
    """Why a root cannot be made or used on this machine; nothing of edgedet is wrong."""


def debian_root(suite: str, packages: str = SERVER, architecture: str = MACHINE) -> Path:
    """The folder of the kept root of `suite` ("bookworm", "trixie"); the first call makes it (up to two minutes).

    `packages`: names with commas between, beside Debian's essential ones and apt.

    Raises:
        RootUnavailable: not root, a program is missing, or no mirror of Debian answers.
    """
    if os.geteuid() != 0:
        raise RootUnavailable("Debian roots are made and entered by root only")
    for program in ("mmdebstrap", "systemd-nspawn", "unshare"):
        if shutil.which(program) is None:
            raise RootUnavailable(f"{program} is not installed: it makes or enters the Debian roots")
    if architecture != MACHINE:
        _register_emulation()
    recipe = hashlib.sha256(packages.encode()).hexdigest()[:8]
    root = _cache() / f"{suite}-{architecture}-{recipe}"
    root.parent.mkdir(parents=True, exist_ok=True)
    # Two runs at the same time must not make it twice in the same place.
    with root.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not root.exists():
            _make(root, suite, architecture, packages)
    return root


@contextmanager
def layer(root: Path, scratch: Path) -> Iterator[Path]:
    """A folder that shows `root` and takes changes, which lie in `scratch` (an empty folder) and not in `root`.

    Raises:
        RootUnavailable: the kernel has no overlay file system, or mounting is not allowed here.
    """
    upper, work, shown = scratch / "upper", scratch / "work", scratch / "root"
    for folder in (upper, work, shown):
        folder.mkdir(parents=True)
    options = f"lowerdir={root},upperdir={upper},workdir={work}"
    done = subprocess.run(
        ["mount", "-t", "overlay", "overlay", "-o", options, str(shown)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RootUnavailable(f"no layer over a Debian root can be mounted here: {done.stderr.strip()}")
    try:
        yield shown
    finally:
        subprocess.run(["umount", "--recursive", "--lazy", str(shown)], check=False)
        # An installation's half gigabyte; pytest would keep three runs of it.
        shutil.rmtree(upper, ignore_errors=True)


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "edgedet-tests"


def _make(root: Path, suite: str, architecture: str, packages: str) -> None:
    partial = root.with_suffix(f".partial.{os.getpid()}")
    # An emulated processor without the newest vector instructions is six times as fast under qemu.
    environ = {**os.environ, "QEMU_CPU": "cortex-a72"}
    common = ["mmdebstrap", "--quiet", f"--architectures={architecture}"]
    try:
        # What a mirror lacks is told from what is wrong here: only the first is no reason to doubt the recipe.
        asked = subprocess.run(
            [*common, "--simulate", "--variant=extract", suite, str(partial)],
            capture_output=True,
            text=True,
            check=False,
        )
        if asked.returncode:
            raise RootUnavailable(f"no mirror with Debian {suite} for {architecture} answers: {asked.stderr[-200:]}")
        shutil.rmtree(partial, ignore_errors=True)
        subprocess.run(
            [*common, "--variant=apt", f"--include={packages}", suite, str(partial)], env=environ, check=True
        )
        for name in ("etc/machine-id", "var/lib/dbus/machine-id"):
            (partial / name).unlink(missing_ok=True)
        (partial / "etc/machine-id").touch()  # empty: the first boot makes one
        partial.rename(root)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _register_emulation() -> None:
    """Let the kernel start arm64 programs with qemu, in every root (flag F keeps the interpreter open)."""
    if (_BINFMT / "qemu-aarch64").exists():
        return
    if not _QEMU_RECIPE.exists():
        raise RootUnavailable("qemu-user-static is not installed: it runs arm64 programs here")
    if not (_BINFMT / "register").exists():
        subprocess.run(["mount", "-t", "binfmt_misc", "binfmt_misc", str(_BINFMT)], check=False, capture_output=True)
    try:
        (_BINFMT / "register").write_bytes(_QEMU_RECIPE.read_bytes().strip())
    except OSError as error:
        raise RootUnavailable(f"the kernel takes no interpreter for arm64 programs: {error}") from None
