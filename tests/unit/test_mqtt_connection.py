from __future__ import annotations

import pytest

from edgedet.errors import BrokerError
from edgedet.outputs.connection import Connection, tls_context
from edgedet.outputs.pace import Pace


def test_a_password_is_shown_by_nothing() -> None:
    connection = Connection("host", username="me", password="secret")
    assert "secret" not in f"{connection} {connection.url}"


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
