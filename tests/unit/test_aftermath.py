"""`edgedet aftermath`, as systemd runs it when the daemon has ended."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def aftermath(**environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edgedet", "aftermath"]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})


def test_an_abnormal_end_is_kept_and_said(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("the last word\n")
    done = aftermath(
        RUNTIME_DIRECTORY=str(tmp_path),
        STATE_DIRECTORY=str(tmp_path / "state"),
        SERVICE_RESULT="signal",
        EXIT_CODE="killed",
        EXIT_STATUS="SEGV",
    )
    (file,) = (tmp_path / "state/last-words").iterdir()
    assert done.returncode == 0
    assert f"Ended by signal (SEGV): see {file}" in done.stderr
    assert file.read_text().endswith("the last word\n")


def test_a_clean_end_is_not_worth_a_word(tmp_path: Path) -> None:
    done = aftermath(RUNTIME_DIRECTORY=str(tmp_path), STATE_DIRECTORY=str(tmp_path / "state"), SERVICE_RESULT="success")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_disk_that_takes_nothing_is_said_and_fails(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("no folder")
    done = aftermath(RUNTIME_DIRECTORY=str(tmp_path), STATE_DIRECTORY=str(tmp_path / "state"), SERVICE_RESULT="signal")
    assert done.returncode == 1
    assert "could not be kept" in done.stderr


def test_by_hand_it_says_whom_it_is_for() -> None:
    done = aftermath(RUNTIME_DIRECTORY="", STATE_DIRECTORY="")
    assert done.returncode == 2
    assert "for systemd" in done.stderr
