"""A Debian that is really booted: systemd as its first process, in namespaces of its own, with loopback alone."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from system.roots import RootUnavailable

BOOT_S = 60.0
_TREES = ("/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd")
"""Where cgroups of the second version are, and of the first beside them."""
PATIENCE_S = 90.0
"""For what takes seconds on a quiet machine."""


def until(condition: Callable[[], object], what: str, patience_s: float = PATIENCE_S) -> float:
    """Wait for `condition`; returns how long it took, in seconds."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < patience_s, f"not within {patience_s:g} s: {what}"
        time.sleep(0.1)
    return time.monotonic() - began


_JOIN = 'while [ "$1" != -- ]; do echo $$ > "$1"; shift; done; shift; exec "$@"'
"""Takes the shell into cgroups before it becomes the command after `--`."""


def _cgroups(machine: str) -> list[Path]:
    """The files by which a process joins the cgroups that are this machine's own, which are made here.

    Machines that are not registered share one tree otherwise: the unit of one that stops takes the other's along.
    """
    trees = [place for place in map(Path, _TREES) if (place / "cgroup.procs").exists()]
    own = [tree / f"{machine}-{os.getpid()}" for tree in trees]
    for folder in own:
        folder.mkdir(exist_ok=True)
    return [folder / "cgroup.procs" for folder in own]


class Booted:
    """A machine within its `with`; `root` is the folder that it runs in and writes to."""

    def __init__(self, root: Path, name: str, log: Path) -> None:
        self.root = root
        self._name = name
        self._log = log
        self._container: subprocess.Popen[bytes] | None = None
        self._first = 0

    def __enter__(self) -> Self:
        command = ["systemd-nspawn", "--quiet", "--boot", "--directory", self.root, f"--machine={self._name}"]
        # Without a system bus of the host's nothing can be registered there.
        command += ["--register=no", "--keep-unit", "--console=pipe", "--private-network", "--link-journal=no"]
        with self._log.open("wb") as log:
            self._container = subprocess.Popen(
                ["sh", "-c", _JOIN, "sh", *_cgroups(self._name), "--", *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
            )
        try:
            until(self._is_up, "the machine boots", BOOT_S)
        except AssertionError as error:
            self._end()
            raise RootUnavailable(f"no systemd boots here ({error}): {self._log.read_text()[-500:]}") from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.run("systemctl", "poweroff", check=False)
        self._end()

    def run(
        self, *command: str | Path, check: bool = True, stdin: str = "", patience_s: float = PATIENCE_S
    ) -> subprocess.CompletedProcess[str]:
        """Run a command inside, as root."""
        done = subprocess.run(
            ["nsenter", "--target", str(self._first), "--all", "--", *map(str, command)],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=patience_s,
        )
        assert not check or done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def property(self, unit: str, name: str) -> str:
        """One property of a unit, as `systemctl show` has it."""
        return self.run("systemctl", "show", "--value", f"--property={name}", unit).stdout.strip()

    def journal(self, *matches: str) -> list[dict[str, str]]:
        """The entries that match, oldest first."""
        out = self.run("journalctl", "--output=json", "--all", "--no-pager", *matches).stdout
        return [json.loads(line) for line in out.splitlines()]

    def _is_up(self) -> bool:
        assert self._container is not None
        if self._container.poll() is not None:
            raise AssertionError("systemd-nspawn has ended")
        children = Path(f"/proc/{self._container.pid}/task/{self._container.pid}/children").read_text().split()
        if not children:
            return False
        # The first child of nspawn only sets things up; it is gone by the time that systemd answers.
        self._first = int(children[0])
        state = self.run("systemctl", "is-system-running", check=False).stdout.strip()
        return state in {"running", "degraded"}

    def _end(self) -> None:
        if self._container is None:
            return
        try:
            self._wait()
        finally:
            for joined in _cgroups(self._name):
                for folder in [*sorted(joined.parent.rglob("*/"), reverse=True), joined.parent]:
                    with contextlib.suppress(OSError):
                        folder.rmdir()

    def _wait(self) -> None:
        assert self._container is not None
        try:
            self._container.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            # SIGTERM asks its systemd to end; SIGKILL would leave that running without its keeper.
            self._container.terminate()
            self._container.wait(PATIENCE_S)
