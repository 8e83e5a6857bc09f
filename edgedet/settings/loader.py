"""From a file to settings, or to an error that says where the file is wrong."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from edgedet.errors import ConfigError
from edgedet.settings.complaints import Fault, faults_of, owners_of, problems_of
from edgedet.settings.document import Document, read_document
from edgedet.settings.model_choice import ModelChoice, resolve_model
from edgedet.settings.nodes import plain_value
from edgedet.settings.places import KeyPath, Plain, Problem, refuse
from edgedet.settings.renames import RENAMES, Rename, apply_renames, migrate_text
from edgedet.settings.schema import VERSION, Settings
from edgedet.settings.secrecy import exposed_passwords
from edgedet.settings.wanted import Slot


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration that is valid, and what a careful reader should be told about it."""

    settings: Settings
    warnings: tuple[str, ...]
    """One line each, `file:line:column: key: what; what to do`."""
    document: Document

    def complaint(self, key: KeyPath, message: str) -> ConfigError:
        """The error for something that turned out wrong later, such as a model that is no detector, at its place."""
        return refuse(self.document.file, [Problem(self.document.value_mark(key), key, message)])

    def remark(self, key: KeyPath, message: str) -> str:
        """The same as a line for a warning."""
        return Problem(self.document.value_mark(key), key, message).line(self.document.file)

    def resolve_model(self, state_dir: Path) -> ModelChoice | None:
        """The model that is meant; see `edgedet.settings.model_choice.resolve_model`.

        Raises:
            ConfigError: auto, and there are several, with the place in the file.
        """
        try:
            return resolve_model(self.settings, state_dir)
        except ConfigError as error:
            message = error.message.removeprefix("detector.model: ")
            raise self.complaint(("detector", "model"), f"{message}; {error.hint}") from None


def load_settings(
    path: Path, *, environment: Mapping[str, str] | None = None, renames: tuple[Rename, ...] = RENAMES
) -> Loaded:
    """Read, check and complete the configuration in `path`. Opens no device and none of the files that it names.

    `environment` is where `${NAME}` is looked up; None: the process's own.

    Raises:
        ConfigError: the file is missing or wrong, or it holds a password and other users can read it. Each line of the
            message is one problem.
    """
    document = read_document(path, os.environ if environment is None else environment)
    document, notes, errors = apply_renames(document, renames)
    if "version" not in document.data:
        notes.append(
            Problem(document.key_mark(()), ("version",), f"missing, {VERSION} is assumed; add version: {VERSION}")
        )
    elif document.data["version"] != VERSION and isinstance(document.data["version"], int):
        message = f"this edgedet reads version {VERSION}; update edgedet, or write version: {VERSION}"
        raise refuse(path, [Problem(document.value_mark(("version",)), ("version",), message)])
    if errors:
        raise refuse(path, [*document.problems, *errors])
    settings = _validate(document)
    if exposed := exposed_passwords(document):
        raise refuse(path, exposed)
    notes += _second_thoughts(settings, document)
    lines = [note.line(path) for note in sorted(notes, key=lambda note: note.mark)]
    return Loaded(settings, tuple(lines), document)


def migrate(path: Path, *, renames: tuple[Rename, ...] = RENAMES) -> str:
    """The text of `path` in today's form, comments and layout kept. The file itself is not changed.

    Raises:
        ConfigError: the file is missing or wrong.
    """
    loaded = load_settings(path, renames=renames)
    original = read_document(path, os.environ)
    return migrate_text(original, renames) if loaded.warnings else original.text


def _validate(document: Document) -> Settings:
    data = _filled(document.data, Slot(Settings))
    found = _checked(document, data)
    if isinstance(found, ValidationError):
        # one more attempt, with numbers in place of texts from the environment where text was refused
        data = _replaced(data, _numbers_from_environment(faults_of(found, data), document))
        found = _checked(document, data)
    problems = list(document.problems)
    if isinstance(found, ValidationError):
        told = {problem.key for problem in problems}
        wrong = problems_of(faults_of(found, data), document, Settings, owners_of(found, data))
        problems += [problem for problem in wrong if problem.key not in told]
    if problems or isinstance(found, ValidationError):
        raise refuse(document.file, problems)
    return found


def _checked(document: Document, data: dict[str, Plain]) -> Settings | ValidationError:
    context = {"folder": document.file.absolute().parent}
    try:
        # as JSON, because pydantic's strict mode takes lists for tuples and text for paths only from there
        return Settings.model_validate_json(json.dumps(data), context=context)
    except ValidationError as error:
        return error


def _filled(data: dict[str, Plain], slot: Slot) -> dict[str, Plain]:
    """`data` with sections in place of null where every key of a section is commented out."""
    filled: dict[str, Plain] = {}
    for key, value in data.items():
        inner = slot.inside(key)
        if inner is None:
            filled[key] = value
        elif value is None:
            filled[key] = inner.empty()
        else:
            filled[key] = _filled(value, inner) if isinstance(value, dict) else value
    return filled


def _numbers_from_environment(faults: list[Fault], document: Document) -> dict[KeyPath, Plain]:
    """What `${NAME}` means where text is refused: a number, a boolean, null."""
    found: dict[KeyPath, Plain] = {}
    for fault in faults:
        place = document.places.get(fault.path)
        if place and place.from_environment and isinstance(fault.value, str):
            value = plain_value(fault.value)
            if not isinstance(value, str):
                found[fault.path] = value
    return found


def _replaced(data: dict[str, Plain], values: Mapping[KeyPath, Plain]) -> dict[str, Plain]:
    def walk(here: Plain, path: KeyPath) -> Plain:
        if path in values:
            return values[path]
        if isinstance(here, dict):
            return {key: walk(value, (*path, key)) for key, value in here.items()}
        return [walk(value, (*path, n)) for n, value in enumerate(here)] if isinstance(here, list) else here

    return {key: walk(value, (key,)) for key, value in data.items()}


def _second_thoughts(settings: Settings, document: Document) -> list[Problem]:
    """What is allowed and yet hardly meant."""
    notes = []
    tls = ("mqtt", "tls")
    if (
        not settings.mqtt.url.tls
        and settings.mqtt.tls.model_fields_set
        and settings.mqtt.tls != type(settings.mqtt.tls)()
    ):
        notes.append(Problem(document.key_mark(tls), tls, "has no effect with mqtt://; write mqtts:// in mqtt.url"))
    if settings.mqtt.tls.insecure_skip_verify and settings.mqtt.url.tls:
        key = (*tls, "insecure_skip_verify")
        notes.append(Problem(document.value_mark(key), key, "any machine can pose as the broker; better give ca_file"))
    for name, camera in settings.cameras.items():
        looked_for = camera.detect.labels
        for kind, areas in (("zones", camera.zones), ("lines", camera.lines)):
            for area, section in areas.items():
                for n, label in enumerate(section.labels or ()):
                    if looked_for is not None and label not in looked_for:
                        where = ("cameras", name, kind, area, "labels", n)
                        text = f"{label!r} is not among the camera's detect.labels and is never seen; add it there"
                        notes.append(Problem(document.value_mark(where), where, text))
    return notes
