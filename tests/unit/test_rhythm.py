"""How long a source may be silent, by what is known of its rate."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgedet.workers.rhythm import LONGEST_SILENCE_S, UNKNOWN_S, Rhythm, patience_s

SECOND = 1_000_000_000
LEAST_S = 2.9


def after(*pauses_s: float) -> float:
    """How long a source whose settings say nothing may be silent after such pauses, seconds."""
    rhythm = Rhythm()
    for pause_s in pauses_s:
        rhythm.note(round(pause_s * SECOND))
    return patience_s(LEAST_S, None, rhythm.usual_ns / SECOND)


@pytest.mark.parametrize("fps", [30, 15, 5, 2])
def test_a_camera_of_some_frames_a_second_has_stalled_as_soon_as_ever(fps: int) -> None:
    assert patience_s(LEAST_S, 1 / fps, 0.0) == LEAST_S
    assert after(*[1 / fps] * 5 * fps) == LEAST_S


@pytest.mark.parametrize("pause_s", [2.0, 5.0, 19.0])
def test_a_slow_one_may_be_silent_for_three_of_its_pauses_whether_stated_or_seen(pause_s: float) -> None:
    assert patience_s(LEAST_S, pause_s, 0.0) == pytest.approx(3 * pause_s)
    assert after(*[pause_s] * 4) == pytest.approx(3 * pause_s)


def test_one_that_is_slower_than_its_settings_say_is_taken_as_it_is() -> None:
    assert patience_s(LEAST_S, 1 / 15, 5.0) == 15.0
    assert patience_s(LEAST_S, 5.0, 1 / 15) == 15.0


def test_however_slow_it_is_after_a_minute_it_has_stalled() -> None:
    assert patience_s(LEAST_S, 3600.0, 0.0) == patience_s(LEAST_S, None, 3600.0) == LONGEST_SILENCE_S
    assert patience_s(90.0, 3600.0, 0.0) == 90.0


def test_until_a_rate_is_known_a_slow_one_is_reckoned_with() -> None:
    assert after() == after(5.0) == after(5.0, 5.0, 5.0) == UNKNOWN_S
    # What a network camera had in store when it was connected to says nothing.
    assert after(*[0.001] * 50) == UNKNOWN_S


def test_a_burst_at_the_beginning_does_not_hide_a_slow_camera() -> None:
    assert after(*[0.001] * 50, 5.0) == 15.0


def test_one_hiccup_of_a_quick_camera_is_forgotten_after_five_frames() -> None:
    quick = [1 / 15] * 30
    assert after(*quick, 2.5) == 7.5
    assert after(*quick, 2.5, *quick[:5]) == LEAST_S


@given(st.lists(st.floats(0.0, 100.0), max_size=30), st.none() | st.floats(0.0, 100.0))
def test_it_is_never_less_than_is_asked_for_and_never_more_than_a_minute(
    pauses_s: list[float], stated_s: float | None
) -> None:
    rhythm = Rhythm()
    for pause_s in pauses_s:
        rhythm.note(round(pause_s * SECOND))
    assert LEAST_S <= patience_s(LEAST_S, stated_s, rhythm.usual_ns / SECOND) <= LONGEST_SILENCE_S
