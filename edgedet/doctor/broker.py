"""The MQTT broker: reachable, lets us in, lets us publish, hands us our commands."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from edgedet.app.announcing import device_description
from edgedet.app.service_broker import CREDENTIAL, connection_beside
from edgedet.doctor import mosquitto, service_word, unit
from edgedet.doctor.asking import ask
from edgedet.doctor.broker_trial import try_rights
from edgedet.doctor.finding import Finding, as_root, ok, problem, warning
from edgedet.errors import BrokerError, ConfigError
from edgedet.outputs.homeassistant import birth_topic, discovery, discovery_topic
from edgedet.outputs.link import BrokerRefused
from edgedet.outputs.published import PublishedRecord
from edgedet.outputs.topics import Topics
from edgedet.settings import DEFAULT_PATH, device_name
from edgedet.settings.secrecy import open_mode

if TYPE_CHECKING:
    from edgedet.doctor.situation import Account, Situation
    from edgedet.outputs.connection import Connection
    from edgedet.outputs.homeassistant import DeviceDescription
    from edgedet.outputs.messages import Publication
    from edgedet.settings import MqttSettings, Settings

SUBJECT = "broker"
_PATIENCE_S = 8.0
_RESOLVE_S = 3.0
_HERE = frozenset({"localhost", "127.0.0.1", "::1"})
_READ = 4
_ACL = "The broker's ACL must allow it; config/examples/mosquitto.acl has all that edgedet needs."


def examine(situation: Situation) -> Iterator[Finding]:
    """Connect as the daemon would, under another client id, and publish what nobody keeps or acts on."""
    loaded = situation.loaded
    if loaded is None:
        yield ok(SUBJECT, "no configuration names one")
        return
    mqtt, device = loaded.settings.mqtt, device_name(loaded.settings)
    try:
        connection = connection_beside(mqtt, f"{device}-doctor", situation.root)
    except ConfigError as error:
        yield problem(SUBJECT, error.message, error.hint, _write_password(situation, mqtt))
        return
    unreadable = _unreadable(mqtt, situation.account)
    if unreadable is not None:
        yield unreadable
    secret = situation.root / CREDENTIAL
    if open_mode(secret) is not None:
        # systemd reads it as root.
        closed = as_root(f"chmod 600 {shlex.quote(str(secret))}")
        yield warning(SUBJECT, f"every user of this machine can read {secret}, a password", "", closed)
    if connection.password is None and _is_closed(secret):
        command = f"sudo edgedet doctor -c {shlex.quote(str(situation.config))}"
        yield warning(SUBJECT, f"not tried: {secret} may not be read by this user", "", command)
        return
    try:
        yield from _tried(situation, loaded.settings, connection)
    except BrokerRefused as error:
        who = f"as {connection.username!r}" if connection.username else "without a user name"
        password = "" if connection.password else ", and without a password"
        message = f"{error.message} ({who}{password})"
        yield problem(SUBJECT, message, error.hint, _write_password(situation, mqtt))
    except BrokerError as error:
        yield problem(SUBJECT, error.message, error.hint, _start(situation, connection))


def _tried(situation: Situation, settings: Settings, connection: Connection) -> Iterator[Finding]:
    """What it lets us do.

    Raises:
        BrokerError: no connection comes about.
    """
    wanted, device = settings.mqtt.homeassistant, device_name(settings)
    topics = Topics(device, settings.mqtt.topic_prefix, birth=birth_topic(wanted.prefix) if wanted.enabled else None)
    described = device_description(settings, device, topics)
    limit_s = min(_PATIENCE_S, situation.patience_s)
    announced = _announced(situation, described) if wanted.enabled else None
    rights = asyncio.run(try_rights(connection, topics, announced, limit_s))
    user, told = connection.username or "", discovery_topic(described)
    place = f"{connection.url} lets {repr(user) if user else 'it'} in and"
    needed = mosquitto.rules(topics, told if wanted.enabled else None)
    command = mosquitto.allow(situation.root, user, needed)
    if rights.refusal is not None:
        yield problem(SUBJECT, f"{place} does not let it publish below {topics.base}: {rights.refusal}", _ACL, command)
        return
    if rights.refused_discovery is not None:
        message = f"{place} does not let it announce itself to Home Assistant"
        yield problem(SUBJECT, f"{message} ({told}): {rights.refused_discovery}", _ACL, command)
    if not rights.hears and rights.says_why:
        message = f"{place} does not let it hear its commands ({topics.subscriptions()[0]})"
        yield warning(SUBJECT, message, _ACL, command)
    elif not rights.hears:
        message = f"{place} refuses what it publishes below {topics.base}, or its commands: none came back"
        yield problem(SUBJECT, message, f"MQTT 3.1.1 does not say which of the two. {_ACL}", command)
    elif rights.refused_discovery is None:
        open_question = ""
        if wanted.enabled and not rights.says_why:
            open_question = "; whether Home Assistant may be told, MQTT 3.1.1 does not say"
        elif wanted.enabled and announced is None:
            open_question = "; telling Home Assistant was not tried, since the service has not done so yet"
        yield ok(SUBJECT, f"{connection.url} takes what {device} publishes, and hands it its commands{open_question}")
        yield from _told_by_the_service(situation)


def _announced(situation: Situation, described: DeviceDescription) -> Publication | None:
    """What the service tells Home Assistant of this configuration; None: it has not told it of itself, nor do we."""
    if not os.access(situation.state_dir, os.R_OK | os.X_OK):
        return None
    record = PublishedRecord(situation.state_dir)
    record.load()
    known = discovery_topic(described) in record.topics
    return discovery(described, record.components) if known else None


def _told_by_the_service(situation: Situation) -> Iterator[Finding]:
    """It may still be refused where we are not: what was mended since, it has not tried again yet."""
    if situation.config != DEFAULT_PATH:
        return
    named = service_word.named_of(unit.settled_status(situation), "broker", "broker_")
    if named is not None:
        yield service_word.of_part(SUBJECT, named, situation)


def _is_closed(secret: Path) -> bool:
    """Whether there is a password that only others may read."""
    try:
        secret.open("rb").close()
    except PermissionError:
        return True
    except OSError:
        return False
    return False


def _unreadable(mqtt: MqttSettings, account: Account) -> Finding | None:
    files = (mqtt.password_file, mqtt.tls.ca_file, mqtt.tls.cert_file, mqtt.tls.key_file)
    for file in files:
        if file is not None and not account.may(file, _READ):
            path = shlex.quote(str(file))
            own = as_root(f"chown {account.name} {path}", f"chmod u+r {path}")
            return problem(SUBJECT, f"{account.name} may not read {file}", "", own)
    return None


def _write_password(situation: Situation, mqtt: MqttSettings) -> str:
    """Takes the password from the keyboard, so that it stands in no shell's history; Ctrl-D ends it."""
    file = mqtt.password_file or situation.root / CREDENTIAL
    path, owner = shlex.quote(str(file)), situation.account.name if mqtt.password_file else "root"
    return as_root(f"install -D -m 600 -o {owner} /dev/stdin {path}")


def _start(situation: Situation, connection: Connection) -> str:
    here = connection.host in _HERE
    # A child, because a name server that does not answer is waited for long.
    resolved = ask(["getent", "ahosts", connection.host], _RESOLVE_S)
    if resolved is not None and resolved.code != 0:
        if here:
            return as_root(f"echo '127.0.0.1 {connection.host}' >> /etc/hosts")
        return f"getent ahosts {shlex.quote(connection.host)}; cat /etc/resolv.conf"
    if not here:
        port = shlex.quote(f"</dev/tcp/{connection.host}/{connection.port}")
        return f"timeout 5 bash -c {port} && echo 'something listens there'"
    systemd = (situation.root / "run/systemd/system").is_dir()
    program = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if _listens(connection):
        if connection.tls:
            return f"openssl s_client -connect {connection.host}:{connection.port} -brief </dev/null"
        # Where there is no mosquitto, something else has the port: its name helps more.
        restarts = systemd and program is not None
        return as_root("systemctl restart mosquitto" if restarts else f"ss -ltnp sport = :{connection.port}")
    start = "systemctl enable --now mosquitto" if systemd else f"{program or 'mosquitto'} -d -p {connection.port}"
    return as_root(start) if program else as_root("apt-get install -y mosquitto", start)


def _listens(connection: Connection) -> bool:
    """Whether somebody takes connections there, though it does not speak MQTT with us."""
    try:
        socket.create_connection((connection.host, connection.port), timeout=1.0).close()
    except OSError:
        return False
    return True
