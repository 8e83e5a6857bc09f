from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgedet.outputs.commands import ALLOWANCES, ANNOUNCE, Bucket, Command, CommandIntake, CommandRefused, read_command
from edgedet.outputs.messages import Incoming
from edgedet.outputs.topics import DEVICE_COMMANDS, Topics

TOPICS = Topics("pi", birth="homeassistant/status")


class Intake:
    """An intake with a clock in hand."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.given: list[Command] = []
        self.intake = CommandIntake(TOPICS, ["porch"], self.given.append, now=lambda: self.now)

    def send(self, topic: str, payload: bytes, *, retained: bool = False) -> None:
        self.intake.receive(Incoming(topic, payload, retained))


@pytest.fixture
def intake() -> Intake:
    return Intake()


def test_a_snapshot_is_asked_for_of_a_camera(intake: Intake) -> None:
    intake.send("edgedet/pi/cmd/snapshot", b'{"camera": "porch", "id": "q1"}')
    intake.send("edgedet/pi/cmd/snapshot", b'{"camera": "porch", "id": null}')
    assert intake.given == [Command("porch", "snapshot", None, "q1"), Command("porch", "snapshot", None)]


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{}",
        b"porch",
        b'"porch"',
        b'{"camera": 7}',
        b'{"camera": "garden"}',
        b'{"camera": "../porch"}',
        b'{"camera": "porch", "path": "/etc/shadow"}',
        b'{"camera": "porch", "url": "http://evil"}',
        b'{"camera": "porch", "id": ["q"]}',
        b'{"camera": "' + b"p" * 65 + b'"}',
        b'{"camera": "porch"' + b" " * 1024 + b"}",
        b"\xff\xfe{",
        b"\x00",
    ],
)
def test_a_snapshot_of_anything_else_is_refused(intake: Intake, payload: bytes) -> None:
    intake.send("edgedet/pi/cmd/snapshot", payload)
    assert (intake.given, intake.intake.refused) == ([], 1)


@given(st.sampled_from(["detect", "min_score", *DEVICE_COMMANDS, "other"]), st.binary(max_size=200))
def test_whatever_arrives_is_a_command_or_refused(verb: str, payload: bytes) -> None:
    answers: list[str] = []
    try:
        answers.append(read_command("porch", verb, payload).verb)
    except CommandRefused as refusal:
        answers.append(str(refusal))
    assert answers[0]


def test_a_verb_is_obeyed_so_often_and_then_so_often_a_second(intake: Intake) -> None:
    allowed = ALLOWANCES["detect"]
    for _ in range(allowed.burst + 7):
        intake.send("edgedet/pi/porch/detect/set", b"OFF")
    assert (len(intake.given), intake.intake.refused) == (allowed.burst, 7)
    intake.now += 2.0
    for _ in range(100):
        intake.send("edgedet/pi/porch/detect/set", b"ON")
    assert len(intake.given) == allowed.burst + 2 * allowed.per_s


def test_one_verb_does_not_use_up_another_one_s_allowance(intake: Intake) -> None:
    for _ in range(100):
        intake.send("edgedet/pi/cmd/restart_detector", b"")
    intake.send("edgedet/pi/porch/min_score/set", b"0.4")
    assert intake.given[-1] == Command("porch", "min_score", 0.4)


def test_junk_does_not_use_up_what_valid_commands_may_do(intake: Intake) -> None:
    for _ in range(1000):
        intake.send("edgedet/pi/porch/detect/set", b"junk")
    intake.send("edgedet/pi/porch/detect/set", b"ON")
    assert intake.given == [Command("porch", "detect", value=True)]


def test_a_flood_is_one_line_in_ten_seconds_whatever_it_consists_of(
    intake: Intake, caplog: pytest.LogCaptureFixture
) -> None:
    for second in range(21):
        intake.now = 1000.0 + second
        for _ in range(100):
            intake.send("edgedet/pi/porch/detect/set", b"junk")
            intake.send("edgedet/pi/porch/detect/set", b"ON", retained=True)
    assert (intake.intake.refused, intake.intake.ignored) == (2100, 2100)
    assert len(caplog.records) == 3


def test_a_retained_command_is_ignored_but_the_birth_of_home_assistant_may_be_retained(intake: Intake) -> None:
    intake.send("edgedet/pi/cmd/restart_detector", b"", retained=True)
    intake.send("homeassistant/status", b"offline")
    assert intake.given == []
    intake.send("homeassistant/status", b"online", retained=True)
    assert intake.given == [Command(None, ANNOUNCE, None)]
    assert (intake.intake.refused, intake.intake.ignored) == (0, 1)


def test_a_bucket_never_holds_more_than_its_burst() -> None:
    bucket = Bucket(ALLOWANCES["restart_detector"])
    later = 1e6
    assert [bucket.takes(later) for _ in range(5)] == [True, True, True, False, False]
