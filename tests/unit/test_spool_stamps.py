"""What an event says of its time: in this boot, after the clock was set, and from an earlier boot."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from edgedet.clock import Clock
from edgedet.outputs.events import event_body, event_payload, record_body, restart_body
from edgedet.outputs.payloads import json_schema
from edgedet.outputs.spool.boots import Boots
from edgedet.outputs.spool.entry import BootClock, Entry, Times
from edgedet.types import Box, Event, EventKind

S = 1_000_000_000
NEW_YEAR_S = 1_767_225_600
"""2026-01-01T00:00:00Z."""


class Clocks(Clock):
    """Both clocks by hand."""

    def __init__(self, *, boot: str = "this", mono_s: float = 100.0, wall_s: float = NEW_YEAR_S) -> None:
        self.mono_s, self.wall_s, self.set = mono_s, wall_s, True
        super().__init__(boot, mono_ns=lambda: int(self.mono_s * S), wall_ns=lambda: int(self.wall_s * S))

    def is_synchronised(self) -> bool:
        return self.set

    def pass_s(self, seconds: float) -> None:
        self.mono_s += seconds
        self.wall_s += seconds


def event(**changes: Any) -> Event:
    known: dict[str, Any] = {
        "id": "a-1",
        "kind": EventKind.NEW,
        "label": "person",
        "track_id": 7,
        "score": 0.5,
        "top_score": 0.75,
        "box": Box(0.1, 0.2, 0.3, 0.4),
        "captured_ns": 99 * S,
        "started_ns": 98 * S,
    }
    return Event(**{**known, **changes})


def told(boots: Boots, times: Times, body: str) -> dict[str, Any]:
    read = boots.read(times)
    payload = event_payload(
        "pi",
        read.stamp,
        Entry(1, "porch", body, times, 5),
        offset_ns=read.offset_ns,
        age_s=read.age_ns / S,
        replayed=read.waited_ns > S,
    )
    message: dict[str, Any] = json.loads(payload)
    jsonschema.validate(message, json_schema("event"))
    return message


@pytest.fixture
def clock() -> Clocks:
    return Clocks()


@pytest.fixture
def boots(clock: Clocks) -> Boots:
    made = Boots(clock)
    made.start({"before": BootClock((NEW_YEAR_S - 5000) * S, synced=True), "lost": BootClock(0, synced=False)})
    return made


TIMES = Times("this", 100 * S, 99 * S, 98 * S)


def test_an_event_that_leaves_at_once_is_not_replayed_and_tells_its_age(boots: Boots) -> None:
    message = told(boots, TIMES, event_body("porch", event(zones=("drive",), loitering=("drive",)), None))
    assert (message["seq"], message["type"], message["label"]) == (5, "new", "person")
    assert message["loitering"] == ["drive"]
    assert message["captured_at"] == "2025-12-31T23:59:59.000Z"
    assert (message["age_s"], message["replayed"], message["time_synced"]) == (1.0, False, True)


def test_a_clock_that_is_set_meanwhile_is_right_in_what_waited(boots: Boots, clock: Clocks) -> None:
    clock.pass_s(60)
    clock.wall_s += 3600
    assert boots.step_ns() == 3600 * S
    message = told(boots, TIMES, event_body("porch", event(), None))
    assert message["captured_at"] == "2026-01-01T00:59:59.000Z"
    assert (message["age_s"], message["replayed"]) == (61.0, True)


def test_a_clock_that_is_corrected_slowly_is_followed_without_a_word(boots: Boots, clock: Clocks) -> None:
    for _ in range(100):
        clock.pass_s(1)
        clock.wall_s += 0.0005
        assert boots.step_ns() == 0


def test_an_event_of_an_earlier_boot_keeps_the_stamps_of_that_boot(boots: Boots) -> None:
    message = told(boots, Times("before", 1000 * S, 1000 * S, 990 * S), event_body("porch", event(), None))
    assert message["captured_at"] == "2025-12-31T22:53:20.000Z"
    assert (message["age_s"], message["replayed"], message["time_synced"]) == (4000.0, True, True)


@pytest.mark.parametrize("boot", ["lost", "never heard of"])
def test_an_event_of_a_boot_whose_clock_was_never_set_says_so(boots: Boots, boot: str) -> None:
    message = told(boots, Times(boot, 1000 * S, 1000 * S, 990 * S), event_body("porch", event(), None))
    assert message["time_synced"] is False
    assert message["captured_at"].startswith("1970-01-01")
    assert message["replayed"] is True


def test_age_counts_over_a_reboot_only_between_clocks_that_were_set(boots: Boots) -> None:
    assert boots.kept_ns(Times("this", 40 * S)) == 60 * S
    assert boots.kept_ns(Times("before", 1000 * S)) == 4000 * S
    assert boots.kept_ns(Times("lost", 1000 * S)) == 0


def test_the_end_of_a_life_that_a_kill_left_open_repeats_what_was_known(boots: Boots) -> None:
    body = event_body("porch", event(kind=EventKind.ZONE_ENTER, zone="drive", entered_zones=("drive",)), "a/topic")
    message = told(boots, Times("this", 100 * S, 99 * S, 98 * S, 99 * S), restart_body(body))
    assert (message["type"], message["end_reason"], message["id"]) == ("end", "restart", "a-1")
    assert (message["zone"], message["entered_zones"], message["ended"]) == (None, ["drive"], message["captured_at"])


def test_records_of_the_delivery_itself_follow_the_same_schema(boots: Boots) -> None:
    times = Times("this", 100 * S)
    gap = told(boots, times, record_body("porch", "gap", from_seq=1, to_seq=4, lost=None))
    assert (gap["type"], gap["from_seq"], gap["to_seq"], gap["lost"], gap["age_s"]) == ("gap", 1, 4, None, 0.0)
    assert told(boots, times, record_body("porch", "clock", offset_s=-3600.0))["offset_s"] == -3600.0


def test_a_number_that_is_not_finite_has_no_place_in_a_message() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        event_body("porch", event(score=float("nan")), None)
