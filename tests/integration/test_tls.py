"""TLS for real: a certificate authority made on the spot, a broker that uses it, and clients that know it or not."""

from __future__ import annotations

import os
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from edgedet.outputs.connection import Connection
from edgedet.outputs.mqtt import MqttOutput
from edgedet.outputs.pace import Pace
from edgedet.outputs.topics import Topics
from integration.broker import Broker, Subscriber, Tls, eventually, find_program

TOPICS = Topics("pi")


@dataclass(frozen=True)
class Authority:
    """A test's own certificate authority."""

    folder: Path

    @property
    def certificate(self) -> Path:
        return self.folder / "ca.crt"

    def make(self) -> None:
        openssl(
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test authority",
            "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign",
            "-keyout", self.folder / "ca.key", "-out", self.certificate,
        )  # fmt: skip

    def issue(self, name: str, alternative: str) -> Tls:
        """A certificate for `name`, valid for the subject alternative name."""
        request, files = self.folder / f"{name}.csr", Tls(self.folder / f"{name}.crt", self.folder / f"{name}.key")
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={alternative}\nkeyUsage=critical,digitalSignature,keyEncipherment\n")
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", files.key, "-out", request)
        openssl(
            "x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.folder / "ca.key",
            "-CAcreateserial", "-days", "2", "-extfile", extensions, "-out", files.certificate,
        )  # fmt: skip
        return files


def openssl(*arguments: str | Path) -> None:
    subprocess.run([find_program("openssl"), *map(str, arguments)], check=True, capture_output=True)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    made = Authority(tmp_path_factory.mktemp("authority"))
    made.make()
    return made


@pytest.fixture(scope="module")
def here(authority: Authority) -> Tls:
    return authority.issue("broker", "IP:127.0.0.1")


@pytest.fixture
def broker(tmp_path: Path, here: Tls) -> Iterator[Broker]:
    with Broker(tmp_path, tls=here) as running:
        yield running


async def status_of(connection: Connection) -> MqttOutput:
    """An output that has made up its mind about the broker."""
    output = MqttOutput(connection, TOPICS, pace=Pace())
    async with output:
        await eventually(lambda: output.status.connected or output.status.code is not None)
        return output


def to(broker: Broker, **changes: object) -> Connection:
    return Connection(host="127.0.0.1", port=broker.port, tls=True, **changes)  # type: ignore[arg-type]


async def test_a_broker_is_believed_whose_authority_is_named(broker: Broker, authority: Authority) -> None:
    output = await status_of(to(broker, ca_file=str(authority.certificate)))
    assert output.statistics().sent > 0


async def test_a_broker_is_not_believed_that_nobody_knows(broker: Broker) -> None:
    output = await status_of(to(broker))
    assert output.status.code == "broker_unreachable"
    assert "certificate" in output.status.message
    assert output.statistics().sent == 0


async def test_a_broker_is_not_believed_that_shows_another_host_s_certificate(
    tmp_path: Path, authority: Authority
) -> None:
    with Broker(tmp_path, tls=authority.issue("elsewhere", "DNS:elsewhere.example")) as broker:
        output = await status_of(to(broker, ca_file=str(authority.certificate)))
    assert output.status.code == "broker_unreachable"
    assert "127.0.0.1" in output.status.message
    assert output.statistics().sent == 0


async def test_a_broker_that_asks_who_we_are_lets_us_in_with_our_certificate_and_not_without(
    tmp_path: Path, authority: Authority, here: Tls
) -> None:
    ours = authority.issue("edgedet-pi", "DNS:pi")
    asks = f"cafile {authority.certificate}\nrequire_certificate true\nuse_identity_as_username true\n"
    with Broker(tmp_path, tls=here, extra=asks) as broker:
        known = to(broker, ca_file=str(authority.certificate), cert_file=str(ours.certificate), key_file=str(ours.key))
        output = await status_of(known)
        assert output.statistics().sent > 0
        assert "edgedet-pi" in broker.log
        output = await status_of(to(broker, ca_file=str(authority.certificate)))
        assert output.status.code is not None
        assert output.statistics().sent == 0


@pytest.mark.parametrize("tls", ["ca_file: {authority}", "insecure_skip_verify: true"])
def test_watch_believes_a_broker_as_the_configuration_has_it(
    broker: Broker, authority: Authority, tmp_path: Path, tls: str
) -> None:
    config = tmp_path / "edgedet.yaml"
    config.write_text(
        f"version: 1\nmqtt: {{url: '{broker.url}', tls: {{{tls.format(authority=authority.certificate)}}}}}\n"
        "cameras: {street: {source: {type: synthetic}}}\n"
    )
    with (
        Subscriber(broker.port, tls=ssl.create_default_context(cafile=str(authority.certificate))) as somebody,
        subprocess.Popen([sys.executable, "-m", "edgedet", "watch", "-c", config], stdout=subprocess.PIPE) as child,
    ):
        somebody.publish("edgedet/north/availability", "online", retain=True)
        assert child.stdout is not None
        assert child.stdout.readline().endswith(b" north online\n")
        child.send_signal(signal.SIGINT)
        assert child.wait(20.0) == 130


def test_the_certificates_that_the_system_trusts_are_trusted(broker: Broker, authority: Authority) -> None:
    command = [sys.executable, "-m", "edgedet", "watch", "--url", broker.url]
    # OpenSSL's own way to put another file in the place of the system's.
    trusting = {**os.environ, "SSL_CERT_FILE": str(authority.certificate)}
    with subprocess.Popen(command, env=trusting, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(3.0)
        child.send_signal(signal.SIGINT)
        assert child.wait(20.0) == 130
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "certificate" in done.stderr
    assert "--ca-file" in done.stderr
