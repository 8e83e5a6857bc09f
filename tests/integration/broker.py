"""A real mosquitto on a loopback port, which tests may kill, freeze, and start again on the same port."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import socket
import ssl
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from integration.subscribed import PATIENCE_S, Subscribed

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType


def find_program(name: str) -> str:
    """Path of a program that Debian puts where a user's PATH does not lead."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        pytest.skip(f"{name} is not installed: apt install mosquitto, or make test")
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_up(broker: subprocess.Popen[bytes], port: int, log: Callable[[], str]) -> None:
    """Fail with its log where it does not come up."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        if broker.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"mosquitto did not come up:\n{log()}")
        time.sleep(0.01)


@dataclass(frozen=True)
class Tls:
    """Files of the broker's own certificate."""

    certificate: Path
    key: Path


class Broker:
    """mosquitto as a child process. Nothing is persistent: what it lost in a kill is lost."""

    def __init__(
        self,
        folder: Path,
        *,
        users: dict[str, str] | None = None,
        acl: str | None = None,
        tls: Tls | None = None,
        extra: str = "",
    ) -> None:
        self.port = free_port()
        self._folder = folder
        self.users = users
        self._acl = acl
        self._tls = tls
        self._extra = extra
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"{'mqtts' if self._tls else 'mqtt'}://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return (self._folder / "mosquitto.log").read_text()

    def start(self) -> None:
        self._child = subprocess.Popen([find_program("mosquitto"), "-c", str(self._write_configuration())])
        wait_until_up(self._child, self.port, lambda: self.log)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def use(self, tls: Tls) -> None:
        """Show another certificate from the next start on."""
        self._tls = tls

    def allow(self, acl: str) -> None:
        """Change the ACL under the running broker."""
        (self._folder / "acl").write_text(acl)
        self._running.send_signal(signal.SIGHUP)

    def freeze(self) -> None:
        """SIGSTOP: the port still accepts, nobody answers."""
        self._running.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._running.send_signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._child is not None:
            self.kill()

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        assert self._child is not None, "the broker is not running"
        return self._child

    def _end(self, number: signal.Signals) -> None:
        self._running.send_signal(number)
        self._running.wait(PATIENCE_S)
        self._child = None

    def _write_configuration(self) -> Path:
        lines = [
            f"listener {self.port} 127.0.0.1",
            "user root",
            "persistence false",
            f"log_dest file {self._folder / 'mosquitto.log'}",
            "log_type all",
            f"allow_anonymous {'false' if self.users else 'true'}",
        ]
        if self.users:
            lines.append(f"password_file {self._write_passwords(self.users)}")
        if self._acl is not None:
            (self._folder / "acl").write_text(self._acl)
            lines.append(f"acl_file {self._folder / 'acl'}")
        if self._tls is not None:
            lines += [f"certfile {self._tls.certificate}", f"keyfile {self._tls.key}"]
        path = self._folder / "mosquitto.conf"
        path.write_text("\n".join([*lines, self._extra, ""]))
        return path

    def _write_passwords(self, users: dict[str, str]) -> Path:
        path = self._folder / "passwords"
        path.write_text("".join(f"{name}:{password}\n" for name, password in users.items()))
        subprocess.run([find_program("mosquitto_passwd"), "-U", str(path)], check=True)
        return path


@dataclass(frozen=True)
class Received:
    topic: str
    payload: bytes
    retained: bool
    at_ns: int


class Subscriber(Subscribed):
    """Another program on the same broker: keeps what it hears, in order, and publishes commands."""

    def __init__(
        self, port: int, *, topic: str = "#", username: str = "", password: str = "", tls: ssl.SSLContext | None = None
    ) -> None:
        self.messages: list[Received] = []
        client = paho.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        if username:
            client.username_pw_set(username, password)
        if tls is not None:
            client.tls_set_context(tls)
        super().__init__(client, port, topic)

    def heard(self, message: paho.MQTTMessage) -> None:
        now = time.monotonic_ns()
        self.messages.append(Received(message.topic, bytes(message.payload), message.retain, now))

    def of(self, topic: str) -> list[bytes]:
        """Payloads of one topic, oldest first."""
        return [message.payload for message in self.messages if message.topic == topic]

    def last(self, topic: str) -> bytes | None:
        payloads = self.of(topic)
        return payloads[-1] if payloads else None

    async def until(self, holds: Callable[[], bool]) -> None:
        """Let the loop run until `holds`; fails with what was heard."""
        await eventually(holds, lambda: f"heard: {[(m.topic, m.payload[:60]) for m in self.messages[-20:]]}")

    def publish(self, topic: str, payload: bytes | str, *, retain: bool = False) -> None:
        self.client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(PATIENCE_S)


async def eventually(holds: Callable[[], bool], describe: Callable[[], str] = str) -> None:
    """Let the loop run until `holds`, or fail after `PATIENCE_S`."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, f"this did not happen within {PATIENCE_S:g} s; {describe()}"
        await asyncio.sleep(0.01)
