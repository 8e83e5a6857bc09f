from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from edgedet.cli._watch_devices import Watched, clean
from edgedet.cli._watch_table import draw


def watched_of(*messages: tuple[str, Any]) -> Watched:
    watched = Watched("edgedet")
    for topic, payload in messages:
        watched.take(f"edgedet/{topic}", payload.encode() if isinstance(payload, str) else json.dumps(payload).encode())
    return watched


def screen_of(watched: Watched, trouble: str = "") -> str:
    console = Console(width=110, record=True, file=None, force_terminal=False)
    with console.capture() as captured:
        console.print(draw(watched, "mqtt://host:1883", trouble, "12:00:00"))
    return captured.get()


def row_of(screen: str, camera: str) -> str:
    return next(line for line in screen.splitlines() if line.strip().startswith(camera))


QUIET = (
    ("pi/availability", "online"),
    ("pi/porch/state", "watching"),
    ("pi/porch/objects/person", "2"),
    ("pi/porch/objects/all", "2"),
    ("pi/stats", {"cameras": {"porch": {"processed_fps": 4.96, "latency_ms": {"p50": 31.4}}}}),
)


def test_a_line_is_told_of_each_change_and_none_of_what_is_known() -> None:
    watched = Watched("edgedet")
    assert watched.take("edgedet/pi/availability", b"online") == "pi online"
    assert watched.take("edgedet/pi/availability", b"online") is None
    assert watched.take("edgedet/pi/porch/state", b"blind") == "pi porch is blind"
    assert watched.take("edgedet/pi/porch/objects/person", b"1") == "pi porch person 1"
    assert watched.take("edgedet/pi/porch/objects/person", b"1") is None


def test_the_table_shows_what_is_there_now() -> None:
    screen = screen_of(watched_of(*QUIET))
    assert "1 device " in screen
    assert "pi  online" in screen
    assert row_of(screen, "porch").split() == ["porch", "watching", "5.0", "31", "ms", "2", "person"]


@pytest.mark.parametrize("change", [("pi/porch/state", "blind"), ("pi/availability", "offline")])
def test_the_counts_of_a_camera_that_does_not_look_are_not_shown_as_if_it_did(change: tuple[str, str]) -> None:
    row = row_of(screen_of(watched_of(*QUIET, change)), "porch")
    assert "not looking" in row
    assert "person" not in row
    assert "5.0" not in row


def test_a_camera_that_sees_nothing_says_so() -> None:
    assert "nothing" in row_of(screen_of(watched_of(*QUIET, ("pi/porch/objects/person", "0"))), "porch")


def test_why_a_device_is_not_well_stands_below_its_name() -> None:
    reason = {"component": "porch", "code": "camera_stalled", "message": "No frame."}
    screen = screen_of(watched_of(*QUIET, ("pi/health", {"state": "degraded", "reasons": [reason]})))
    assert "pi  online  degraded" in screen
    assert "porch: camera_stalled: No frame." in screen


def test_an_event_that_waited_for_the_broker_says_how_old_it_is() -> None:
    event = {"type": "new", "label": "person", "score": 0.834, "replayed": True, "age_s": 3600.2}
    watched = watched_of(*QUIET, ("pi/porch/events", event))
    assert list(watched.events) == ["pi porch new person 0.83 (3600 s ago, waited for the broker)"]


def test_while_the_broker_is_away_the_table_says_that_it_is_old() -> None:
    assert "The broker is gone; what is below was said before" in screen_of(watched_of(*QUIET), "The broker is gone")


def test_a_camera_and_a_device_whose_topics_are_emptied_disappear() -> None:
    watched = watched_of(*QUIET, ("pi/porch/objects/person", ""), ("pi/porch/state", ""))
    assert "porch" not in watched.devices["pi"].cameras
    watched.take("edgedet/pi/availability", b"")
    assert watched.devices == {}


def test_another_program_s_text_cannot_drive_the_terminal() -> None:
    watched = watched_of(*QUIET, ("pi/porch/events", {"type": "new", "label": "\x1b[2J\x1b]0;title\x07"}))
    assert "\x1b" not in screen_of(watched)
    assert clean("a\x1b\n\u202e" + "b" * 1000).startswith("a\ufffd\ufffd\ufffdb")


def test_markup_in_a_text_is_shown_as_it_is() -> None:
    assert "[bold]x[/bold]" in screen_of(watched_of(*QUIET, ("pi/porch/events", {"type": "[bold]x[/bold]"})))


def test_there_is_an_end_to_how_many_devices_are_remembered() -> None:
    watched = watched_of(*((f"d{n}/availability", "online") for n in range(1000)))
    assert len(watched.devices) == 200


@given(
    st.sampled_from(
        ["availability", "health", "stats", "porch/state", "porch/events", "porch/objects/person", "x/y/z"]
    ),
    st.one_of(
        st.binary(max_size=50),
        st.recursive(
            st.one_of(st.none(), st.booleans(), st.floats(), st.integers(), st.text(max_size=9)),
            lambda inner: st.one_of(
                st.lists(inner, max_size=3),
                st.dictionaries(
                    st.sampled_from(["state", "reasons", "cameras", "porch", "type", "processed_fps", "score", "code"]),
                    inner,
                    max_size=4,
                ),
            ),
        ),
    ),
)
def test_whatever_is_published_it_can_be_shown(topic: str, payload: Any) -> None:
    watched = watched_of(*QUIET)
    watched.take(f"edgedet/pi/{topic}", payload if isinstance(payload, bytes) else json.dumps(payload).encode())
    assert "edgedet watch" in screen_of(watched)
