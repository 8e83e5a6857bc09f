"""The model: are its files there, do they map to the Edge TPU, and does the CPU run them."""

from __future__ import annotations

import asyncio
import dataclasses
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from edgedet.app import composition
from edgedet.app.model import open_model
from edgedet.doctor import hidden, service_word, unit
from edgedet.doctor.edgetpu import load_once
from edgedet.doctor.finding import Finding, as_asked, as_root, ok, problem, warning
from edgedet.doctor.situation import SERVICE_USER
from edgedet.errors import EdgedetError, ModelError
from edgedet.health import Code
from edgedet.models.catalogue import DEFAULT_MODEL, READY
from edgedet.models.inspection import ModelInfo, inspect
from edgedet.models.layout import identify, warnings
from edgedet.settings import DEFAULT_PATH

if TYPE_CHECKING:
    from edgedet.doctor.situation import Situation
    from edgedet.settings import ModelChoice

SUBJECT = "model"
_READ = 4
_OF_THE_DETECTOR = frozenset({Code.DETECTOR_DOWN, Code.MODEL_MISSING, Code.MODEL_MISMATCH})
"""What the service says that no look at the files, or at the Edge TPU, shows by itself."""


def examine(situation: Situation) -> Iterator[Finding]:
    """Say what is known of the model that the configuration means."""
    if situation.loaded is None:
        yield ok(SUBJECT, "no configuration names one")
        return
    if situation.mistake is not None:
        return  # it is told of as a mistake of the configuration
    if situation.model is None:
        folder = situation.state_dir / "models"
        advice = f"The daemon runs without one and sees nothing. None is named under models:, none is in {folder}."
        yield problem(SUBJECT, "there is no model", advice, _pull(DEFAULT_MODEL, situation))
        return
    choice = situation.model.choice
    wanted = situation.loaded.settings.detector.accelerators
    files = [file for kind, file in (("edgetpu", choice.edgetpu), ("cpu", choice.cpu)) if file and kind in wanted]
    for file in files:
        yield from _file(file, choice.name, situation)
    if choice.labels is not None and (in_a_home := hidden.examine(situation, SUBJECT, choice.labels)) is not None:
        yield in_a_home
    yield from _tried_on_cpu(situation, choice)
    if situation.config == DEFAULT_PATH:
        yield from _told_by_the_service(situation)


def _told_by_the_service(situation: Situation) -> Iterator[Finding]:
    named = service_word.named_of(unit.status(situation), "detector", "")
    if named is not None and named.code in _OF_THE_DETECTOR:
        yield service_word.of_part(SUBJECT, named, situation)


def _pull(name: str, situation: Situation) -> str:
    """Into the state directory of this configuration, which may be the service's."""
    command = f"edgedet models pull {name} -c {shlex.quote(str(situation.config))}"
    return as_root(command) if situation.account.name == SERVICE_USER else command


def _file(file: Path, name: str, situation: Situation) -> Iterator[Finding]:
    account = situation.account
    in_a_home = hidden.examine(situation, SUBJECT, file)
    if in_a_home is not None:
        yield in_a_home
        return
    if not file.is_file():
        ready = file.parent == situation.state_dir / "models" and name in {model.name for model in READY}
        advice = "The daemon waits for it and takes it when it comes; `edgedet models add` takes in one of your own."
        shown = as_asked(f"ls -l {shlex.quote(str(file.parent))}")
        yield problem(SUBJECT, f"{file} is not there", advice, _pull(name, situation) if ready else shown)
        return
    if not account.may(file, _READ):
        opened = as_root(f"chmod a+r {shlex.quote(str(file))}", f"chmod a+x {shlex.quote(str(file.parent))}")
        yield problem(SUBJECT, f"{account.name} may not read {file}", "", opened)
        return
    inspected = as_asked(f"edgedet models inspect {shlex.quote(str(file))}")
    try:
        info = inspect(file)
        notes = warnings(info, identify(info))
    except ModelError as error:
        yield problem(SUBJECT, error.message, error.hint, inspected)
        return
    yield ok(SUBJECT, f"{file.name}: {_mapping(info)}")
    for note in notes:
        yield warning(SUBJECT, note, "", inspected)


def _mapping(info: ModelInfo) -> str:
    size = f"{info.width}x{info.height}"
    if not info.compiled_for_edgetpu:
        return f"{size}, for the CPU"
    return f"{size}, for the Edge TPU, with {info.cpu_operations} operations left to the CPU"


def _tried_on_cpu(situation: Situation, choice: ModelChoice) -> Iterator[Finding]:
    loaded = situation.loaded
    if loaded is None or choice.cpu is None or not choice.cpu.is_file():
        return
    if "cpu" not in loaded.settings.detector.accelerators:
        return
    try:
        model = open_model(choice.cpu, choice.labels)
        spec = composition.detector_spec(loaded.settings.detector, model)
        limit_s = min(spec.load_deadline_s, situation.load_s)
        warm_up_ms = asyncio.run(load_once(dataclasses.replace(spec, instances=1, load_deadline_s=limit_s)))
    except EdgedetError as error:
        inspected = as_asked(f"edgedet models inspect {shlex.quote(str(choice.cpu))}")
        yield problem(SUBJECT, f"the CPU does not run it: {error.message}", error.hint, inspected)
    else:
        yield ok(SUBJECT, f"the CPU runs it: {warm_up_ms:.0f} ms an inference with one instance")
