from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft7Validator, Draft202012Validator

from edgedet.outputs.asyncapi import asyncapi_document
from edgedet.outputs.commands import CommandRefused, read_command
from edgedet.outputs.payloads import KINDS, json_schema
from edgedet.outputs.topics import Topics

DOCUMENT = asyncapi_document()
TOPICS = Topics("pi", "edgedet")


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref" and isinstance(value, str):
                yield value
            else:
                yield from references(value)
    elif isinstance(node, list):
        for item in node:
            yield from references(item)


def resolve(reference: str) -> Any:
    node: Any = DOCUMENT
    for part in reference.removeprefix("#/").split("/"):
        node = node[part]
    return node


def addresses(**names: str) -> set[str]:
    found = set()
    for channel in DOCUMENT["channels"].values():
        address = channel["address"]
        for name in channel["parameters"]:
            address = address.replace(f"{{{name}}}", names[name])
        found.add(address)
    return found


def schema_of(channel: str) -> dict[str, Any]:
    return {**DOCUMENT["components"]["messages"][channel]["payload"], "components": DOCUMENT["components"]}


def test_every_reference_leads_somewhere() -> None:
    found = set(references(DOCUMENT))
    assert len(found) > 30
    assert all(reference.startswith("#/") and resolve(reference) is not None for reference in found)


def test_every_topic_of_the_contract_is_in_it() -> None:
    camera = ("porch", "person")
    assert addresses(
        prefix="edgedet", device="pi", camera="porch", label="person", zone="drive", line="gate", direction="in"
    ) == {
        TOPICS.availability, TOPICS.health, TOPICS.stats, TOPICS.camera_state("porch"), TOPICS.detections("porch"),
        TOPICS.events("porch"), TOPICS.objects(*camera), TOPICS.active_objects(*camera), TOPICS.snapshot(*camera),
        TOPICS.zone("porch", "drive", "person"), TOPICS.line("porch", "gate", "in"),
        TOPICS.setting("porch", "detect"), TOPICS.setting("porch", "min_score"),
        TOPICS.camera_command("porch", "detect"), TOPICS.camera_command("porch", "min_score"),
        TOPICS.device_command("restart_detector"), TOPICS.device_command("snapshot"),
        TOPICS.result("restart_detector"), TOPICS.result("snapshot"),
    }  # fmt: skip


def test_what_edgedet_receives_is_what_it_subscribes_to() -> None:
    received = {
        resolve(operation["channel"]["$ref"])["address"]
        for operation in DOCUMENT["operations"].values()
        if operation["action"] == "receive"
    }
    assert {
        address.format(prefix="edgedet", device="pi", camera="+") for address in received
    } == set(TOPICS.subscriptions())  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_a_payload_says_the_same_here_as_in_its_own_schema(kind: str) -> None:
    alone, here = json_schema(kind), DOCUMENT["components"]["schemas"][kind]
    assert here["properties"].keys() == alone["properties"].keys()
    assert here["required"] == alone["required"]
    Draft7Validator.check_schema({**here, "components": DOCUMENT["components"]})


def test_a_real_message_is_valid_here_and_there() -> None:
    health = {
        "schema": 1, "device": "pi", "ts": "2026-01-01T00:00:00.000Z", "boot_id": "b", "mono_ns": 1,
        "time_synced": True, "state": "blind", "since": "2026-01-01T00:00:00.000Z",
        "reasons": [{"component": "porch", "code": "camera_absent", "message": "No camera."}],
        "detector": {"backend": "cpu", "model": None, "restarts": 0, "fallbacks": 0},
        "cameras": {"porch": {"state": "blind", "last_frame_at": None}},
    }  # fmt: skip
    for sound in (True, False):
        if not sound:
            health["cameras"]["porch"]["state"] = "asleep"  # type: ignore[index]
        assert Draft202012Validator(json_schema("health")).is_valid(health) is sound
        assert Draft7Validator(schema_of("health")).is_valid(health) is sound


@pytest.mark.parametrize(
    ("channel", "verb", "value"),
    [
        ("setMinScore", "min_score", 0.5),
        ("setMinScore", "min_score", 1.5),
        ("setMinScore", "min_score", "0.5"),
        ("restartDetector", "restart_detector", {}),
        ("restartDetector", "restart_detector", {"id": "q"}),
        ("restartDetector", "restart_detector", {"id": "q" * 65}),
        ("restartDetector", "restart_detector", {"path": "/"}),
        ("takeSnapshot", "snapshot", {"camera": "porch", "id": None}),
        ("takeSnapshot", "snapshot", {"id": "q"}),
        ("takeSnapshot", "snapshot", {"camera": 1}),
    ],
)
def test_a_command_is_valid_here_if_and_only_if_it_is_obeyed(channel: str, verb: str, value: object) -> None:
    try:
        read_command("porch", verb, json.dumps(value).encode())
        obeyed = True
    except CommandRefused:
        obeyed = False
    assert Draft7Validator(schema_of(channel)).is_valid(value) is obeyed
