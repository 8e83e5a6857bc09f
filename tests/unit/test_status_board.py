"""What the board says in the journal: each trouble's begin and end, with its own code."""

from __future__ import annotations

import logging

import pytest

from edgedet.app.status import StatusBoard
from edgedet.clock import Clock
from edgedet.health import CameraFacts, CameraState, Code, DetectorFacts, DetectorState, Reason
from edgedet.service.journal import Kind

HOLDS = Reason("machine", Code.DISK_FULL, "no room")
WEAK = Reason("machine", Code.UNDERVOLTAGE, "4.6 V")


@pytest.fixture
def board(caplog: pytest.LogCaptureFixture) -> StatusBoard:
    caplog.set_level(logging.INFO)
    board = StatusBoard(
        {"porch": CameraFacts(CameraState.WATCHING)}, Clock(), lambda _health: None, lambda _camera, _state: None
    )
    board.detector(DetectorFacts(DetectorState.ANSWERING, "edgetpu"))
    return board


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[Kind, str, str]]:
    """Kind, component and code of the entries since the last look."""
    about = [record.__dict__["edgedet"] for record in caplog.records]
    caplog.clear()
    return [(entry["kind"], entry["component"], entry["code"]) for entry in about]


def test_the_end_of_a_trouble_is_told_while_another_one_of_the_same_part_holds(
    board: StatusBoard, caplog: pytest.LogCaptureFixture
) -> None:
    board.about("machine", HOLDS, WEAK)
    caplog.clear()
    board.about("machine", HOLDS)
    assert told(caplog) == [(Kind.TROUBLE_OVER, "machine", Code.UNDERVOLTAGE)]
    board.about("machine")
    assert told(caplog) == [(Kind.TROUBLE_OVER, "machine", Code.DISK_FULL)]


def test_a_detector_that_answers_again_is_told_while_its_edge_tpu_stays_lost(
    board: StatusBoard, caplog: pytest.LogCaptureFixture
) -> None:
    lost = Reason("detector", Code.EDGETPU_LOST, "gone")
    down = Reason("detector", Code.DETECTOR_DOWN, "nobody answers")
    board.detector(DetectorFacts(DetectorState.DOWN, reasons=(lost, down)))
    caplog.clear()
    board.detector(DetectorFacts(DetectorState.ANSWERING, "cpu", reasons=(lost,)))
    assert told(caplog) == [(Kind.TROUBLE_OVER, "detector", Code.DETECTOR_DOWN)]


def test_what_is_over_is_told_before_what_comes_in_its_place(
    board: StatusBoard, caplog: pytest.LogCaptureFixture
) -> None:
    stalled, absent = (Reason("porch", code, "no frame") for code in (Code.CAMERA_STALLED, Code.CAMERA_ABSENT))
    board.camera("porch", CameraFacts(CameraState.BLIND, stalled))
    caplog.clear()
    board.camera("porch", CameraFacts(CameraState.BLIND, absent))
    assert told(caplog) == [
        (Kind.TROUBLE_OVER, "porch", Code.CAMERA_STALLED),
        (Kind.TROUBLE, "porch", Code.CAMERA_ABSENT),
    ]


def test_the_same_trouble_in_other_words_is_not_over(board: StatusBoard, caplog: pytest.LogCaptureFixture) -> None:
    board.broker(Reason("broker", Code.BROKER_UNREACHABLE, "it is gone"))
    caplog.clear()
    board.broker(Reason("broker", Code.BROKER_UNREACHABLE, "nobody answers"))
    assert told(caplog) == [(Kind.TROUBLE, "broker", Code.BROKER_UNREACHABLE)]
