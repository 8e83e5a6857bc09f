"""What `health` is told of the Edge TPU, and which files of a model are used."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from edgedet.accelerators.devices import EdgeTpu
from edgedet.app.answering import detector_facts, files_of
from edgedet.app.preference import Files, files_for
from edgedet.errors import AcceleratorError, ModelUnsuited, UsageError
from edgedet.health import DetectorFacts
from edgedet.settings import DetectorSettings, ModelChoice
from edgedet.settings.model_choice import BUNDLED_MODEL, choice_of_path
from edgedet.workers.states import DetectorState, Phase
from software_edgetpu.compiled import compiled_from

BOTH, CPU_ONLY = DetectorSettings(), DetectorSettings(accelerators=("cpu",))
ON_CPU = DetectorState(Phase.UP, "cpu", 0, "", 1)
ON_EDGETPU = DetectorState(Phase.UP, "edgetpu", 0, "", 1)
HUNG = AcceleratorError("the Edge TPU's worker was killed: no answer", hint="It is tried again.", code="edgetpu_hung")


@pytest.fixture
def choice(tmp_path: Path) -> ModelChoice:
    plain = Path(shutil.copy(BUNDLED_MODEL, tmp_path / "m.tflite"))
    compiled_from(plain, tmp_path / "m_edgetpu.tflite")
    return choice_of_path(plain)


@pytest.fixture
def files(choice: ModelChoice) -> Files:
    found = files_of(BOTH, choice)
    assert found is not None
    return found


def only_reason(facts: DetectorFacts) -> tuple[str, str]:
    (reason,) = facts.reasons
    return reason.code, reason.message


def test_both_files_are_used_where_both_accelerators_are_wanted(files: Files) -> None:
    assert files.cpu is not None
    assert files.edgetpu is not None
    assert files.model is files.cpu


def test_a_file_for_an_accelerator_that_is_not_wanted_is_left_alone(choice: ModelChoice) -> None:
    found = files_of(CPU_ONLY, choice)
    assert found is not None
    assert found.edgetpu is None


def test_a_compiled_file_without_names_has_those_of_the_file_that_it_was_compiled_from(choice: ModelChoice) -> None:
    assert choice.edgetpu is not None
    whole = choice.edgetpu.read_bytes()
    # As edgetpu_compiler leaves it: without what the exporter appended.
    choice.edgetpu.write_bytes(whole[: whole.index(b"PK\x03\x04")])
    found = files_of(DetectorSettings(accelerators=("edgetpu",)), choice)
    assert found is not None
    assert found.cpu is None
    assert "person" in found.model.labels


def test_a_model_whose_files_are_not_there_has_none(choice: ModelChoice) -> None:
    for file in choice.files:
        file.unlink()
    assert files_of(BOTH, choice) is None
    assert files_of(BOTH, None) is None


def test_an_edge_tpu_that_answers_is_no_reason_to_complain(files: Files) -> None:
    facts = detector_facts(ON_EDGETPU, files, edgetpu_wanted=True)
    assert (facts.reasons, facts.backend, facts.model) == ((), "edgetpu", "m_edgetpu.tflite")


def test_a_lost_one_is_said_with_who_answers_and_what_to_do(files: Files) -> None:
    state = DetectorState(Phase.UP, "cpu", 3, "", 1, fallbacks=2, doubt=HUNG)
    facts = detector_facts(state, files, edgetpu_wanted=True)
    assert only_reason(facts) == (
        "edgetpu_hung",
        "The Edge TPU's worker was killed: no answer; the CPU answers. It is tried again.",
    )
    assert (facts.model, facts.restarts, facts.fallbacks) == ("m.tflite", 3, 2)


@pytest.mark.parametrize(("alarm", "named"), [(True, True), (False, False), (None, False)])
def test_a_weak_power_supply_is_named_where_the_pi_reports_it(files: Files, alarm: bool | None, named: bool) -> None:
    state = DetectorState(Phase.UP, "cpu", 0, "", 1, doubt=HUNG)
    _, message = only_reason(detector_facts(state, files, edgetpu_wanted=True, undervoltage=alarm))
    assert ("under-voltage" in message) is named


def test_power_is_not_blamed_for_a_wrong_library(files: Files) -> None:
    doubt = AcceleratorError("too old", hint="Install a newer one.", code="edgetpu_runtime_mismatch")
    state = DetectorState(Phase.UP, "cpu", 0, "", 1, doubt=doubt)
    _, message = only_reason(detector_facts(state, files, edgetpu_wanted=True, undervoltage=True))
    assert "under-voltage" not in message


@pytest.mark.parametrize(("speed", "codes"), [(480, ["edgetpu_usb2"]), (5000, []), (None, [])])
def test_a_usb_2_port_is_said_while_the_edge_tpu_answers(files: Files, speed: int | None, codes: list[str]) -> None:
    seen = (EdgeTpu("usb:0", "1-1", Path("/dev/bus/usb/001/002"), usb_mbps=speed),)
    facts = detector_facts(ON_EDGETPU, files, edgetpu_wanted=True, seen=seen)
    assert [reason.code for reason in facts.reasons] == codes


def test_of_two_edge_tpus_the_one_that_goes_on_is_named(files: Files) -> None:
    state = DetectorState(Phase.UP, "edgetpu", 1, "", 1, doubt=HUNG, devices=("usb:1",))
    _, message = only_reason(detector_facts(state, files, edgetpu_wanted=True))
    assert "no answer; usb:1 answers." in message


def test_each_lost_edge_tpu_is_a_reason_of_its_own(files: Files) -> None:
    gone = AcceleratorError("no Edge TPU pci:0", hint="Look at its cable.", code="edgetpu_absent")
    state = DetectorState(Phase.UP, "cpu", 1, "", 1, doubt=HUNG, further_doubts=(gone,))
    facts = detector_facts(state, files, edgetpu_wanted=True)
    assert [reason.code for reason in facts.reasons] == ["edgetpu_hung", "edgetpu_absent"]


def test_who_does_not_want_an_edge_tpu_hears_nothing_of_it(files: Files) -> None:
    assert detector_facts(ON_CPU, Files(files.cpu, None), edgetpu_wanted=False).reasons == ()


def test_detect_prefers_the_edge_tpu_by_either_name_of_the_model(choice: ModelChoice) -> None:
    for path in choice.files:
        found = files_for(path, None, "auto")
        assert (found.cpu is not None, found.edgetpu is not None) == (True, True)


def test_detect_on_the_cpu_takes_the_twin_of_a_compiled_file(choice: ModelChoice) -> None:
    assert choice.edgetpu is not None
    found = files_for(choice.edgetpu, None, "cpu")
    assert found.edgetpu is None
    assert found.model.path == choice.cpu


def test_edgetpu_in_a_name_proves_nothing(tmp_path: Path) -> None:
    named_so = Path(shutil.copy(BUNDLED_MODEL, tmp_path / "x_edgetpu.tflite"))
    found = files_for(named_so, None, "auto")
    assert found.edgetpu is None
    assert found.model.path == named_so
    with pytest.raises(UsageError, match="not compiled for the Edge TPU"):
        files_for(named_so, None, "edgetpu")


def test_a_compiled_file_needs_no_telling_name(tmp_path: Path) -> None:
    compiled = compiled_from(BUNDLED_MODEL, tmp_path / "plain.tflite")
    found = files_for(compiled, None, "auto")
    assert found.cpu is None
    assert found.edgetpu is not None
    with pytest.raises(ModelUnsuited):
        files_for(compiled, None, "cpu")
