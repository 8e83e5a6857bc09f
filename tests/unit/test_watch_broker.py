"""Which broker `edgedet watch` listens to: what its options, the environment and a configuration say, in this order."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgedet.app import service_broker
from edgedet.cli import _watch_broker
from edgedet.cli._watch_broker import broker_of
from edgedet.errors import ConfigError, UsageError


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without a service; nothing is set."""
    monkeypatch.setattr(_watch_broker, "DEFAULT_PATH", tmp_path / "etc" / "edgedet.yaml")
    monkeypatch.setattr(service_broker, "CREDENTIAL", tmp_path / "etc" / "mqtt-password")
    for name in ("EDGEDET_MQTT_PASSWORD", "CREDENTIALS_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def service(tmp_path: Path) -> Path:
    """The configuration of an installed service, whose password systemd hands to it as a credential."""
    config = write(tmp_path / "etc" / "edgedet.yaml", "url: 'mqtt://hub:2883', username: porch, topic_prefix: home")
    config.with_name("mqtt-password").write_text("of systemd\n")
    return config


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration with everything in its own files."""
    (tmp_path / "password").write_text("of a file\n")
    return write(
        tmp_path / "own.yaml",
        "url: 'mqtts://own', username: me, password_file: password, topic_prefix: house/own, tls: {ca_file: ca.crt}",
    )


def write(file: Path, mqtt: str) -> Path:
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"version: 1\nmqtt: {{{mqtt}}}\ncameras: {{a: {{source: {{type: synthetic}}}}}}\n")
    file.chmod(0o600)
    return file


def asked(config: Path | None = None, url: str | None = None, ca_file: Path | None = None) -> tuple[object, ...]:
    found, prefix = broker_of(config, url, ca_file)
    return found.url, found.username, found.password, prefix


def test_where_nothing_says_anything_it_is_the_broker_of_this_machine() -> None:
    assert asked() == ("mqtt://localhost:1883", None, None, "edgedet")


def test_the_service_s_configuration_says_it_where_it_may_be_read_and_so_does_its_credential(service: Path) -> None:
    assert asked() == ("mqtt://hub:2883", "porch", "of systemd", "home")
    assert asked(service) == asked()


def test_a_configuration_that_may_not_be_read_is_told_of(
    service: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(_watch_broker, "may_be_read", lambda _: False)  # root, who may run this, reads all
    assert asked() == ("mqtt://localhost:1883", None, None, "edgedet")
    assert f"{service} may not be read by this user, so the broker is mqtt://localhost:1883" in capsys.readouterr().err


def test_a_configuration_that_is_named_says_all_and_the_service_s_credential_is_not_for_its_broker(
    service: Path, config: Path, tmp_path: Path
) -> None:
    assert asked(config) == ("mqtts://own:8883", "me", "of a file", "house/own")
    found, _ = broker_of(config, None, None)
    assert found.ca_file == str(tmp_path / "ca.crt")
    assert asked(write(tmp_path / "other.yaml", "url: 'mqtt://other', username: me"))[2] is None


def test_a_url_needs_no_configuration_and_gets_nothing_of_the_service_s(service: Path) -> None:
    assert asked(url="mqtt://far") == ("mqtt://far:1883", None, None, "edgedet")
    service.write_text("this: [is no configuration")
    assert asked(url="mqtt://you:secret@far") == ("mqtt://far:1883", "you", "secret", "edgedet")


def test_a_url_stands_in_place_of_the_one_in_a_configuration_that_is_named(config: Path, service: Path) -> None:
    assert asked(config, "mqtt://far") == ("mqtt://far:1883", "me", "of a file", "house/own")
    assert asked(config, "mqtt://you@far") == ("mqtt://far:1883", "you", None, "house/own")
    assert asked(config, "mqtt://you:secret@far") == ("mqtt://far:1883", "you", "secret", "house/own")
    assert asked(service, "mqtt://far") == ("mqtt://far:1883", "porch", None, "home")


def test_the_user_in_a_configuration_s_url_goes_with_another_url(tmp_path: Path) -> None:
    config = write(tmp_path / "own.yaml", "url: 'mqtt://me:inside@own'")
    assert asked(config, "mqtt://far") == ("mqtt://far:1883", "me", "inside", "edgedet")


def test_the_environment_s_password_wins_over_a_configuration_s(
    config: Path, service: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEDET_MQTT_PASSWORD", "of the environment")
    (tmp_path / "password").unlink()
    assert asked(config) == ("mqtts://own:8883", "me", "of the environment", "house/own")
    assert asked() == ("mqtt://hub:2883", "porch", "of the environment", "home")
    assert asked(url="mqtt://you@far") == ("mqtt://far:1883", "you", "of the environment", "edgedet")
    assert asked(url="mqtt://you:nearer@far")[2] == "nearer"


def test_an_authority_that_is_named_wins(config: Path, tmp_path: Path) -> None:
    found, _ = broker_of(config, None, tmp_path / "mine.crt")
    assert found.ca_file == str(tmp_path / "mine.crt")


def test_what_is_wrong_is_refused(config: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--url: 'http://far' is no URL of a broker"):
        broker_of(None, "http://far", None)
    with pytest.raises(ConfigError, match="absent.yaml"):
        broker_of(tmp_path / "absent.yaml", None, None)
    (tmp_path / "password").unlink()
    with pytest.raises(ConfigError, match=r"mqtt.password_file: .* cannot be read"):
        broker_of(config, None, None)
