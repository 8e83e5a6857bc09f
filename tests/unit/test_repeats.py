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


def say(
    repeats: Repeats, message: str, *args: object, level: int = logging.WARNING, about: dict[str, object] | None = None
) -> None:
    record = logging.LogRecord("edgedet", level, __file__, 1, message, args, None)
    record.__dict__.update(about or {})
    repeats.handle(record)


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


@pytest.mark.parametrize("name", ["cam%d", "cam-%d", "usb:%d", "10.0.0.%d"])
def test_what_differs_in_its_name_is_no_repeat(repeats: Repeats, told: Told, name: str) -> None:
    for number in (1, 2, 3):
        say(repeats, f"{name}: no frame for %g s", number, number / 7)
    assert [line.split(": no")[0] for line in told.lines] == [name % number for number in (1, 2, 3)]


def test_what_is_about_another_camera_code_or_kind_is_no_repeat(repeats: Repeats, told: Told) -> None:
    for camera in ("1", "2"):
        for kind in (Kind.TROUBLE, Kind.TROUBLE_OVER):
            for code in ("camera_stalled", "camera_dark"):
                for _ in range(2):
                    say(repeats, "3 s", about=fields(kind, camera=camera, component=camera, code=code))
    assert [line for line in told.lines if "more" not in line] == ["3 s"] * 8


def test_the_last_line_is_what_holds(repeats: Repeats, told: Told, time: Time) -> None:
    for message in ("trouble", "over", "trouble", "over", "trouble"):
        say(repeats, message)
        time.now_s += 4.0
    for _ in range(20):
        repeats.sum_up()
        time.now_s += 5.0
    assert told.lines == ["trouble", "over", "over (1 more like this in 56 s)", "trouble (2 more like this in 60 s)"]


def test_what_was_counted_is_told_before_anything_new_about_the_same_component(
    repeats: Repeats, told: Told, time: Time
) -> None:
    for second in (0, 20):
        time.now_s = 100.0 + second
        say(repeats, "no answer for %d s", second, about=fields(component="broker"))
        say(repeats, "no frame for %d s", second, about=fields(component="porch"))
    say(repeats, "connected", about=fields(component="broker"))
    assert told.lines[2:] == ["no answer for 20 s (1 more like this in 20 s)", "connected"]


def test_every_object_is_told(repeats: Repeats, told: Told) -> None:
    for number in (3, 4):
        say(repeats, "porch: person %d is there", number, about=fields(Kind.OBJECT, camera="porch"))
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


def test_where_there_are_too_many_the_one_that_was_said_longest_ago_is_told_and_forgotten(
    repeats: Repeats, told: Told
) -> None:
    for _ in range(2):
        say(repeats, "first")
    for number in range(256):
        say(repeats, "from " + chr(0x4E00 + number))
    assert [line for line in told.lines if line.startswith("first")] == ["first", "first (1 more like this in 1 s)"]
    say(repeats, "from " + chr(0x4E00 + 255))
    assert len(told.lines) == 258
