"""Files that hold a password and that every user of the machine can read: taken, and warned about."""

from __future__ import annotations

import grp
import os
import subprocess
from pathlib import Path

import pytest

from edgedet.settings import load_settings
from edgedet.settings.secrecy import closing_command, open_secrets


def written(folder: Path, mode: int = 0o644) -> Path:
    """A configuration with a password file for the broker and one for each of two cameras."""
    for name in ("broker", "yard", "gate"):
        (folder / name).write_text("hunter2\n")
        (folder / name).chmod(mode)
    file = folder / "edgedet.yaml"
    file.write_text(
        "version: 1\nmqtt: {password_file: broker}\ncameras:\n"
        "  yard: {source: {type: rtsp, url: 'rtsp://h/x', username: me, password_file: yard}}\n"
        "  gate: {source: {type: rtsp, url: 'rtsp://h/y', username: me, password_file: gate}}\n"
        "  free: {source: {type: rtsp, url: 'rtsp://h/z'}}\n"
    )
    return file


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o666])
def test_a_password_file_that_every_user_can_read_is_told_with_its_place_and_what_closes_it(
    tmp_path: Path, mode: int
) -> None:
    file = written(tmp_path, mode)
    found = open_secrets(load_settings(file))
    lines = [secret.problem.line(file) for secret in found]
    assert [line.partition(" every user")[0] for line in lines] == [
        f"{file}:2:23: mqtt.password_file:",
        f"{file}:4:79: cameras.yard.source.password_file:",
        f"{file}:5:79: cameras.gate.source.password_file:",
    ]
    assert [secret.file for secret in found] == [tmp_path / name for name in ("broker", "yard", "gate")]
    for line, secret in zip(lines, found, strict=True):
        assert f"{secret.file}, a password (its mode is {mode:04o})" in line
        assert f"`{closing_command(secret.file)}`" in line
        assert "hunter2" not in line


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o660])
def test_one_that_only_some_can_read_is_no_news(tmp_path: Path, mode: int) -> None:
    assert open_secrets(load_settings(written(tmp_path, mode))) == ()


def test_one_that_is_not_there_yet_is_not_open(tmp_path: Path) -> None:
    file = written(tmp_path)
    (tmp_path / "yard").unlink()
    assert [secret.file.name for secret in open_secrets(load_settings(file))] == ["broker", "gate"]


def test_the_command_closes_the_file_for_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grp, "getgrnam", no_such_group)
    file = written(tmp_path)
    for secret in open_secrets(load_settings(file)):
        command = closing_command(secret.file)
        assert command == f"chmod 600 {secret.file}"
        subprocess.run(["sh", "-c", command], check=True, timeout=20)
    assert open_secrets(load_settings(file)) == ()
    assert (tmp_path / "broker").read_text() == "hunter2\n"


def no_such_group(name: str) -> None:
    raise KeyError(name)


def test_where_the_service_is_installed_its_group_is_let_in_by_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grp, "getgrnam", lambda _name: None)
    secret = tmp_path / "my secret"
    secret.write_text("x")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert closing_command(secret) == f"chgrp edgedet '{secret}' && chmod 640 '{secret}'"
    monkeypatch.setattr(os, "geteuid", lambda: secret.stat().st_uid + 1)
    assert closing_command(secret) == f"sudo chgrp edgedet '{secret}' && sudo chmod 640 '{secret}'"
