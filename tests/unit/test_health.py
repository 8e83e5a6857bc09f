from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgedet.health import (
    HOLD_NS,
    CameraFacts,
    CameraState,
    Code,
    DetectorFacts,
    DetectorState,
    Facts,
    HealthReport,
    Reason,
    State,
    reduce,
)

NOON = "2026-01-31T12:00:00.000Z"
LATER = "2026-01-31T12:00:09.000Z"
S = 1_000_000_000

ANSWERING = DetectorFacts(DetectorState.ANSWERING, "edgetpu", "yolov8n")
DOWN = DetectorFacts(DetectorState.DOWN)
WATCHING = CameraFacts(CameraState.WATCHING)
OFF = CameraFacts(CameraState.OFF)
ABSENT = CameraFacts(CameraState.BLIND, Reason("porch", Code.CAMERA_ABSENT, "no such device"))


def codes(facts: Facts) -> list[str]:
    return [str(reason.code) for reason in reduce(facts, NOON).reasons]


def test_a_detector_that_answers_and_cameras_that_watch_are_ok() -> None:
    health = reduce(Facts(ANSWERING, {"porch": WATCHING}), NOON)
    assert (health.state, health.reasons, health.since) == (State.OK, (), NOON)


def test_without_a_detector_every_camera_is_blind_and_the_reason_is_named_once() -> None:
    facts = Facts(DOWN, {"porch": WATCHING, "drive": WATCHING})
    health = reduce(facts, NOON)
    assert health.state is State.BLIND
    assert [camera.state for camera in health.cameras.values()] == [CameraState.BLIND, CameraState.BLIND]
    assert codes(facts) == ["detector_down"]


def test_a_missing_model_explains_itself_and_is_not_doubled_by_detector_down() -> None:
    missing = DetectorFacts(DetectorState.DOWN, reasons=(Reason("detector", Code.MODEL_MISSING, "no file /m.tflite"),))
    facts = Facts(missing, {"porch": WATCHING})
    assert reduce(facts, NOON).state is State.BLIND
    assert codes(facts) == ["model_missing"]


def test_a_hung_edge_tpu_with_nothing_behind_it_says_both_what_and_why() -> None:
    hung = DetectorFacts(DetectorState.DOWN, reasons=(Reason("detector", Code.EDGETPU_HUNG, "killed after 2 s"),))
    assert codes(Facts(hung, {"porch": WATCHING})) == ["edgetpu_hung", "detector_down"]


def test_one_lost_camera_of_two_is_degraded_and_of_one_is_blind() -> None:
    two = reduce(Facts(ANSWERING, {"porch": ABSENT, "drive": WATCHING}), NOON)
    assert two.state is State.DEGRADED
    assert two.cameras["porch"].state is CameraState.BLIND
    assert two.cameras["drive"].state is CameraState.WATCHING
    assert reduce(Facts(ANSWERING, {"porch": ABSENT}), NOON).state is State.BLIND


def test_a_camera_that_waits_for_a_detector_that_is_down_is_blind_and_one_that_is_off_is_off() -> None:
    health = reduce(Facts(DOWN, {"porch": CameraFacts(), "drive": OFF}), NOON)
    assert [camera.state for camera in health.cameras.values()] == [CameraState.BLIND, CameraState.OFF]
    assert health.state is State.BLIND


def test_a_camera_that_is_off_makes_nobody_blind() -> None:
    assert reduce(Facts(ANSWERING, {"porch": OFF, "drive": WATCHING}), NOON).state is State.OK
    assert reduce(Facts(ANSWERING, {"porch": OFF}), NOON).state is State.OK
    assert reduce(Facts(ANSWERING, {"porch": OFF, "drive": ABSENT}), NOON).state is State.BLIND


def test_a_camera_that_is_asked_for_what_the_model_lacks_is_at_best_degraded_or_blind_and_that_is_told() -> None:
    lacks = Reason("porch", Code.MODEL_MISMATCH, "no label 'persn'")
    for at_best, state in ((CameraState.DEGRADED, State.DEGRADED), (CameraState.BLIND, State.BLIND)):
        facts = Facts(ANSWERING, {"porch": WATCHING, "drive": OFF}, system=(lacks,), at_best={"porch": at_best})
        health = reduce(facts, NOON)
        assert (health.cameras["porch"].state, health.state, health.reasons) == (at_best, state, (lacks,))
    # Whatever else is wrong with it is not made better by that.
    lost = Facts(ANSWERING, {"porch": ABSENT}, system=(lacks,), at_best={"porch": CameraState.DEGRADED})
    assert reduce(lost, NOON).cameras["porch"].state is CameraState.BLIND
    assert codes(lost) == ["camera_absent", "model_mismatch"]


def test_before_the_first_answer_cameras_are_starting_and_nobody_claims_to_look() -> None:
    facts = Facts(DetectorFacts(), {"porch": WATCHING})
    health = reduce(facts, NOON)
    assert health.state is State.BLIND
    assert health.cameras["porch"].state is CameraState.STARTING
    assert codes(facts) == ["starting"]


def test_the_fallback_to_the_cpu_is_degraded_but_watches() -> None:
    cpu = DetectorFacts(
        DetectorState.ANSWERING, "cpu", reasons=(Reason("detector", Code.EDGETPU_ABSENT, "none found"),)
    )
    health = reduce(Facts(cpu, {"porch": WATCHING}), NOON)
    assert health.state is State.DEGRADED
    assert health.cameras["porch"].state is CameraState.WATCHING


@pytest.mark.parametrize("where", ["broker", "system"])
def test_trouble_around_the_pipeline_is_degraded_and_never_blind(where: str) -> None:
    reason = Reason(where, Code.BROKER_UNREACHABLE, "no broker")
    facts = (
        Facts(ANSWERING, {"porch": WATCHING}, broker=reason)
        if where == "broker"
        else Facts(ANSWERING, {"porch": WATCHING}, system=(reason,))
    )
    assert reduce(facts, NOON).state is State.DEGRADED


camera_facts = st.sampled_from(CameraState).map(CameraFacts)
facts_of_any_kind = st.builds(
    Facts,
    detector=st.sampled_from(DetectorState).map(DetectorFacts),
    cameras=st.dictionaries(st.sampled_from(["a", "b", "c"]), camera_facts),
    broker=st.none() | st.just(Reason("broker", Code.BROKER_REFUSED, "no")),
)


@given(facts_of_any_kind)
def test_blind_means_exactly_that_no_enabled_camera_looks(facts: Facts) -> None:
    health = reduce(facts, NOON)
    enabled = [camera for camera in health.cameras.values() if camera.state is not CameraState.OFF]
    assert (health.state is State.BLIND) == (bool(enabled) and not any(camera.state.looks for camera in enabled))
    if health.state is State.OK:
        assert facts.broker is None
        assert facts.detector.state is DetectorState.ANSWERING


def test_a_change_after_a_quiet_time_is_published_at_once() -> None:
    report = HealthReport()
    assert report.offer(Facts(ANSWERING, {"porch": WATCHING}), 10 * S, NOON) is not None
    blind = report.offer(Facts(DOWN, {"porch": WATCHING}), 20 * S, LATER)
    assert blind is not None
    assert (blind.state, blind.since) == (State.BLIND, LATER)


def test_nothing_new_is_published_nothing() -> None:
    report = HealthReport()
    report.offer(Facts(ANSWERING, {"porch": CameraFacts(CameraState.WATCHING, last_frame_at=NOON)}), 0, NOON)
    later = Facts(ANSWERING, {"porch": CameraFacts(CameraState.WATCHING, last_frame_at=LATER)})
    assert report.offer(later, 60 * S, LATER) is None
    assert report.due_ns is None


def test_a_state_holds_two_seconds_and_the_next_one_is_due_then() -> None:
    report = HealthReport()
    watching, blind = Facts(ANSWERING, {"porch": WATCHING}), Facts(DOWN, {"porch": WATCHING})
    report.offer(blind, 0, NOON)
    assert report.offer(watching, S, LATER) is None
    assert report.due_ns == HOLD_NS
    published = report.offer(watching, HOLD_NS, "2026-01-31T12:00:10.000Z")
    assert published is not None
    assert (published.state, published.since) == (State.OK, LATER)
    assert report.due_ns is None


def test_what_came_and_went_within_the_hold_is_not_published() -> None:
    report = HealthReport()
    watching, blind = Facts(ANSWERING, {"porch": WATCHING}), Facts(DOWN, {"porch": WATCHING})
    report.offer(watching, 0, NOON)
    assert report.offer(blind, S // 2, NOON) is None
    assert report.offer(watching, S, NOON) is None
    assert report.due_ns is None


def test_a_new_reason_within_a_state_is_published_and_since_stays() -> None:
    report = HealthReport()
    report.offer(Facts(ANSWERING, {"porch": ABSENT, "drive": WATCHING}), 0, NOON)
    refused = Reason("broker", Code.BROKER_REFUSED, "wrong password")
    published = report.offer(Facts(ANSWERING, {"porch": ABSENT, "drive": WATCHING}, refused), 5 * S, LATER)
    assert published is not None
    assert [str(reason.code) for reason in published.reasons] == ["camera_absent", "broker_refused"]
    assert published.since == NOON


@given(st.lists(st.tuples(facts_of_any_kind, st.integers(0, 3 * S)), max_size=30))
def test_no_two_publications_are_closer_than_the_hold(steps: list[tuple[Facts, int]]) -> None:
    report = HealthReport()
    now, published = 0, []
    for facts, wait in steps:
        now += wait
        if report.offer(facts, now, NOON) is not None:
            published.append(now)
    assert all(later - sooner >= HOLD_NS for sooner, later in pairwise(published))


def test_every_code_of_the_contract_is_there_with_a_sentence() -> None:
    contract = """edgetpu_absent edgetpu_lost edgetpu_hung edgetpu_crashed edgetpu_wrong_answers edgetpu_no_permission
        edgetpu_runtime_mismatch edgetpu_usb2 detector_down model_missing model_mismatch camera_absent camera_busy
        camera_stalled camera_crashed camera_frozen camera_dark overloaded broker_unreachable broker_refused spool_full
        disk_full memory_low undervoltage throttled config_rejected"""
    assert set(contract.split()) <= {str(code) for code in Code}
    assert all(code.advice.endswith(".") for code in Code)
