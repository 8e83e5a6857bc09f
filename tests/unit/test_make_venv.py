"""`deploy/make-venv`: the first thing that a stranger's machine runs, so its refusals have to say what to do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "deploy" / "make-venv"
CONTEMPORARY = f'#!/bin/sh\nexec {sys.executable} "$@"\n'
OLD = '#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.9.2" && exit 0\nexit 1\n'
WITHOUT_ENSUREPIP = (
    f'#!/bin/sh\ncase "$2" in *ensurepip*) exit 1;; esac\n[ "$2" = venv ] && exit 1\nexec {sys.executable} "$@"\n'
)


@pytest.fixture
def commands(tmp_path: Path) -> Path:
    """A path with nothing on it but what the test puts there."""
    folder = tmp_path / "bin"
    folder.mkdir()
    return folder


def make_venv(commands: Path, venv: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", str(SCRIPT), str(venv)],
        env={"PATH": str(commands)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def put(commands: Path, name: str, script: str) -> None:
    path = commands / name
    path.write_text(script)
    path.chmod(0o755)


def test_an_environment_is_made_with_the_first_command_that_works_and_then_kept(commands: Path, tmp_path: Path) -> None:
    # A version manager's command for a Python that is not switched on.
    put(commands, "python3.13", "#!/bin/sh\necho 'python3.13: command not found' >&2\nexit 127\n")
    put(commands, "python3", CONTEMPORARY)
    venv = tmp_path / "venv"
    assert make_venv(commands, venv).returncode == 0
    before = (venv / "pyvenv.cfg").stat().st_mtime_ns
    again = make_venv(commands, venv)
    assert (again.returncode, again.stderr) == (0, "")
    assert (venv / "pyvenv.cfg").stat().st_mtime_ns == before


def test_without_a_python_it_says_which_one_is_needed(commands: Path, tmp_path: Path) -> None:
    result = make_venv(commands, tmp_path / "venv")
    assert result.returncode == 1
    assert "Python 3.11 or later is needed; on the path is no python3." in result.stderr


def test_an_old_python_is_named(commands: Path, tmp_path: Path) -> None:
    put(commands, "python3", OLD)
    result = make_venv(commands, tmp_path / "venv")
    assert result.returncode == 1
    assert "Python 3.11 or later is needed; on the path is Python 3.9.2." in result.stderr


def test_a_python_that_cannot_make_environments_names_the_missing_package(commands: Path, tmp_path: Path) -> None:
    put(commands, "python3", WITHOUT_ENSUREPIP)
    result = make_venv(commands, tmp_path / "venv")
    assert result.returncode == 1
    assert "sudo apt-get install python3-venv" in result.stderr
    assert not (tmp_path / "venv").exists()


def test_a_broken_environment_is_not_removed_but_named(commands: Path, tmp_path: Path) -> None:
    put(commands, "python3", CONTEMPORARY)
    (tmp_path / "venv").mkdir()
    result = make_venv(commands, tmp_path / "venv")
    assert result.returncode == 1
    assert "Remove it" in result.stderr
