from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edgedet.outputs.spool.entry import Missing, Numbering
from edgedet.outputs.spool.numbers import Numbers


def test_no_number_is_given_before_its_block_is_on_disk() -> None:
    numbers = Numbers(ahead=10)
    assert numbers.take("porch") is None
    wanted = numbers.wanted({"porch": 1})
    assert wanted == {"porch": 12}
    numbers.granted("porch", wanted["porch"])
    assert [numbers.take("porch") for _ in range(12)] == [*range(1, 12), None]


def test_the_next_block_is_asked_for_when_half_of_one_is_left() -> None:
    numbers = Numbers(ahead=10)
    numbers.granted("porch", 11)
    asked = [numbers.take("porch") for _ in range(10) if not numbers.wanted({})]
    assert asked == [1, 2, 3, 4, 5, 6]


def test_after_a_kill_counting_goes_on_behind_the_block_and_says_what_will_not_come() -> None:
    numbers = Numbers(ahead=10)
    assert numbers.continue_from("porch", Numbering(reserved=21, settled=15)) == Missing(15, 20, None)
    assert numbers.next_of("porch") == 21


def test_after_a_clean_stop_nothing_is_missing() -> None:
    assert Numbers().continue_from("porch", Numbering(reserved=21, settled=21)) is None


def test_numbers_that_the_disk_does_not_take_are_above_those_of_any_other_run() -> None:
    numbers = Numbers(ahead=10)
    numbers.granted("porch", 3)
    assert [numbers.take("porch"), numbers.take("porch")] == [1, 2]
    assert numbers.go_on_unwritten("porch", 1, now_ms=1_700_000_000_000) == Missing(3, 1_699_999_999_999, 0)
    assert numbers.take("porch") == 1_700_000_000_000
    # They are written down as soon as that is possible.
    assert numbers.wanted({})["porch"] > 1_700_000_000_000


@given(st.lists(st.tuples(st.integers(1, 40), st.booleans()), min_size=1, max_size=30))
def test_no_number_is_given_twice_over_any_number_of_kills(runs: list[tuple[int, bool]]) -> None:
    given_out: list[int] = []
    disk = Numbering(1, 1)
    for events, clean in runs:
        numbers = Numbers(ahead=10)
        missing = numbers.continue_from("porch", disk)
        assert missing is None or missing.last < numbers.next_of("porch")
        for _ in range(events):
            for camera, reserved in numbers.wanted({"porch": 1}).items():
                disk = Numbering(reserved, numbers.next_of(camera))
                numbers.granted(camera, reserved)
            number = numbers.take("porch")
            assert number is not None
            given_out.append(number)
        if clean:
            disk = Numbering(numbers.next_of("porch"), numbers.next_of("porch"))
    assert given_out == sorted(set(given_out))
