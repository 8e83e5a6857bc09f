"""Messages that repeat themselves."""

from __future__ import annotations

import logging

import pytest

from edgedet.service.journal import Kind, fields
from edgedet.service.repeats import Repeats


class Time:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class Told(logging.Handler):
    """What a reader sees."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def repeats(time: Time, told: Told) -> Repeats:
    return Repeats(told, 60.0, time)


def say(repeats: Repeats, message: str, *args: object, level: int = logging.WARNING) -> None:
    repeats.handle(logging.LogRecord("edgedet", level, __file__, 1, message, args, None))


def test_different_messages_all_go_through(repeats: Repeats, told: Told) -> None:
    say(repeats, "the camera is lost")
    say(repeats, "the broker is lost")
    assert told.lines == ["the camera is lost", "the broker is lost"]


def test_repeats_are_told_as_one_when_their_minute_is_over(repeats: Repeats, told: Told, time: Time) -> None:
    for second in range(313):
        time.now_s = 100.0 + second * 0.1
        say(repeats, "a fresh worker in %.1f s", second / 7)
    assert told.lines == ["a fresh worker in 0.0 s"]
    time.now_s = 161.0
    repeats.sum_up()
    assert told.lines[1:] == ["a fresh worker in 44.6 s (312 more like this in 61 s)"]


def test_repeats_that_go_on_are_told_once_a_minute(repeats: Repeats, told: Told, time: Time) -> None:
    for _ in range(300):
        say(repeats, "again")
        time.now_s += 1.0
    assert len(told.lines) == 5


def test_a_message_is_new_again_after_a_quiet_minute(repeats: Repeats, told: Told, time: Time) -> None:
    say(repeats, "lost")
    time.now_s += 61.0
    say(repeats, "lost")
    assert told.lines == ["lost", "lost"]


def test_messages_that_take_turns_are_still_repeats(repeats: Repeats, told: Told) -> None:
    for _ in range(50):
        say(repeats, "lost")
        say(repeats, "back again", level=logging.INFO)
    assert told.lines == ["lost", "back again"]


def test_every_object_is_told(repeats: Repeats, told: Told) -> None:
    for number in (3, 4):
        line = logging.LogRecord("edgedet", logging.INFO, __file__, 1, f"porch: person {number} is there", None, None)
        line.__dict__.update(fields(Kind.OBJECT, camera="porch"))
        repeats.handle(line)
    assert told.lines == ["porch: person 3 is there", "porch: person 4 is there"]


def test_nothing_is_forgotten_at_the_end(repeats: Repeats, told: Told) -> None:
    for _ in range(3):
        say(repeats, "lost")
    repeats.close()
    assert told.lines == ["lost", "lost (2 more like this in 1 s)"]


def test_very_many_different_messages_do_not_grow_without_limit(repeats: Repeats, told: Told) -> None:
    for number in range(1000):
        say(repeats, "from " + chr(0x4E00 + number))
    assert len(told.lines) == 1000
    assert len(repeats._seen) <= 256
