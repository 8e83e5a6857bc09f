from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from edgedet.outputs.homeassistant import (
    CameraDescription,
    DeviceDescription,
    ZoneDescription,
    birth_topic,
    components,
    departed,
    discovery,
    stale_counts,
)
from edgedet.outputs.outbox import Outbox
from edgedet.outputs.topics import Topics

TOPICS = Topics("pi")
PORCH = CameraDescription(
    "porch", ("person", "traffic light"), (ZoneDescription("drive", ("car",)),), ("gate",), snapshots=True
)
PI = DeviceDescription("pi", "0123456789abcdef", "1.2.3", TOPICS, (PORCH,), edgetpu=True)


def body_of(description: DeviceDescription, gone: dict[str, str] | None = None) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(discovery(description, gone).payload)
    return body


def test_discovery_is_one_retained_message_that_says_who_it_comes_from() -> None:
    message = discovery(PI)
    assert (message.topic, message.qos, message.retain) == ("homeassistant/device/edgedet_pi/config", 1, True)
    body = body_of(PI)
    assert body["origin"] == {"name": "edgedet", "sw_version": "1.2.3"}
    assert body["device"]["identifiers"] == ["0123456789abcdef"]
    assert body["device"]["name"] == "pi"
    assert birth_topic() == "homeassistant/status"


def test_another_prefix_of_home_assistant_is_used_for_both() -> None:
    assert discovery(replace(PI, prefix="ha")).topic == "ha/device/edgedet_pi/config"
    assert birth_topic("ha") == "ha/status"


def test_every_entity_has_an_id_of_its_own_that_holds_nothing_of_the_name_shown() -> None:
    ids = [part["unique_id"] for part in components(PI).values() if "unique_id" in part]
    assert len(ids) == len(set(ids)) > 20
    assert all(one.startswith("0123456789abcdef_") for one in ids)


def test_what_a_camera_saw_is_available_only_while_the_device_is_online_and_the_camera_looks() -> None:
    saw = [
        name
        for name, part in components(PI).items()
        if part.get("availability_mode") == "all"
        and [entry["topic"] for entry in part["availability"]] == ["edgedet/pi/availability", "edgedet/pi/porch/state"]
    ]
    counted = ("porch:objects", "porch:zones", "porch:lines", "porch:fps", "porch:latency")
    assert saw == [name for name in components(PI) if name.startswith((*counted, "porch:take_snapshot"))]
    assert body_of(PI)["availability"] == [{"topic": "edgedet/pi/availability"}]


def test_a_switch_does_not_go_with_the_camera_that_it_switched_off() -> None:
    found = components(PI)
    assert all("availability" not in found[f"porch:{name}"] for name in ("detect", "min_score", "state", "problem"))


def test_the_last_event_never_comes_back_from_unavailable_by_our_doing() -> None:
    assert components(PI)["porch:event"]["availability"] == []


def test_labels_that_share_a_topic_make_one_entity() -> None:
    camera = CameraDescription("porch", ("traffic light", "Traffic Light"))
    found = components(replace(PI, cameras=(camera,)))
    assert [name for name in found if ":objects:" in name] == [
        "porch:objects:traffic_light",
        "porch:objects:traffic_light:count",
    ]
    assert found["porch:objects:traffic_light"]["name"] == "Porch traffic light"


def test_a_label_with_quotes_stays_one_text_in_the_templates() -> None:
    camera = CameraDescription("porch", ("bird's nest \\",))
    trigger = components(replace(PI, cameras=(camera,)))["porch:on:bird_s_nest"]
    assert "value_json.label == 'bird\\'s nest \\\\'" in trigger["value_template"]


@pytest.mark.parametrize(
    "part", ["porch:event", "porch:on:person", "porch:on:drive:car:zone_enter", "porch:on:gate:in"]
)
def test_whatever_waits_for_an_event_passes_over_what_was_replayed(part: str) -> None:
    assert "not value_json.replayed and" in components(PI)[part]["value_template"]


def test_without_an_edge_tpu_nothing_is_said_of_its_temperature() -> None:
    assert "edgetpu:temperature" in components(PI)
    assert "edgetpu:temperature" not in components(replace(PI, edgetpu=False))


def test_a_component_that_is_gone_stays_as_an_empty_one_and_one_that_is_back_is_whole() -> None:
    gone = {"garden:state": "sensor", "porch:state": "sensor"}
    found = body_of(PI, gone)["components"]
    assert found["garden:state"] == {"platform": "sensor"}
    assert found["porch:state"]["name"] == "Porch state"


def test_retained_topics_of_what_is_gone_are_named_and_all_others_stay() -> None:
    kept = [
        "edgedet/pi/availability",
        "edgedet/pi/health",
        "edgedet/pi/porch/state",
        "edgedet/pi/porch/objects/dog",
        "edgedet/pi/porch/objects/person/active",
        "edgedet/pi/porch/zones/drive/all",
        "edgedet/pi/porch/lines/gate/in",
        "edgedet/pi/porch/snapshot/person",
        "homeassistant/device/edgedet_pi/config",
    ]
    gone = [
        "edgedet/pi/garden/state",
        "edgedet/pi/garden/objects/person",
        "edgedet/pi/porch/zones/lawn/person",
        "edgedet/pi/porch/lines/fence/in",
        "edgedet/old-name/availability",
        "homeassistant/device/edgedet_old-name/config",
    ]
    assert departed([*kept, *gone], PI) == tuple(gone)


def test_counts_that_come_with_their_first_object_are_not_left_from_an_earlier_run() -> None:
    lasting = [
        "edgedet/pi/porch/objects/all",
        "edgedet/pi/porch/objects/traffic_light",
        "edgedet/pi/porch/objects/person/active",
        "edgedet/pi/porch/zones/drive/car",
        "edgedet/pi/porch/zones/drive/all",
        "edgedet/pi/porch/lines/gate/in",
        "edgedet/pi/porch/state",
        "edgedet/pi/health",
    ]
    stale = [
        "edgedet/pi/porch/objects/dog",
        "edgedet/pi/porch/objects/dog/active",
        "edgedet/pi/porch/zones/drive/person",
    ]
    assert stale_counts([*lasting, *stale], PI) == tuple(stale)


def test_snapshots_that_were_switched_off_and_a_discovery_that_was_go_too() -> None:
    dark = replace(PI, cameras=(replace(PORCH, snapshots=False),))
    before = ("edgedet/pi/porch/snapshot/person", "homeassistant/device/edgedet_pi/config")
    assert departed(before, dark, announced=False) == before


def test_a_device_whose_name_begins_like_another_one_s_is_another_one() -> None:
    assert departed(["edgedet/pi2/porch/state"], PI) == ("edgedet/pi2/porch/state",)


def test_states_can_be_sent_once_more_though_the_broker_has_them() -> None:
    outbox = Outbox()
    outbox.put_state("a", b"1")
    assert outbox.next() is not None
    outbox.put_state("a", b"1")
    assert outbox.next() is None
    outbox.repeat_states()
    again = outbox.next()
    assert again is not None
    assert (again.topic, again.payload) == ("a", b"1")
