"""How often a picture is looked at: always while something moves or is followed, rarely otherwise."""

from __future__ import annotations

import pytest

from edgedet.workers.gate import HOLD_S, Gate

RATE = 5
S = 1_000_000_000


def looked_at(moving: list[bool], *, idle_fps: float = 1.0, following: bool = False) -> list[int]:
    """Which of these pictures pass, that come at five a second."""
    gate = Gate(idle_fps)
    gate.attending = following
    return [number for number, moves in enumerate(moving) if gate.opens(number * S // RATE, moving=moves)]


def test_a_still_scene_is_looked_at_with_the_idle_rate() -> None:
    assert looked_at([False] * 4 * RATE) == [0, 5, 10, 15]


def test_every_picture_passes_while_something_moves_and_for_a_while_after() -> None:
    moving = [False] * RATE + [True] + [False] * 6 * RATE
    passed = looked_at(moving)
    held = round(HOLD_S * RATE)
    assert passed[:1] == [0]
    assert passed[1 : 1 + held] == list(range(RATE, RATE + held))
    # From the last one that was held, the idle rate goes on without a gap or a doubled look.
    assert passed[1 + held] == RATE + held - 1 + RATE


def test_every_picture_passes_while_something_is_followed() -> None:
    assert looked_at([False] * 20, following=True) == list(range(20))


def test_the_gate_shuts_again_when_nothing_is_followed_any_more() -> None:
    gate = Gate(1.0)
    gate.attending = True
    assert gate.opens(0, moving=False)
    gate.attending = False
    assert not gate.opens(S // 2, moving=False)
    assert gate.opens(S, moving=False)


def test_a_camera_that_is_a_little_early_keeps_the_idle_rate() -> None:
    gate = Gate(1.0)
    passed = [gate.opens(number * 198_000_000, moving=False) for number in range(50)]
    assert sum(passed) == 10


def test_a_clock_that_jumps_back_opens_the_gate() -> None:
    gate = Gate(0.01)
    assert gate.opens(100 * S, moving=False)
    assert not gate.opens(101 * S, moving=False)
    assert gate.opens(50 * S, moving=False)


@pytest.mark.parametrize("idle_fps", [5.0, 30.0])
def test_an_idle_rate_as_high_as_the_camera_holds_nothing_back(idle_fps: float) -> None:
    assert looked_at([False] * 10, idle_fps=idle_fps) == list(range(10))
