"""The watchdog is fed by progress, and by nothing else."""

from __future__ import annotations

import pytest

from edgedet.service.notify import Notifier
from edgedet.service.watchdog import Attendance, Beats


class Time:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class Manager(Notifier):
    """Writes down what systemd would be told."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []

    def _tell(self, message: str) -> None:
        self.told.append(message)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def beats(time: Time) -> Beats:
    return Beats(time)


def test_a_loop_that_gets_on_is_never_late(time: Time, beats: Beats) -> None:
    beat = beats.of("stats", 10.0)
    for _ in range(5):
        time.now_s += 9.0
        beat()
    assert beats.late() == ()


def test_a_loop_that_stops_is_late_after_its_limit(time: Time, beats: Beats) -> None:
    beats.of("stats", 10.0)()
    beats.of("health", 60.0)()
    time.now_s += 10.5
    assert beats.late() == ("stats",)


def test_a_loop_that_never_began_is_late_too(time: Time, beats: Beats) -> None:
    beats.of("stats", 10.0)
    time.now_s += 10.5
    assert beats.late() == ("stats",)


def test_a_loop_that_rests_is_not_late_however_long_it_does(time: Time, beats: Beats) -> None:
    beats.of("camera porch", 10.0).rest()
    time.now_s += 86_400
    assert beats.late() == ()


def test_work_that_comes_after_a_rest_has_the_whole_limit(time: Time, beats: Beats) -> None:
    beat = beats.of("camera porch", 10.0)
    beat.rest()
    time.now_s += 86_400
    beat.due()
    time.now_s += 9.0
    beat.due()
    assert beats.late() == ()
    time.now_s += 2.0
    assert beats.late() == ("camera porch",)


def test_a_loop_that_is_over_is_not_waited_for(time: Time, beats: Beats) -> None:
    beats.of("camera porch", 10.0)
    beats.forget("camera porch")
    time.now_s += 100
    assert beats.late() == ()


class TestAttendance:
    def test_nothing_is_ready_until_the_start_is_done(self, beats: Beats) -> None:
        manager, ready = Manager(), []
        attendance = Attendance(
            manager, beats, is_ready=lambda: bool(ready), status=lambda: "ok", on_late=lambda names: None
        )
        attendance.look()
        assert not [message for message in manager.told if message.startswith("READY=1")]
        ready.append(1)
        attendance.look()
        attendance.look()
        assert [message for message in manager.told if message.startswith("READY=1")] == ["READY=1\nSTATUS=ok"]

    def test_a_late_loop_starves_the_watchdog_and_is_named_once(self, time: Time, beats: Beats) -> None:
        manager, late = Manager(), []
        attendance = Attendance(manager, beats, is_ready=lambda: True, status=lambda: "ok", on_late=late.append)
        beat = beats.of("stats", 10.0)
        attendance.look()
        assert manager.told[-1] == "WATCHDOG=1"
        time.now_s += 11.0
        manager.told.clear()
        attendance.look()
        attendance.look()
        assert manager.told == []
        assert late == [("stats",)]
        beat()
        attendance.look()
        assert manager.told == ["WATCHDOG=1"]
