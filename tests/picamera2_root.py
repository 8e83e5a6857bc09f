"""A Debian root with the real picamera2, and an interpreter in it that a worker can be started on."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import edgedet

PACKAGE = Path(edgedet.__file__).parent

_WRAPPER = """#!/bin/sh
# In a mount namespace of its own: the package under test appears in the root, and goes with this process.
exec unshare --mount sh -c '
    mount --bind "{package}" "{folder}{package}" &&
    exec chroot "{folder}" env LD_PRELOAD=/usr/local/lib/dmabuf.so LIBCAMERA_PIPELINES_MATCH_LIST=virtual \\
        /venv/bin/python "$@"' sh "$@"
"""


@dataclass(frozen=True, slots=True)
class Picamera2Root:
    """The root, ready to use."""

    folder: Path
    python: str
    """A command that is the root's Python, with picamera2, libcamera and Debian's numpy, and with our package."""

    @classmethod
    def enter(cls, folder: Path, command: Path) -> Picamera2Root:
        """Write the `command` that runs Python in the root."""
        Path(f"{folder}{PACKAGE}").mkdir(parents=True, exist_ok=True)
        command.write_text(_WRAPPER.format(package=PACKAGE, folder=folder))
        command.chmod(0o755)
        return cls(folder, str(command))

    def run(self, script: str) -> str:
        """Run Python code in the root, where `edgedet` can be imported; returns what it prints."""
        code = f"import sys\nsys.path.insert(0, {str(PACKAGE.parent)!r})\n{script}"
        done = subprocess.run([self.python, "-I", "-c", code], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def show(self, pictures: list[bytes]) -> None:
        """What the camera `virtual pictures` gives: these JPEGs, again and again."""
        frames = self.folder / "frames"
        for old in frames.iterdir():
            old.unlink()
        for number, data in enumerate(pictures):
            (frames / f"{number}.jpg").write_bytes(data)
