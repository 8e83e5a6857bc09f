"""The pages on topics say what the program does."""

from __future__ import annotations

import json
import re
from pathlib import Path

from edgedet.outputs.asyncapi import asyncapi_document
from edgedet.outputs.commands import ALLOWANCES, MAX_BYTES
from edgedet.outputs.payloads import KINDS

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "mqtt.md").read_text()


def tabled_topics(page: str) -> set[str]:
    """Topics in the first column of the tables."""
    cells = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    return {topic for cell in cells for topic in re.findall(r"`([^`]+)`", cell)}


def own_topics() -> set[str]:
    """Topics of the AsyncAPI document, below the device."""
    found = set()
    for channel in asyncapi_document()["channels"].values():
        below = channel["address"].removeprefix("{prefix}/{device}/")
        named = re.sub(r"\{(\w+)\}", r"<\1>", below)
        found |= {named.replace("<direction>", way) for way in ("in", "out")}
    return found


def test_the_page_has_every_topic_and_no_other() -> None:
    answers = {"cmd/restart_detector/result", "cmd/snapshot/result"}
    assert tabled_topics(PAGE) == own_topics() - answers
    assert all(answer in PAGE for answer in answers)


def test_the_page_names_every_schema() -> None:
    assert f"edgedet schema {' | '.join(KINDS)}" in PAGE


def test_the_page_says_how_much_is_obeyed() -> None:
    setting, snapshot, restart = (ALLOWANCES[verb] for verb in ("detect", "snapshot", "restart_detector"))
    assert ALLOWANCES["min_score"] == setting
    assert f"{setting.burst} at once and then {setting.per_s:g} a second" in PAGE
    assert f"`snapshot` {snapshot.burst} and {snapshot.per_s:g}" in PAGE
    assert f"`restart_detector` {restart.burst} and one in ten seconds" in " ".join(PAGE.split())
    assert restart.per_s == 0.1
    assert f"longer than {MAX_BYTES} bytes" in PAGE


def test_the_flow_for_node_red_is_whole() -> None:
    (flow,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    nodes = {node["id"]: node for node in json.loads(flow)}
    wired = {target for node in nodes.values() for wire in node.get("wires", []) for target in wire}
    assert wired <= nodes.keys()
    assert {node["broker"] for node in nodes.values() if node["type"] == "mqtt in"} <= nodes.keys()


def test_pages_lead_to_pages_that_exist() -> None:
    for name in ("mqtt.md", "home-assistant.md", "security.md"):
        for target in re.findall(r"\]\(([\w./-]+)\)", (DOCS / name).read_text()):
            assert (DOCS / target).exists(), f"{name} leads to {target}"
