"""Which broker `edgedet watch` listens to, and below which topic: its options, else a configuration."""

from __future__ import annotations

import dataclasses
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from edgedet.errors import UsageError
from edgedet.settings.broker import BrokerAddress, parse_broker_url
from edgedet.settings.default_file import DEFAULT_PATH, may_be_read

if TYPE_CHECKING:
    from edgedet.outputs.connection import Connection
    from edgedet.settings import MqttSettings

LOCAL = BrokerAddress("localhost", 1883, tls=False)
_PREFIX = "edgedet"


def broker_of(config: Path | None, url: str | None, ca_file: Path | None) -> tuple[Connection, str]:
    """The broker and the devices' topic prefix.

    `url` is enough by itself: the service's configuration is then not looked at, only one that is named. It stands in
    place of the configuration's; the configuration's user and password go with it unless it names a user of its own.

    Raises:
        UsageError: `url` is none.
        ConfigError: the configuration is wrong, or its password file cannot be read.
    """
    address = None if url is None else _address(url)
    file = config if config is not None or address is not None else _of_the_service()
    if file is None:
        return _connection(address or LOCAL, ca_file), _PREFIX
    # Here: they cost a fifth of a second, which who gives the URL need not wait for.
    from edgedet.app.composition import broker_connection
    from edgedet.app.service_broker import connection_beside
    from edgedet.settings import load_settings

    mqtt = _as_asked(load_settings(file).settings.mqtt, address)
    # The service's credential goes to the service's broker and to no other.
    connect = connection_beside if file == DEFAULT_PATH and address is None else broker_connection
    connection = connect(mqtt, _client())
    if ca_file is not None:
        connection = dataclasses.replace(connection, ca_file=str(ca_file))
    return connection, mqtt.topic_prefix


def _address(url: str) -> BrokerAddress:
    try:
        return parse_broker_url(url)
    except ValueError as error:
        raise UsageError(f"--url: {error}") from None


def _of_the_service() -> Path | None:
    readable = may_be_read(DEFAULT_PATH)
    if readable is False:
        print(f"edgedet: {DEFAULT_PATH} may not be read by this user, so the broker is {LOCAL}", file=sys.stderr)
    return DEFAULT_PATH if readable else None


def _as_asked(mqtt: MqttSettings, address: BrokerAddress | None) -> MqttSettings:
    """The configuration with what URL and environment say in its place."""
    given = (None if address is None else address.password) or _password()
    if address is None:
        address = mqtt.url
    elif address.username is None:
        address = dataclasses.replace(address, username=mqtt.url.username, password=mqtt.url.password)
    else:
        mqtt = mqtt.model_copy(update={"username": None, "password_file": None})
    if given is not None:
        address = dataclasses.replace(address, password=given)
        mqtt = mqtt.model_copy(update={"password_file": None})
    return mqtt.model_copy(update={"url": address})


def _connection(address: BrokerAddress, ca_file: Path | None) -> Connection:
    from edgedet.outputs.connection import Connection

    return Connection(
        host=address.host,
        port=address.port,
        tls=address.tls,
        username=address.username,
        password=address.password or _password(),
        ca_file=None if ca_file is None else str(ca_file),
        client_id=f"edgedet-{_client()}",
    )


def _password() -> str | None:
    return os.environ.get("EDGEDET_MQTT_PASSWORD") or None


def _client() -> str:
    return f"watch-{os.getpid():x}-{time.time_ns() & 0xFFFF:x}"
