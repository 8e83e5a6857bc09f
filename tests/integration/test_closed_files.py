"""What an ordinary user may not read or enter: one plain error with what to do, and the exit code that is promised."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from integration.edgedet_process import PATIENCE_S, Finished

_ROOTS_RIGHTS = "-dac_override,-dac_read_search"
"""By which root reads and enters what is closed to it."""


@pytest.fixture
def closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that may not be entered; beside it one that may be listed only, a closed file, and a picture."""
    Image.new("RGB", (64, 48)).save(tmp_path / "a.jpg")
    secret = tmp_path / "secret"
    secret.write_text("person\n")
    secret.chmod(0)
    listed = tmp_path / "listed"
    listed.mkdir()
    (listed / "x.jpg").touch()
    listed.chmod(0o444)
    folder = tmp_path / "closed"
    folder.mkdir()
    folder.chmod(0)
    monkeypatch.chdir(tmp_path)
    yield folder
    for each in (folder, listed):
        each.chmod(0o700)


def edgedet(*arguments: str) -> Finished:
    """Run a command as an ordinary user would, also where root runs the tests."""
    command = [sys.executable, "-m", "edgedet", *arguments]
    if os.geteuid() == 0:
        command = ["setpriv", f"--bounding-set={_ROOTS_RIGHTS}", f"--inh-caps={_ROOTS_RIGHTS}", *command]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    return Finished(done.returncode, done.stdout, done.stderr)


@pytest.mark.usefixtures("closed")
@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ("detect closed/x.jpg", 1, "closed/x.jpg: no permission to read it"),
        ("detect closed/x.mp4", 1, "closed/x.mp4: no permission to read it"),
        ("detect closed", 1, "closed: Permission denied"),
        ("detect listed", 1, "listed: Permission denied"),
        ("detect closed/x.jpg --save seen/", 1, "closed/x.jpg: no permission to read it"),
        ("detect a.jpg --save closed/a.jpg", 2, "--save closed/a.jpg: Permission denied"),
        ("detect a.jpg --save closed/a/", 2, "--save closed/a: Permission denied"),
        ("bench --source closed/x.mp4", 1, "closed/x.mp4: no permission to read it"),
        ("demo --source closed/x.mp4", 1, "closed/x.mp4: Permission denied"),
        ("watch -c secret", 78, "secret: this user may not read it"),
    ],
)
def test_what_is_closed_is_told_and_that_sudo_opens_it(arguments: str, code: int, said: str) -> None:
    done = edgedet(*arguments.split())
    assert (done.code, done.out) == (code, ""), done.err
    message, hint = done.err.splitlines()
    assert said in message
    assert "sudo" in hint


@pytest.mark.usefixtures("closed")
@pytest.mark.parametrize(
    "arguments", ["detect a.jpg -m secret", "bench -m secret", "demo -m secret", "detect a.jpg --label-file secret"]
)
def test_a_model_or_label_file_that_may_not_be_read_is_a_refused_model(arguments: str) -> None:
    done = edgedet(*arguments.split())
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("edgedet: secret: cannot be read (Permission denied)\n")


def test_the_synthetic_scene_needs_no_current_folder(closed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed.chmod(0o700)
    monkeypatch.chdir(closed)
    closed.chmod(0)
    done = edgedet("detect", "synthetic", "--format", "none")
    assert done.code == 0, done.err
