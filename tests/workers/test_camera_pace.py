import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgedet.workers.camera_child import Pace

SECOND = 1_000_000_000


def passed(pace: Pace, times: list[int]) -> list[int]:
    through = []
    for now in times:
        if not pace.early_ns(now):
            pace.passed(now)
            through.append(now)
    return through


def test_every_third_frame_of_fifteen_a_second_passes_at_five_in_spite_of_jitter() -> None:
    times = [number * SECOND // 15 + (-2_000_000 if number % 2 else 2_000_000) for number in range(1, 151)]
    assert len(passed(Pace(0.2), times)) == pytest.approx(50, abs=1)


@given(st.lists(st.integers(1, SECOND // 4), min_size=2, max_size=200), st.sampled_from([1.0, 5.0, 12.5]))
def test_the_rate_is_never_exceeded_over_any_stretch(gaps: list[int], fps: float) -> None:
    times = [sum(gaps[: end + 1]) for end in range(len(gaps))]
    through = passed(Pace(1 / fps), times)
    for first in range(len(through)):
        for last in range(first + 1, len(through)):
            stretch_s = (through[last] - through[first]) / SECOND
            assert last - first <= stretch_s * fps + 1.2


def test_without_a_limit_everything_passes() -> None:
    assert len(passed(Pace(0.0), list(range(1000)))) == 1000


def test_after_a_pause_there_is_no_burst() -> None:
    pace = Pace(1.0)
    assert len(passed(pace, [0, 60 * SECOND, 60 * SECOND + 1, 60 * SECOND + 2])) == 2
