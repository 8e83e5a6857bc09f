from __future__ import annotations

import io
import json
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from edgedet.clock import Stamp
from edgedet.health import CameraFacts, CameraState, DetectorFacts, DetectorState, Facts, Reason, reduce
from edgedet.outputs.encoding import encode, encode_detections
from edgedet.outputs.jsonlines import JsonLines, SourcedResult, json_line
from edgedet.outputs.payloads import KINDS, json_schema
from edgedet.service.machine import ProcessFigures, SystemFigures
from edgedet.service.stats import CameraMeter
from edgedet.types import Box, Detection, FrameResult, FrameStamp, Inference

STAMP = Stamp("2026-01-31T12:00:00.123Z", "9bbb6423-1517-4dbf-b888-11ceb2ad1e5c", 5_000_000_000, time_synced=True)
HEAD = {
    "schema": 1,
    "device": "pi",
    "ts": STAMP.ts,
    "boot_id": STAMP.boot_id,
    "mono_ns": STAMP.mono_ns,
    "time_synced": True,
}
PERSON = Detection("person", 0, 0.912345678, Box(0.1, 0.2, 0.30000004, 1.0))

shares = st.floats(0.0, 1.0)
detections = st.builds(
    Detection, st.text(), st.integers(0, 90), shares, st.builds(Box, x1=shares, y1=shares, x2=shares, y2=shares)
)


def result(*found: Detection) -> FrameResult:
    stamp = FrameStamp(seq=42, captured_ns=4_987_500_000, pts_s=1.4, width=1280, height=720)
    return FrameResult(stamp, Inference("cpu", 0.2, 7.25, 0.4), found)


def check(kind: str, payload: bytes) -> dict[str, Any]:
    """Hold a message against its schema and return it."""
    message: dict[str, Any] = json.loads(payload, parse_constant=pytest.fail)
    Draft202012Validator(json_schema(kind)).validate(message)
    return message


def test_detections_say_what_the_contract_says() -> None:
    message = check("detections", encode_detections("pi", STAMP, "porch", result(PERSON)))
    assert message == {
        **HEAD,
        "camera": "porch",
        "frame": 42,
        "width": 1280,
        "height": 720,
        "captured_ns": 4_987_500_000,
        "backend": "cpu",
        "inference_ms": 7.25,
        "latency_ms": 12.5,
        "detections": [
            {
                "label": "person",
                "class_id": 0,
                "score": 0.91235,
                "box": [0.1, 0.2, 0.3, 1.0],
                "track_id": None,
            }
        ],
    }


def test_a_confirmed_track_has_its_number_and_another_has_null() -> None:
    message = check("detections", encode_detections("pi", STAMP, "porch", result(PERSON, PERSON), [7, None]))
    assert [found["track_id"] for found in message["detections"]] == [7, None]


def test_a_frame_without_objects_is_an_empty_list() -> None:
    assert check("detections", encode_detections("pi", STAMP, "porch", result()))["detections"] == []


@given(st.lists(detections, max_size=4))
def test_any_detection_survives_the_way_through_json(found: list[Detection]) -> None:
    message = check("detections", encode_detections("pi", STAMP, "porch", result(*found)))
    assert [entry["label"] for entry in message["detections"]] == [one.label for one in found]
    assert [entry["score"] for entry in message["detections"]] == pytest.approx([one.score for one in found], abs=1e-5)
    line = json.loads(json_line("clip.mp4", result(*found)))
    assert [entry["box"] for entry in line["detections"]] == [entry["box"] for entry in message["detections"]]


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_a_number_that_json_cannot_hold_is_refused(number: float) -> None:
    with pytest.raises(ValueError, match="not finite"):
        encode_detections("pi", STAMP, "porch", result(replace(PERSON, score=number)))
    with pytest.raises(ValueError, match="not JSON compliant"):
        encode("pi", STAMP, {"uptime_s": number})


def test_the_line_of_detect_is_that_of_the_contract() -> None:
    assert json_line("bus.jpg", result(PERSON)) == (
        '{"source":"bus.jpg","frame":42,"pts_s":1.4000,"width":1280,"height":720,"detections":'
        '[{"label":"person","class_id":0,"score":0.91235,"box":[0.10000,0.20000,0.30000,1.00000]}]}\n'
    )


def test_json_lines_are_one_a_frame() -> None:
    stream = io.StringIO()
    lines = JsonLines(stream)
    lines.send(SourcedResult("a.mp4", result()))
    lines.send(SourcedResult("b.mp4", result(PERSON)))
    assert [json.loads(line)["source"] for line in stream.getvalue().splitlines()] == ["a.mp4", "b.mp4"]


@pytest.mark.parametrize("source", ["m\u00fcll 1.jpg", 'a "quoted" one', "tab\t", "no utf-8: \udcff", "line\nbreak"])
def test_any_file_name_stays_on_one_line_that_can_be_written(source: str) -> None:
    line = json_line(source, result())
    assert line.encode().count(b"\n") == 1
    assert json.loads(line)["source"] == source


def test_a_message_that_quotes_a_broken_file_name_can_be_sent() -> None:
    assert json.loads(encode("pi", STAMP, {"message": "no \udcff"}))["message"] == "no \udcff"


def test_health_matches_its_schema() -> None:
    facts = Facts(
        DetectorFacts(DetectorState.ANSWERING, "cpu", "yolov8n", restarts=2),
        {
            "porch": CameraFacts(CameraState.WATCHING, last_frame_at=STAMP.ts),
            "drive": CameraFacts(CameraState.BLIND, Reason("drive", "camera_absent", "no such device")),
        },
        broker=Reason("broker", "broker_unreachable", "no broker"),
    )
    message = check("health", encode("pi", STAMP, reduce(facts, STAMP.ts).body()))
    assert message == {
        **HEAD,
        "state": "degraded",
        "since": STAMP.ts,
        "reasons": [
            {"component": "drive", "code": "camera_absent", "message": "no such device"},
            {"component": "broker", "code": "broker_unreachable", "message": "no broker"},
        ],
        "detector": {"backend": "cpu", "model": "yolov8n", "restarts": 2, "fallbacks": 0},
        "cameras": {
            "porch": {"state": "watching", "last_frame_at": STAMP.ts},
            "drive": {"state": "blind", "last_frame_at": None},
        },
    }


def test_stats_of_a_busy_and_of_a_silent_camera_match_the_schema() -> None:
    busy = CameraMeter()
    for number in range(100):
        busy.processed(number * 50_000_000, inference_ms=7.0, latency_ms=9.0)
    body = {
        "uptime_s": 5.0,
        "versions": {"edgedet": "0.1.0", "libedgetpu": None},
        "cameras": {
            "porch": busy.figures(5_000_000_000, captured_fps=20.0, dropped=3).body(),
            "drive": CameraMeter().figures(5_000_000_000, captured_fps=None, dropped=0).body(),
        },
        "process": ProcessFigures(12.5, None, 2).body(),
        "system": SystemFigures(None, 100.0, 5.0, undervoltage=None, throttled=False, wifi_dbm=-60.0).body(),
        "edgetpu": [{"device": "usb:0", "temp_c": None, "usb_mbps": 5000}],
        "detector": {"respawns": 2, "reloads": 1, "resets": 0, "power_cycles": 0, "probes": 5},
        "mqtt": {"spooled": 0, "dropped": 0, "reconnects": 0},
    }
    message = check("stats", encode("pi", STAMP, body))
    assert message["cameras"]["porch"]["inference_ms"] == {"p50": 7.0, "p95": 7.0, "p99": 7.0}
    assert message["cameras"]["drive"]["processed_fps"] is None


@pytest.mark.parametrize("kind", KINDS)
def test_every_schema_is_a_valid_one_and_describes_its_head(kind: str) -> None:
    schema = json_schema(kind)
    Draft202012Validator.check_schema(schema)
    assert set(HEAD) <= set(schema["required"])
    assert schema["properties"]["ts"]["description"].startswith("When published")


@pytest.mark.parametrize("kind", KINDS)
def test_a_schema_refuses_a_message_without_its_own_keys(kind: str) -> None:
    assert list(Draft202012Validator(json_schema(kind)).iter_errors(HEAD))


def test_an_unknown_kind_is_refused_with_those_that_exist() -> None:
    with pytest.raises(ValueError, match="one of detections, event, health, stats"):
        json_schema("boxes")
