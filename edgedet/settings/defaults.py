"""What the configuration leaves to the machine: the device's name, where state is kept, the broker's password."""

from __future__ import annotations

import hashlib
import hmac
import os
import socket
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from edgedet.errors import ConfigError
from edgedet.settings.default_file import INSTALLED_STATE
from edgedet.settings.names import RESERVED, clean_name

if TYPE_CHECKING:
    from edgedet.settings.schema import MqttSettings, Settings

GENERIC_HOSTS = frozenset(
    {"raspberrypi", "raspberry", "rpi", "pi", "localhost", "debian", "ubuntu", "linux", "coral", "orangepi", "edgedet"}
)
"""Names that many machines have as they come: two of them on one broker would be one device."""

MACHINE_ID_FILES = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))
_DIGITS = 4


def device_name(
    settings: Settings, *, host: str | None = None, machine_id_files: tuple[Path, ...] = MACHINE_ID_FILES
) -> str:
    """The configured device, else one made of the host's name, which fits the pattern of names.

    A name that many machines share gets four hex digits of the machine id (without one, of a network card's address).
    """
    if settings.device:
        return settings.device
    name = clean_name((socket.gethostname() if host is None else host).partition(".")[0])
    if name and name not in GENERIC_HOSTS and name not in RESERVED:
        return name
    base = name[: 32 - _DIGITS - 1] or "edgedet"
    return f"{base}-{_machine_digits(machine_id_files)}"


def _machine_digits(files: tuple[Path, ...]) -> str:
    for file in files:
        digits = _text_of(file)[:_DIGITS]
        if len(digits) == _DIGITS and all(digit in "0123456789abcdef" for digit in digits):
            return digits
    return f"{uuid.getnode():012x}"[-_DIGITS:]


def machine_identifier(device: str, *, machine_id_files: tuple[Path, ...] = MACHINE_ID_FILES) -> str:
    """Who this device is to other programs, for ever: 16 hex digits of the machine id and the device's name.

    Never the machine id itself, which machine-id(5) wants kept from the network: a keyed hash of it. Without one, a
    network card's address stands in its place.
    """
    key = next((text for file in machine_id_files if (text := _text_of(file))), f"{uuid.getnode():012x}")
    return hmac.new(key.encode(), f"edgedet {device}".encode(), hashlib.sha256).hexdigest()[:16]


def _text_of(file: Path) -> str:
    try:
        return file.read_text("ascii", "replace").strip().lower()
    except OSError:
        return ""


def state_dir(settings: Settings, *, environment: Mapping[str, str] | None = None, user_id: int | None = None) -> Path:
    """Where models, spool and snapshots are kept. The folder need not exist.

    In this order: `state_dir:`, `$STATE_DIRECTORY` (systemd's; its first path), `/var/lib/edgedet` as root,
    `$XDG_STATE_HOME/edgedet`, `~/.local/state/edgedet`.
    """
    environment = os.environ if environment is None else environment
    if settings.state_dir:
        return settings.state_dir
    given = environment.get("STATE_DIRECTORY", "").partition(":")[0]
    if given:
        return Path(given)
    if (os.geteuid() if user_id is None else user_id) == 0:
        return INSTALLED_STATE
    home = environment.get("XDG_STATE_HOME", "")
    # the XDG specification has relative paths ignored
    base = Path(home) if home.startswith("/") else Path(environment.get("HOME") or "/") / ".local" / "state"
    return base / "edgedet"


def mqtt_password(mqtt: MqttSettings, *, environment: Mapping[str, str] | None = None) -> SecretStr | None:
    """The broker's password, from the first of: `password_file`, the URL, the systemd credential, the environment.

    The credential is `$CREDENTIALS_DIRECTORY/mqtt-password`, the variable EDGEDET_MQTT_PASSWORD. Of a file the first
    line counts. A blank credential is none: it is what the unit gives where there is no password (a credential whose
    file is absent would keep systemd 252 and 257 from starting the unit).

    Raises:
        ConfigError: the password file cannot be read, or is empty.
    """
    environment = os.environ if environment is None else environment
    if mqtt.password_file:
        return SecretStr(_first_line(mqtt.password_file, "mqtt.password_file"))
    if mqtt.url.password:
        return SecretStr(mqtt.url.password)
    folder = environment.get("CREDENTIALS_DIRECTORY", "")
    credential = Path(folder) / "mqtt-password"
    if folder and credential.exists() and not _is_blank(credential):
        return SecretStr(_first_line(credential, "systemd credential mqtt-password"))
    given = environment.get("EDGEDET_MQTT_PASSWORD", "")
    return SecretStr(given) if given else None


def _is_blank(file: Path) -> bool:
    try:
        return not file.read_bytes().strip()
    except OSError:
        return False  # reading it as a password tells why it cannot be


def _first_line(file: Path, what: str) -> str:
    try:
        line = file.read_text("utf-8").partition("\n")[0].rstrip("\r")
    except UnicodeDecodeError:
        raise ConfigError(f"{what}: {file} is no UTF-8 text", hint="Write the password as its first line.") from None
    except OSError as error:
        hint = "Name a file that edgedet's user can read."
        raise ConfigError(f"{what}: {file} cannot be read: {error.strerror}", hint=hint) from None
    if not line:
        raise ConfigError(f"{what}: {file} is empty", hint="Write the password as its first line.")
    return line
