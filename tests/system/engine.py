"""podman with a store of its own, which goes with it: no image, volume or container of the machine's is touched."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

PATIENCE_S = 200.0
"""For a build, which fetches some packages from Debian's mirror and compiles the package's Python."""

# The machine's network and plain cgroups: no iptables and no systemd are needed. Debian 12's crun starts nothing where
# there are cgroups of both versions. A limit that is not named is raised, which not every machine allows root.
_CONTAINERS = """\
[containers]
netns = "host"
default_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
lock_type = "file"
tmp_dir = "{brief}/tmp"
[network]
network_backend = "netavark"
network_config_dir = "{folder}/networks"
"""
_STORAGE = """\
[storage]
driver = "overlay"
graphroot = "{folder}/store"
runroot = "{brief}/run"
"""


class EngineUnavailable(Exception):
    """Why no container can be started on this machine; nothing of edgedet is wrong."""


class Engine:
    """Within its `with`, commands find podman with a store in `folder`; at its end nothing is left of it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._brief = folder

    def __enter__(self) -> Self:
        if shutil.which("podman") is None:
            raise EngineUnavailable("no container can be started here: podman is not installed")
        self._folder.mkdir()
        # Sockets lie below it, whose paths the kernel keeps short: below pytest's folder each command would wait 20 s.
        self._brief = Path(tempfile.mkdtemp(prefix="edgedet-"))
        for name, text in (("containers.conf", _CONTAINERS), ("storage.conf", _STORAGE)):
            (self._folder / name).write_text(text.format(folder=self._folder, brief=self._brief), encoding="utf-8")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.run("podman", "rm", "--all", "--force", "--time=5", check=False)
        # podman mounts its store over itself and leaves it so, as the next command would need it again.
        subprocess.run(["umount", "--lazy", self._folder / "store/overlay"], check=False, capture_output=True)
        shutil.rmtree(self._folder)
        shutil.rmtree(self._brief)

    def run(
        self, *command: str | Path, check: bool = True, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command that may call podman; its home is `folder`."""
        configured = {
            "CONTAINERS_CONF": str(self._folder / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(self._folder / "storage.conf"),
            "HOME": str(self._folder),
        }
        done = subprocess.run(
            command,
            env={**os.environ, **configured},
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
        )
        assert not check or done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def load(self, root: Path, name: str) -> None:
        """Make an image of the files below `root`, and start it once.

        Raises:
            EngineUnavailable: the kernel or what is installed does not do for a container.
        """
        script = 'tar --create --directory "$1" . | podman import --quiet - "$2"'
        self.run("bash", "-o", "pipefail", "-c", script, "load", root, name)
        started = self.run("podman", "run", "--rm", "--network=host", name, "true", check=False)
        if started.returncode:
            raise EngineUnavailable(f"no container can be started here: {started.stderr.strip()[-300:]}")
