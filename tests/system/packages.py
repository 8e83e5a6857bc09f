"""Builds edgedet's Debian packages for the tests, from this source or from one that was changed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
_PARTS = ("edgedet", "deploy", "systemd", "config", "docs", "pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE")

_PYTHON = {"bookworm": "3.11", "trixie": "3.13"}


def build_package(
    into: Path, suite: str, architecture: str, *, version: str | None = None, source: Path = SOURCE
) -> Path:
    """The .deb, in the folder `into`; takes some 20 s."""
    command: list[str | Path] = [sys.executable, source / "deploy/debian/build.py", "--fast", "--into", into]
    command += ["--suite", suite, "--architecture", architecture, *([f"--version={version}"] if version else [])]
    # As a careful administrator has it, so that what is inside owes nothing to a kind one.
    done = subprocess.run(command, capture_output=True, text=True, check=False, umask=0o077)
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.split("  ")[0])


def copied_source(folder: Path) -> Path:
    """A copy of what a checkout has, as far as an installation needs it."""
    folder.mkdir(exist_ok=True)
    for part in _PARTS:
        path = SOURCE / part
        if path.is_dir():
            shutil.copytree(path, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(path, folder / part)
    return folder


def changed_source(folder: Path) -> Path:
    """A copy of the source in which the key `keepalive_s` has another name and its old one is not known any more."""
    copied_source(folder)
    for file in (*(folder / "edgedet").rglob("*.py"), folder / "config/edgedet.yaml"):
        file.write_text(file.read_text(encoding="utf-8").replace("keepalive_s", "keep_alive_for_s"), encoding="utf-8")
    return folder


def download_as_documented(scratch: Path) -> Path:
    """The folder with all that pip asks for on a Debian with this Python: what docs/installation.md says fills it.

    `scratch` is a new folder.
    """
    section = (SOURCE / "docs/installation.md").read_text(encoding="utf-8").partition("\n## From a checkout\n")[2]
    commands = section.partition("```sh\n")[2].partition("```")[0]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    typed = ["bash", "-e", "-c", commands]
    subprocess.run(typed, cwd=copied_source(scratch), env={**os.environ, "PATH": path}, check=True)
    return scratch / "wheels"


def has_this_python(suite: str) -> bool:
    """Whether wheels for the Python that runs the tests are for `suite` too."""
    return _PYTHON[suite] == f"{sys.version_info.major}.{sys.version_info.minor}"


def download_wheels(folder: Path, suite: str) -> None:
    """Put the same into the new folder `folder`, for a `suite` that has another Python."""
    fetch = [sys.executable, "-m", "pip", "download", "--quiet", "--quiet", "--disable-pip-version-check"]
    fetch += ["--dest", str(folder), "--only-binary=:all:", f"--python-version={_PYTHON[suite]}", "--no-deps"]
    for what in (["--require-hashes", "-r", str(SOURCE / "deploy/debian/wheels.txt")], ["setuptools>=77"]):
        subprocess.run([*fetch, *what], check=True)
