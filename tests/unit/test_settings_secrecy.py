from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgedet.errors import ConfigError, ExitCode
from edgedet.settings import load_settings, machine_identifier
from edgedet.settings.broker import mask, parse_broker_url

CAMERA = "cameras:\n  porch:\n    source: {type: synthetic}\n"
WITH_PASSWORDS = [
    "version: 1\nmqtt: {url: 'mqtt://me:hunter2@h'}\n" + CAMERA,
    "version: 1\ncameras: {a: {source: {type: rtsp, url: 'rtsp://me:hunter2@h/x'}}}\n",
    "version: 1\ncameras: {a: {source: {type: rtsp, url: 'rtsp://h/x?user=me&password=hunter2'}}}\n",
]


def written(folder: Path, text: str, mode: int) -> Path:
    file = folder / "edgedet.yaml"
    file.write_text(text)
    file.chmod(mode)
    return file


@pytest.mark.parametrize("text", WITH_PASSWORDS)
@pytest.mark.parametrize("mode", [0o644, 0o604, 0o777])
def test_a_password_that_every_user_can_read_is_refused_with_its_place_and_not_shown(
    tmp_path: Path, text: str, mode: int
) -> None:
    with pytest.raises(ConfigError) as refusal:
        load_settings(written(tmp_path, text, mode), environment={})
    assert refusal.value.exit_code == ExitCode.CONFIG
    message = str(refusal.value)
    assert message.startswith(f"{tmp_path}/edgedet.yaml:2:")
    assert f"{mode:04o}" in message
    assert "chmod 640" in message
    assert "password_file" in message
    assert "hunter2" not in message


@pytest.mark.parametrize("text", WITH_PASSWORDS)
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o660])
def test_a_password_that_only_some_can_read_is_taken(tmp_path: Path, text: str, mode: int) -> None:
    assert load_settings(written(tmp_path, text, mode), environment={}).settings.cameras


def test_a_password_from_the_environment_stands_in_no_file(tmp_path: Path) -> None:
    text = "version: 1\nmqtt: {url: 'mqtt://me:${SECRET}@h'}\n" + CAMERA
    loaded = load_settings(written(tmp_path, text, 0o644), environment={"SECRET": "hunter2"})
    assert loaded.settings.mqtt.url.password == "hunter2"


def test_a_user_without_a_password_is_no_secret(tmp_path: Path) -> None:
    text = "version: 1\nmqtt: {url: 'mqtt://me@h'}\n" + CAMERA
    assert load_settings(written(tmp_path, text, 0o644), environment={}).settings.mqtt.url.username == "me"


def test_an_at_sign_in_a_path_is_no_secret(tmp_path: Path) -> None:
    text = "version: 1\ncameras: {a: {source: {type: rtsp, url: 'rtsp://h:554/live@1?channel=2'}}}\n"
    assert load_settings(written(tmp_path, text, 0o644), environment={}).warnings == ()


def test_a_password_in_a_comment_and_one_that_is_no_url_do_not_matter(tmp_path: Path) -> None:
    text = "version: 1  # mqtt://me:hunter2@h\nmqtt: {username: 'me:you@home'}\n" + CAMERA
    assert load_settings(written(tmp_path, text, 0o644), environment={}).warnings == ()


@pytest.mark.parametrize(
    "url",
    ["mqtt://me:xq/zw@h", "mqtt://me:xq:zw@h", "mqtt://me:xq@zw@h:x", "mqtt://me:xqzw@h:99999", "http://me:xqzw@h/"],
)
def test_whatever_is_wrong_with_a_url_no_part_of_its_password_is_said(url: str) -> None:
    try:
        said = repr(parse_broker_url(url))
    except ValueError as refusal:
        said = str(refusal)
    assert "xq" not in said
    assert "zw" not in said


@given(st.text(st.characters(exclude_categories=["Cs", "Z", "C"]), min_size=3).filter(lambda text: "***" not in text))
def test_a_masked_url_keeps_nothing_of_the_password(password: str) -> None:
    masked = mask(f"cannot reach rtsp://me:{password}{password}@host/stream, trying again")
    assert masked.startswith("cannot reach rtsp://***@")
    assert masked.endswith("host/stream, trying again")
    assert f"{password}{password}" not in masked.removesuffix("host/stream, trying again")


def test_the_identifier_of_a_device_lasts_and_gives_nothing_of_the_machine_away(tmp_path: Path) -> None:
    file = tmp_path / "machine-id"
    file.write_text("0123456789abcdef0123456789abcdef\n")
    one = machine_identifier("pi", machine_id_files=(file,))
    assert one == machine_identifier("pi", machine_id_files=(tmp_path / "none", file))
    assert one != machine_identifier("pi2", machine_id_files=(file,))
    assert len(one) == 16
    assert int(one, 16) >= 0
    assert one not in file.read_text()


def test_without_a_machine_id_there_is_an_identifier_all_the_same(tmp_path: Path) -> None:
    one = machine_identifier("pi", machine_id_files=(tmp_path / "none",))
    assert one == machine_identifier("pi", machine_id_files=(tmp_path / "none",))
