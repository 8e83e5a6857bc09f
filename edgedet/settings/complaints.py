"""From pydantic's errors to lines that name the place, say what is wrong in plain words, and what to do."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from edgedet.settings.broker import mask
from edgedet.settings.document import Document
from edgedet.settings.nodes import plain_value
from edgedet.settings.places import KeyPath, Plain, Problem, shorten
from edgedet.settings.wanted import Slot, slot_at

_UNKNOWN = {"extra_forbidden", "unexpected_keyword_argument"}
_MISSING = {"missing", "missing_argument", "missing_keyword_only_argument"}
_TOO_SMALL = {"greater_than", "greater_than_equal"}
_TOO_LARGE = {"less_than", "less_than_equal"}
_SECRET_LENGTH = 4  # shorter values from the environment would be replaced inside ordinary words

ADVICE: dict[str, str] = {
    "cameras": "no camera is configured; add one, such as porch: {source: {type: v4l2, device: /dev/video0}}",
    "source": "the camera has no source; say where its pictures come from, such as "
    "source: {type: v4l2, device: /dev/video0}",
}
"""What to say when these keys are missing."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One of pydantic's errors, at a path of the file."""

    kind: str
    path: KeyPath
    at_key: bool
    """The name itself is wrong, not what stands under it."""
    value: Any
    message: str
    context: dict[str, Any]


def faults_of(error: ValidationError, data: Plain) -> list[Fault]:
    """The errors, those of sources among them, with paths as they are in the file."""
    return list(_flatten(error.errors(include_url=False), (), data))


def owners_of(error: ValidationError, data: Plain) -> dict[KeyPath, type[Any]]:
    """The driver settings classes of the sources that are among the errors, by path."""
    return {
        _real_path(item["loc"], data)[0]: item["ctx"]["owner"]
        for item in error.errors(include_url=False)
        if item["type"] == "source"
    }


def _flatten(errors: Any, prefix: tuple[Any, ...], data: Plain) -> Iterator[Fault]:
    for item in errors:
        context = item.get("ctx", {})
        loc = (*prefix, *item["loc"])
        if item["type"] == "source":
            yield from _flatten(context["errors"], loc, data)
            continue
        path, value = _real_path(loc, data)
        kind, message = item["type"], str(context.get("error", item["msg"]))
        if kind == "at_key":
            path = (*path, context["key"])
        elif kind in _MISSING and isinstance(loc[-1], int):
            kind = "too_short"  # what is missing is no key, but an item of a list of fixed length
        elif kind in _MISSING:
            path = (*path, loc[-1])
        elif item["type"] == "value_error" and isinstance(value, dict):
            # a driver's __post_init__ names the field before its message
            named = re.match(r"(\w+): ", message)
            if named and named.group(1) in value:
                path, message = (*path, named.group(1)), message[named.end() :]
        yield Fault(kind, path, loc[-1:] == ("[key]",), value, context.get("message", message), context)


def _real_path(loc: tuple[Any, ...], data: Plain) -> tuple[KeyPath, Plain]:
    """The part of pydantic's location that is in the file: it also names alternatives of unions."""
    path: KeyPath = ()
    here = data
    for part in loc:
        if (isinstance(here, dict) and part in here) or (
            isinstance(here, list) and isinstance(part, int) and part < len(here)
        ):
            here, path = here[part], (*path, part)
    return path, here


def problems_of(
    faults: list[Fault], document: Document, root: type[BaseModel], owners: dict[KeyPath, type[Any]]
) -> list[Problem]:
    """One problem for each path that has faults: the alternatives of a union fail together."""
    by_path: dict[tuple[KeyPath, bool], list[Fault]] = {}
    for fault in faults:
        by_path.setdefault((fault.path, fault.at_key), []).append(fault)
    secrets = _secrets(document)
    problems = []
    for (path, at_key), group in by_path.items():
        message = mask(_message(group, document, root, owners))
        for value, written in secrets:
            message = message.replace(value, written)
        on_key = at_key or group[0].kind in _UNKNOWN
        mark = document.key_mark(path) if on_key else document.value_mark(path)
        problems.append(Problem(mark, path, message))
    return problems


def _secrets(document: Document) -> list[tuple[str, str]]:
    found = []
    for path, place in document.places.items():
        if place.from_environment:
            value = _real_path(path, document.data)[1]
            if isinstance(value, str) and len(value) >= _SECRET_LENGTH:
                found += [(value, place.written), (value[:40], place.written), (value[:37], place.written)]
    return found


def _message(group: list[Fault], document: Document, root: type[BaseModel], owners: dict[KeyPath, type[Any]]) -> str:
    fault = group[0]
    if fault.kind in _UNKNOWN:
        holder = slot_at(root, fault.path[:-1], owners)
        return _unknown(str(fault.path[-1]), holder)
    slot = slot_at(root, fault.path, owners)
    wanted = slot.words() if slot else ""
    if fault.kind in _MISSING:
        key = str(fault.path[-1])
        return ADVICE.get(key, f"this key is missing; add {key}: with {wanted or 'a value'}")
    own_words = [f for f in group if f.kind in {"at_key", "value_error"}]
    if own_words:
        return own_words[0].message
    written = document.places.get(fault.path)
    shown = written.written if written and written.from_environment else _show(fault.value)
    problem = _wrong(group, shown)
    advice = f"give {wanted}" if wanted else fault.message
    near = _near(fault)
    if near:
        advice = f"did you mean {near}? Give {wanted}"
    elif written and written.quoted and isinstance(plain_value(written.written), int | float):
        advice += ", without quotes"
    return f"{problem}; {advice}"


def _unknown(key: str, holder: Slot | None) -> str:
    if holder is None:
        return "unknown key; remove it"
    if key in holder.reserved():
        return "this key is reserved for a later feature; remove it"
    keys = holder.keys()
    near = difflib.get_close_matches(key.lower().replace("-", "_"), keys, n=1, cutoff=0.6)
    return f"unknown key; did you mean {near[0]}?" if near else f"unknown key; the keys here are {', '.join(keys)}"


def _near(fault: Fault) -> str:
    if fault.kind != "literal_error" or not isinstance(fault.value, str):
        return ""
    choices = re.findall(r"'([^']*)'", str(fault.context.get("expected", "")))
    return next(iter(difflib.get_close_matches(fault.value.lower(), choices, n=1)), "")


def _wrong(group: list[Fault], shown: str) -> str:
    kinds = {fault.kind for fault in group}
    value = group[0].value
    if kinds & _TOO_SMALL:
        return f"{shown} is too small"
    if kinds & _TOO_LARGE:
        return f"{shown} is too large"
    if kinds & {"int_from_float", "int_type"} and isinstance(value, float):
        return f"{shown} is no whole number"
    if kinds & {"too_short", "too_long"}:
        return "1 value here" if len(value) == 1 else f"{len(value)} values here"
    if "literal_error" in kinds and isinstance(value, str):
        return f"{shown} is not known here"
    if "string_pattern_mismatch" in kinds:
        return f"{shown} is none; write usb:0 or pci:0"
    return f"{shown} does not belong here"


def _show(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"the text {shorten(value)}" if value else "an empty text"
    if isinstance(value, dict):
        return "a section"
    return "a list" if isinstance(value, list) else str(value)
