"""The MQTT broker: reachable, lets us in, lets us publish."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgedet.app.service_broker import CREDENTIAL, connection_beside
from edgedet.doctor.asking import ask
from edgedet.doctor.finding import Finding, as_root, ok, problem, warning
from edgedet.errors import BrokerError, ConfigError
from edgedet.outputs.link import BrokerRefused
from edgedet.outputs.opening import open_link
from edgedet.outputs.topics import Topics
from edgedet.settings import device_name
from edgedet.settings.secrecy import open_mode

if TYPE_CHECKING:
    from edgedet.doctor.situation import Account, Situation
    from edgedet.outputs.connection import Connection
    from edgedet.settings import MqttSettings

SUBJECT = "broker"
_PATIENCE_S = 8.0
_RESOLVE_S = 3.0
_HERE = frozenset({"localhost", "127.0.0.1", "::1"})
_READ = 4


def examine(situation: Situation) -> Iterator[Finding]:
    """Connect as the daemon would, under another client id, and publish an empty message that nobody keeps."""
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
    topics = Topics(device, mqtt.topic_prefix)
    limit_s = min(_PATIENCE_S, situation.patience_s)
    try:
        refused = asyncio.run(_publish_once(connection, f"{topics.base}/doctor", limit_s))
    except BrokerRefused as error:
        who = f"as {connection.username!r}" if connection.username else "without a user name"
        password = "" if connection.password else ", and without a password"
        message = f"{error.message} ({who}{password})"
        yield problem(SUBJECT, message, error.hint, _write_password(situation, mqtt))
    except BrokerError as error:
        yield problem(SUBJECT, error.message, error.hint, _start(situation, connection))
    else:
        if refused is None:
            yield ok(SUBJECT, f"{connection.url} takes what {device} publishes")
            return
        user = connection.username or ""
        message = f"{connection.url} lets {user!r} in and does not let it publish below {topics.base}: {refused}"
        advice = "The broker's ACL must allow it; config/examples/mosquitto.acl has all that edgedet needs."
        yield problem(SUBJECT, message, advice, _allow(situation, user, topics.base))


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


async def _publish_once(connection: Connection, topic: str, limit_s: float) -> str | None:
    """Connect and publish; what the broker refused, None: nothing.

    Raises:
        BrokerError: no connection comes about.
    """
    answered: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()

    def acknowledged(_number: int, refusal: str | None) -> None:
        if not answered.done():
            answered.set_result(refusal)

    link = await open_link(connection, limit_s, on_acknowledged=acknowledged)
    waiting: list[asyncio.Future[Any]] = [answered, link.lost]
    try:
        link.publish(topic, b"", qos=1, retain=False)
        await asyncio.wait(waiting, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
        if answered.done():
            return answered.result()
        return f"it hung up: {link.lost.result()}" if link.lost.done() else f"no answer within {limit_s:g} s"
    finally:
        await link.close(1.0)


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


def _allow(situation: Situation, user: str, base: str) -> str:
    """Adds the device's block to the broker's ACL where the broker is mosquitto on this machine."""
    options = _mosquitto_options(situation.root / "etc/mosquitto")
    acl = options.get("acl_file", "/etc/mosquitto/acl")
    block = f"user {user}\\ntopic readwrite {base}/#\\n" if user else f"topic readwrite {base}/#\\n"
    pid_file = options.get("pid_file")
    by_systemd = (situation.root / "run/systemd/system").is_dir() or pid_file is None
    reload = "systemctl reload mosquitto" if by_systemd else f'kill -HUP "$(cat {shlex.quote(str(pid_file))})"'
    return as_root(f"printf {shlex.quote(block)} >> {shlex.quote(acl)}", reload)


def _mosquitto_options(folder: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for file in [folder / "mosquitto.conf", *sorted((folder / "conf.d").glob("*.conf"))]:
        try:
            text = file.read_text(errors="replace")
        except OSError:
            continue
        found |= dict(re.findall(r"^(acl_file|pid_file)\s+(\S+)", text, re.MULTILINE))
    return found
