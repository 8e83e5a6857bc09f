"""Truth beside what was found."""

from __future__ import annotations

from edgedet.cameras._scene.scene import Seen
from edgedet.demo.score import Score, compare
from edgedet.types import Box, Detection

FRAME, SIDE = (640, 480), 320


def known(label: str, box: Box, visible: float = 1.0) -> Seen:
    return Seen(label, box, 0, visible)


def found(label: str, box: Box, score: float = 0.9) -> Detection:
    return Detection(label, 0, score, box)


LEFT, RIGHT = Box(0.1, 0.1, 0.3, 0.5), Box(0.6, 0.1, 0.8, 0.5)
NEARLY_LEFT = Box(0.11, 0.11, 0.31, 0.51)


def test_what_overlaps_enough_is_found_and_the_rest_is_missed() -> None:
    comparison = compare([known("person", LEFT), known("person", RIGHT)], [found("person", NEARLY_LEFT)], FRAME, SIDE)
    assert comparison.score == Score(truth=2, found=1, false=0)
    assert comparison.missed == (RIGHT,)
    assert comparison.found == ("person",)


def test_another_label_at_the_same_place_is_false() -> None:
    comparison = compare([known("dog", LEFT)], [found("person", LEFT)], FRAME, SIDE)
    assert comparison.score == Score(truth=1, found=0, false=1)
    assert comparison.false == (0,)


def test_a_second_box_on_one_object_is_false() -> None:
    comparison = compare(
        [known("person", LEFT)], [found("person", LEFT), found("person", NEARLY_LEFT, 0.5)], FRAME, SIDE
    )
    assert comparison.score == Score(truth=1, found=1, false=1)
    assert comparison.false == (1,)


def test_each_detection_takes_the_object_that_it_overlaps_most() -> None:
    near = Box(0.14, 0.1, 0.34, 0.5)
    comparison = compare([known("person", LEFT), known("person", near)], [found("person", near)], FRAME, SIDE)
    assert comparison.missed == (LEFT,)


def test_what_is_hidden_or_tiny_is_neither_missed_nor_false() -> None:
    tiny = Box(0.5, 0.5, 0.51, 0.53)
    hidden = [known("person", LEFT, visible=0.2), known("person", tiny)]
    assert compare(hidden, [], FRAME, SIDE).score == Score()
    assert compare(hidden, [found("person", LEFT), found("dog", tiny)], FRAME, SIDE).score == Score()


def test_nothing_there_and_nothing_found_is_all_well() -> None:
    empty = compare([], [], FRAME, SIDE).score
    assert (empty.recall, empty.precision) == (1.0, 1.0)


def test_scores_add_up_and_read_as_a_line() -> None:
    total = Score(40, 39, 0) + Score(2, 2, 1)
    assert str(total) == "truth 42, found 41, false 1"
    assert total.recall == 41 / 42
    assert total.precision == 41 / 42
