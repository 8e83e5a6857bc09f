"""Who answers in the daemon: which of a model's files are used on what, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from edgedet.accelerators.devices import EdgeTpu
from edgedet.app import composition
from edgedet.app.model import open_compiled, open_model
from edgedet.app.model_files import ModelFiles
from edgedet.app.preference import Files, with_names_of
from edgedet.errors import AcceleratorError
from edgedet.health import Code, DetectorFacts, Reason
from edgedet.health import DetectorState as Answering
from edgedet.settings.model_choice import is_there
from edgedet.workers.backoff import Backoff
from edgedet.workers.detector import DetectorSpec
from edgedet.workers.edgetpu_keeper import Patience
from edgedet.workers.fallback import PreferringDetector
from edgedet.workers.reset import ResetHelper
from edgedet.workers.states import DetectorState, Phase
from edgedet.workers.supervisor import Answerer, Detector

if TYPE_CHECKING:
    from edgedet.settings import DetectorSettings, ModelChoice

_POWER = frozenset({Code.EDGETPU_LOST, Code.EDGETPU_HUNG, Code.EDGETPU_CRASHED, Code.EDGETPU_ABSENT})
"""What a weak power supply does to an Edge TPU, which draws up to 900 mA."""

_WITH_CPU, _WITHOUT_CPU = Backoff(first_s=1.0, longest_s=600.0), Backoff(first_s=1.0, longest_s=60.0)
"""Pauses between the attempts at an Edge TPU that keeps failing: who is blind without it tries more often."""

_PHASES = {Phase.LOADING: Answering.STARTING, Phase.UP: Answering.ANSWERING, Phase.DOWN: Answering.DOWN}


def files_of(settings: DetectorSettings, choice: ModelChoice | None) -> Files | None:
    """The files that are there and may be used; None: there is none.

    Raises:
        ModelError: one is no detector, or compiled for the other accelerator.
    """
    if choice is None:
        return None
    there = {file for file in choice.files if is_there(file)}
    cpu = edgetpu = None
    if choice.cpu in there and "cpu" in settings.accelerators:
        cpu = open_model(choice.cpu, choice.labels)
    if choice.edgetpu in there and "edgetpu" in settings.accelerators:
        edgetpu = open_compiled(choice.edgetpu, choice.labels)
        if choice.cpu in there and edgetpu.info.metadata.names is None:
            edgetpu = with_names_of(cpu or open_model(choice.cpu, choice.labels), edgetpu)
    return Files(cpu, edgetpu) if cpu or edgetpu else None


def answerer(settings: DetectorSettings, files: ModelFiles, on_change: Callable[[DetectorState], None]) -> Answerer:
    """The worker, or those of every accelerator, that look at frames. A model's second file may come later."""
    model, max_fps = files.files.model, settings.cpu.max_fps
    if settings.accelerators[0] == "cpu" and files.files.cpu is not None:
        return Detector(composition.detector_spec(settings, model), on_change, max_fps=max_fps)

    def edgetpu() -> DetectorSpec:
        compiled, cpu = files.compiled(), files.files.cpu
        return composition.edgetpu_spec(settings, compiled.path, model.view, cpu.path if cpu else None)

    def plain() -> DetectorSpec | None:
        cpu = files.plain() if "cpu" in settings.accelerators else None
        return composition.detector_spec(settings, cpu) if cpu else None

    reset = settings.edgetpu.reset
    return PreferringDetector(
        edgetpu,
        plain,
        on_change,
        cpu_max_fps=max_fps,
        patience=Patience(settings.reprobe_s, _WITH_CPU if "cpu" in settings.accelerators else _WITHOUT_CPU),
        helper=None if reset == "off" else ResetHelper(),
        reset=reset,
    )


def detector_facts(
    state: DetectorState,
    files: Files,
    *,
    edgetpu_wanted: bool,
    seen: tuple[EdgeTpu, ...] = (),
    undervoltage: bool | None = None,
) -> DetectorFacts:
    """What `health` is told.

    Args:
        state: of the workers.
        files: of the model.
        edgetpu_wanted: whether the configuration asks for one.
        seen: the Edge TPUs that the kernel sees.
        undervoltage: whether the Pi says that its power supply is too weak; None: unknown.
    """
    reasons = []
    if state.phase is Phase.DOWN:
        reasons.append(Reason("detector", Code.DETECTOR_DOWN, state.reason))
    doubts = [] if state.doubt is None else [state.doubt, *state.further_doubts]
    reasons += [_doubt(doubt, state, weak_power=bool(undervoltage)) for doubt in doubts]
    if not doubts and edgetpu_wanted and state.backend == "edgetpu":
        slow = [tpu.name for tpu in seen if tpu.slow_port]
        if slow:
            reasons.append(Reason("detector", Code.EDGETPU_USB2, f"{', '.join(slow)}: {Code.EDGETPU_USB2.advice}"))
    used = files.edgetpu if state.backend == "edgetpu" and files.edgetpu else files.model
    return DetectorFacts(
        _PHASES[state.phase], state.backend, used.path.name, state.restarts, state.fallbacks, tuple(reasons)
    )


def _doubt(doubt: AcceleratorError, state: DetectorState, *, weak_power: bool) -> Reason:
    """Why an Edge TPU does not answer, who does, and what to do."""
    goes_on = {"cpu": "the CPU answers", "edgetpu": f"{' and '.join(state.devices)} answers"}
    sentence = "; ".join(part for part in (doubt.message, goes_on.get(state.backend, "")) if part) + "."
    if weak_power and doubt.code in _POWER:
        sentence += " The Pi reports under-voltage: its power supply is too weak."
    return Reason("detector", doubt.code, f"{_capital(sentence)} {doubt.hint}".strip())


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
