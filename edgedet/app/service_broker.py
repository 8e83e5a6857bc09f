"""The broker of this machine's service, for the commands that stand beside it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from edgedet.app import composition

if TYPE_CHECKING:
    from edgedet.outputs.connection import Connection
    from edgedet.settings import MqttSettings

CREDENTIAL = Path("etc/edgedet/mqtt-password")
"""Below the root: what the unit hands to the daemon as a credential. Only root may read it."""


def connection_beside(mqtt: MqttSettings, name: str, root: Path = Path("/")) -> Connection:
    """How the daemon reaches the broker, as the client `edgedet-<name>`: its own id would throw the daemon out.

    A password that nothing else gives is the service's credential, if this user may read that.

    Raises:
        ConfigError: the password file cannot be read.
    """
    connection = composition.broker_connection(mqtt, name)
    if connection.password is not None:
        return connection
    try:
        password = (root / CREDENTIAL).read_text("utf-8").partition("\n")[0].strip()
    except (OSError, UnicodeDecodeError):
        return connection
    return dataclasses.replace(connection, password=password or None)
