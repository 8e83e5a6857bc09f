"""Who answers in the daemon: which of a model's files are used on what, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from edgedet.accelerators.devices import EdgeTpu
from edgedet.app import composition
from edgedet.app.model import open_compiled, open_model
from edgedet.app.preference import Files
from edgedet.health import Code, DetectorFacts, Reason
from edgedet.health import DetectorState as Answering
from edgedet.workers.fallback import PreferringDetector
from edgedet.workers.supervisor import Answerer, Detector, DetectorState, Phase

if TYPE_CHECKING:
    from edgedet.settings import DetectorSettings, ModelChoice

_POWER = frozenset({Code.EDGETPU_LOST, Code.EDGETPU_HUNG, Code.EDGETPU_CRASHED, Code.EDGETPU_ABSENT})
"""What a weak power supply does to an Edge TPU, which draws up to 900 mA."""

_PHASES = {Phase.LOADING: Answering.STARTING, Phase.UP: Answering.ANSWERING, Phase.DOWN: Answering.DOWN}


def files_of(settings: DetectorSettings, choice: ModelChoice | None) -> Files | None:
    """The files that are there and may be used; None: there is none.

    Raises:
        ModelError: one is no detector, or compiled for the other accelerator.
    """
    if choice is None:
        return None
    there = {file for file in choice.files if file.is_file()}
    cpu = edgetpu = None
    if choice.cpu in there and "cpu" in settings.accelerators:
        cpu = open_model(choice.cpu, choice.labels)
    if choice.edgetpu in there and "edgetpu" in settings.accelerators:
        edgetpu = open_compiled(choice.edgetpu, choice.labels)
    return Files(cpu, edgetpu) if cpu or edgetpu else None


def answerer(
    settings: DetectorSettings, choice: ModelChoice | None, files: Files, on_change: Callable[[DetectorState], None]
) -> Answerer:
    """The worker, or the two, that look at frames. The Edge TPU's file may still be on its way."""
    view, max_fps = files.model.view, settings.cpu.max_fps
    compiled = choice.edgetpu if choice and settings.accelerators[0] == "edgetpu" else None
    if files.cpu is None and files.edgetpu is not None:
        return Detector(composition.edgetpu_spec(settings, files.edgetpu.path, view, None), on_change)
    cpu = composition.detector_spec(settings, files.model)
    if compiled is None:
        return Detector(cpu, on_change, max_fps=max_fps)
    edgetpu = partial(composition.edgetpu_spec, settings, compiled, view, cpu.model)
    return PreferringDetector(edgetpu, cpu, on_change, reprobe_s=settings.reprobe_s, cpu_max_fps=max_fps)


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
    if state.doubt is not None:
        parts = [state.doubt.message, "the CPU answers" if state.backend == "cpu" else ""]
        sentence = "; ".join(part for part in parts if part) + "."
        if undervoltage and state.doubt.code in _POWER:
            sentence += " The Pi reports under-voltage: its power supply is too weak."
        reasons.append(Reason("detector", state.doubt.code, f"{_capital(sentence)} {state.doubt.hint}".strip()))
    elif edgetpu_wanted and state.backend == "edgetpu":
        slow = [tpu.name for tpu in seen if tpu.slow_port]
        if slow:
            reasons.append(Reason("detector", Code.EDGETPU_USB2, f"{', '.join(slow)}: {Code.EDGETPU_USB2.advice}"))
    elif edgetpu_wanted and files.edgetpu is None and state.backend == "cpu":
        name = files.model.path
        message = f"There is no {name.stem}_edgetpu{name.suffix}, so the CPU answers; accelerators: [cpu] makes it so."
        reasons.append(Reason("detector", Code.EDGETPU_ABSENT, message))
    used = files.edgetpu if state.backend == "edgetpu" and files.edgetpu else files.model
    return DetectorFacts(
        _PHASES[state.phase], state.backend, used.path.name, state.restarts, state.fallbacks, tuple(reasons)
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
