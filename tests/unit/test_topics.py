from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgedet.outputs.topics import CommandTopic, Topics, topic_name


def test_topics_are_those_of_the_contract() -> None:
    topics = Topics("pi-4")
    assert topics.availability == "edgedet/pi-4/availability"
    assert topics.health == "edgedet/pi-4/health"
    assert topics.stats == "edgedet/pi-4/stats"
    assert topics.camera_state("porch") == "edgedet/pi-4/porch/state"
    assert topics.detections("porch") == "edgedet/pi-4/porch/detections"
    assert topics.events("porch") == "edgedet/pi-4/porch/events"
    assert topics.objects("porch", "traffic light") == "edgedet/pi-4/porch/objects/traffic_light"
    assert topics.active_objects("porch", "car") == "edgedet/pi-4/porch/objects/car/active"
    assert topics.zone("porch", "drive", "all") == "edgedet/pi-4/porch/zones/drive/all"
    assert topics.line("porch", "gate", "in") == "edgedet/pi-4/porch/lines/gate/in"
    assert topics.snapshot("porch", "person") == "edgedet/pi-4/porch/snapshot/person"
    assert topics.setting("porch", "detect") == "edgedet/pi-4/porch/detect/state"
    assert topics.setting("porch", "min_score") == "edgedet/pi-4/porch/min_score/state"
    assert topics.camera_command("porch", "detect") == "edgedet/pi-4/porch/detect/set"
    assert topics.device_command("snapshot") == "edgedet/pi-4/cmd/snapshot"
    assert topics.result("restart_detector") == "edgedet/pi-4/cmd/restart_detector/result"


def test_a_prefix_may_have_several_levels() -> None:
    assert Topics("pi", "home/cameras").health == "home/cameras/pi/health"


@pytest.mark.parametrize("prefix", ["", "a//b", "/a", "a/", "a/#", "+"])
def test_a_prefix_that_would_break_the_topic_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match="cannot start a topic"):
        Topics("pi", prefix)


@pytest.mark.parametrize("name", ["", "a/b", "#", "+", "Porch", "x" * 33, "..", "caf\u00e9", "a b", "a\n"])
def test_a_name_that_would_become_another_topic_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be a topic level"):
        Topics("pi").detections(name)


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("person", "person"),
        ("traffic light", "traffic_light"),
        ("T-Shirt", "t-shirt"),
        ("Vélo / Fahrrad", "velo_fahrrad"),
        ("人", "label"),
        ("#", "label"),
        ("x" * 40, "x" * 32),
    ],
)
def test_a_label_becomes_a_topic_level(label: str, name: str) -> None:
    assert topic_name(label) == name


@given(st.text())
def test_whatever_a_model_calls_its_classes_the_topic_is_safe(label: str) -> None:
    assert re.fullmatch("[a-z0-9_-]{1,32}", topic_name(label))


def test_commands_are_recognised_and_nothing_else_is() -> None:
    topics = Topics("pi")
    assert topics.parse_command("edgedet/pi/porch/detect/set") == CommandTopic("porch", "detect")
    assert topics.parse_command("edgedet/pi/porch/min_score/set") == CommandTopic("porch", "min_score")
    assert topics.parse_command("edgedet/pi/cmd/restart_detector") == CommandTopic(None, "restart_detector")
    assert topics.parse_command("edgedet/pi/cmd/snapshot") == CommandTopic(None, "snapshot")
    for other in (
        "edgedet/pi2/porch/detect/set",
        "edgedet/pi/porch/detect/state",
        "edgedet/pi/porch/detect",
        "edgedet/pi/a/b/detect/set",
        "edgedet/pi/../detect/set",
        "edgedet/pi/cmd/format_disk",
        "edgedet/pi",
    ):
        assert topics.parse_command(other) is None


def test_every_command_topic_is_subscribed_to() -> None:
    assert Topics("pi").subscriptions() == (
        "edgedet/pi/+/detect/set",
        "edgedet/pi/+/min_score/set",
        "edgedet/pi/cmd/restart_detector",
        "edgedet/pi/cmd/snapshot",
    )


def test_the_birth_of_home_assistant_is_heard_where_it_is_wanted() -> None:
    assert Topics("pi", birth="homeassistant/status").subscriptions()[-1] == "homeassistant/status"
