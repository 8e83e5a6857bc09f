from __future__ import annotations

import pytest

from edgedet.errors import BrokerError
from edgedet.outputs.connection import Connection, Endpoint, parse_url, tls_context
from edgedet.outputs.pace import Pace


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("mqtt://localhost", Endpoint("localhost", 1883, tls=False)),
        ("mqtt://localhost:1884/", Endpoint("localhost", 1884, tls=False)),
        ("mqtts://broker.example", Endpoint("broker.example", 8883, tls=True)),
        ("mqtt://[::1]:1883", Endpoint("::1", 1883, tls=False)),
        ("mqtt://me:p%40ss@host", Endpoint("host", 1883, tls=False, username="me", password="p@ss")),
    ],
)
def test_a_url_says_where_the_broker_is(url: str, endpoint: Endpoint) -> None:
    assert parse_url(url) == endpoint


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("http://localhost", "starts with mqtt://"),
        ("localhost:1883", "starts with mqtt://"),
        ("mqtt://", "names no host"),
        ("mqtt://host:0", "no usable port"),
        ("mqtt://host:99999", "no usable port"),
        ("mqtt://host:port", "no usable port"),
        ("mqtt://host/topic", "more than a host and a port"),
    ],
)
def test_a_url_that_cannot_be_meant_is_refused_with_what_is_wrong(url: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse_url(url)


def test_a_password_is_shown_by_nothing() -> None:
    endpoint = parse_url("mqtt://me:secret@host")
    connection = Connection("host", username="me", password="secret")
    assert "secret" not in f"{endpoint} {connection} {connection.url}"
    with pytest.raises(ValueError, match="no usable port") as refusal:
        parse_url("mqtt://me:secret@host:0")
    assert "secret" not in str(refusal.value)


def test_a_certificate_file_that_is_missing_is_named_with_what_to_do() -> None:
    with pytest.raises(BrokerError, match="/nowhere/ca.pem") as refusal:
        tls_context(Connection("host", 8883, tls=True, ca_file="/nowhere/ca.pem"))
    assert "mqtt.tls" in refusal.value.hint


def test_the_wait_between_attempts_grows_to_a_minute_and_never_beyond() -> None:
    pace = Pace()
    assert pace.delay_s(1) == 1.0
    waits = [pace.delay_s(failures) for failures in range(1, 3000)]
    assert all(1.0 <= wait <= 60.0 for wait in waits)
    assert max(waits) > 30.0
