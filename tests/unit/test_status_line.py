"""The daemon's line for `systemctl status`, and what is read from it again."""

from __future__ import annotations

import pytest

from edgedet.app.status_line import Named, Status, read_status_line, status_line
from edgedet.health import (
    CameraFacts,
    CameraState,
    Code,
    DetectorFacts,
    DetectorState,
    Facts,
    Health,
    Reason,
    State,
    reduce,
)

ANSWERING = DetectorFacts(DetectorState.ANSWERING, "edgetpu", "m.tflite")
WATCHING = CameraFacts(CameraState.WATCHING)


def health(detector: DetectorFacts = ANSWERING, broker: Reason | None = None, **cameras: CameraFacts) -> Health:
    return reduce(Facts(detector, cameras or {"porch": WATCHING}, broker), "2026-01-01T00:00:00.000Z")


def test_the_line_says_that_all_is_well_and_how_fast() -> None:
    line = status_line(health(porch=WATCHING, yard=WATCHING), 29.84)
    assert line == "ok: 2 of 2 cameras watching, 29.8 fps on edgetpu"


def test_the_line_names_what_is_not_well() -> None:
    lost = CameraFacts(CameraState.BLIND, Reason("yard", Code.CAMERA_ABSENT, "gone"))
    unreachable = Reason("broker", Code.BROKER_UNREACHABLE, "no answer")
    line = status_line(health(broker=unreachable, porch=WATCHING, yard=lost), 5.0)
    assert (
        line == "degraded: 1 of 2 cameras watching, 5.0 fps on edgetpu; yard: camera_absent; broker: broker_unreachable"
    )


def test_a_blind_daemon_claims_no_rate() -> None:
    down = DetectorFacts(DetectorState.DOWN)
    assert status_line(health(down), 0.0) == "blind: 0 of 1 cameras watching; detector: detector_down"


def test_a_camera_that_is_switched_off_is_not_counted() -> None:
    line = status_line(health(porch=WATCHING, yard=CameraFacts(CameraState.OFF)), None)
    assert line == "ok: 1 of 1 cameras watching"


def test_many_reasons_are_cut_with_their_count() -> None:
    cameras = {
        f"camera{number}": CameraFacts(CameraState.BLIND, Reason(f"camera{number}", Code.CAMERA_ABSENT, "gone"))
        for number in range(5)
    }
    assert status_line(health(ANSWERING, None, **cameras), None).endswith("camera2: camera_absent; 2 more")


@pytest.mark.parametrize(
    ("told", "read"),
    [
        (health(porch=WATCHING), Status(State.OK)),
        (
            health(
                DetectorFacts(DetectorState.DOWN),
                Reason("broker", Code.BROKER_REFUSED, "no"),
                porch=CameraFacts(CameraState.BLIND, Reason("porch", Code.CAMERA_ABSENT, "gone; or never there")),
            ),
            Status(
                State.BLIND,
                (
                    Named("detector", "detector_down"),
                    Named("porch", "camera_absent"),
                    Named("broker", "broker_refused"),
                ),
            ),
        ),
        (
            health(**{f"c{n}": CameraFacts(CameraState.BLIND, Reason(f"c{n}", "odd_code", "?")) for n in range(5)}),
            Status(State.BLIND, tuple(Named(f"c{n}", "odd_code") for n in range(3)), more=2),
        ),
    ],
)
@pytest.mark.parametrize("frames_per_s", [None, 12.3])
def test_the_line_is_read_as_it_was_meant(told: Health, read: Status, frames_per_s: float | None) -> None:
    assert read_status_line(status_line(told, frames_per_s)) == read


@pytest.mark.parametrize(
    "line", ["", "3 cameras", "ended several times; starting in 4 s", "fine: 1 of 1 cameras watching"]
)
def test_another_line_says_nothing_of_how_the_daemon_is(line: str) -> None:
    assert read_status_line(line) is None
