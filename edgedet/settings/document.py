"""A YAML file as plain data, with the place of every key and value: the ground on which errors name line and column.

YAML 1.2, one document, no tags, at most 256 KiB. `${NAME}` in a value is taken from the environment; `$${` stands for
a plain `${`. The file is read node by node and not constructed, so that nothing in it can make an object.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import Node

from edgedet.errors import ConfigError
from edgedet.settings.nodes import Builder
from edgedet.settings.places import MAX_DEPTH, KeyPath, Mark, Place, Plain, Problem, refuse

MAX_BYTES = 256 * 1024

_UNREADABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Document:
    """What a file says, before anybody asked what it means."""

    file: Path
    text: str
    data: dict[str, Plain]
    places: Mapping[KeyPath, Place]
    problems: tuple[Problem, ...] = ()
    """What is wrong already, so that it can be told together with what the schema finds."""

    def value_mark(self, path: KeyPath) -> Mark:
        """Where the value of `path` is; for a value that is not in the file, the nearest thing that holds it."""
        while path:
            if path in self.places:
                return self.places[path].value
            path = path[:-1]
            if path in self.places:
                return self.places[path].key
        return Mark(1, 1)

    def key_mark(self, path: KeyPath) -> Mark:
        """Where the key of `path` is, or the nearest key above it."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places[path].key if path else Mark(1, 1)


def read_document(file: Path, environment: Mapping[str, str]) -> Document:
    """Read `file` and put in what it takes from `environment`.

    A key that stands twice or a variable that is not set is among the `problems` of the document.

    Raises:
        ConfigError: it cannot be read, or is no YAML.
    """
    text = _read_text(file)
    root = _compose(file, text)
    builder = Builder(text, environment)
    data = builder.build(root, (), None, ()) if root is not None else {}
    if isinstance(data, dict):
        return Document(file, text, data, builder.places, tuple(builder.problems))
    builder.complain(Mark(1, 1), (), "the file holds no `key: value` lines; it begins with `version: 1`")
    raise refuse(file, builder.problems)


def _read_text(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        hint = "name one with -c FILE, or start from the config/edgedet.yaml that comes with edgedet"
        raise ConfigError(f"{file}: there is no such configuration file", hint=hint) from None
    except PermissionError:
        # Readable for the daemon's group alone, since it may hold passwords.
        hint = f"run the command again with sudo, or let user {os.geteuid()} read the file and its folder"
        raise ConfigError(f"{file}: this user may not read it", hint=hint) from None
    except IsADirectoryError:
        # An empty name is the current folder, as a path: -c "$FILE" of a variable that is not set.
        what = f"{file}: a folder" if file.parts else "an empty name (or the current folder)"
        raise ConfigError(f"{what} is no configuration", hint="name the YAML file with -c FILE") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ConfigError(f"{file}: cannot be read: {reason}", hint="give a readable YAML file") from None
    if len(raw) > MAX_BYTES:
        message = f"larger than {MAX_BYTES // 1024} KiB; this is no configuration of edgedet"
        raise refuse(file, [Problem(Mark(1, 1), (), message)])
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8", "replace").removeprefix("\ufeff")
        message = f"byte 0x{raw[error.start]:02x} is not UTF-8; save the file as UTF-8"
        raise refuse(file, [Problem(_mark_at(before), (), message)]) from None
    if bad := _UNREADABLE.search(text):
        message = f"character U+{ord(bad.group()):04X} cannot stand in YAML; remove it"
        raise refuse(file, [Problem(_mark_at(text[: bad.start()]), (), message)])
    return text


def _mark_at(before: str) -> Mark:
    lines = re.split("\r\n|\r|\n", before)
    return Mark(len(lines), len(lines[-1]) + 1)


def _compose(file: Path, text: str) -> Node | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an anchor that is used again is legal in YAML 1.2
            root: Node | None = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Mark(mark.line + 1, mark.column + 1) if mark else Mark(1, 1)
        line = text.splitlines()[mark.line] if mark and mark.line < len(text.splitlines()) else ""
        raise refuse(file, [Problem(place, (), _explain(error, line))]) from None
    except RecursionError:
        message = f"nested deeper than {MAX_DEPTH} levels; nothing in a configuration is"
        raise refuse(file, [Problem(Mark(1, 1), (), message)]) from None
    except (YAMLError, ValueError, LookupError, AttributeError, TypeError, AssertionError) as error:
        # the pure-Python parser lets some of these through on broken directives and escapes
        raise refuse(file, [Problem(Mark(1, 1), (), f"this is no YAML: {error}")]) from None
    return root


def _explain(error: MarkedYAMLError, line: str) -> str:
    problem, context = str(error.problem or ""), str(error.context or "")
    if "'\\t'" in problem:
        return "a tab; YAML is indented with spaces"
    if "undefined alias" in problem:
        return f"{problem}; define it above with &"
    if "${" in line and "flow" in context:
        return 'inside [ ] and { } a variable needs quotes: "${NAME}"'
    if "another document" in problem:
        return "a second document begins here (`---`); one file holds one configuration"
    if "mapping values are not allowed" in problem:
        return "a second `: ` in one line; put the value in quotes, or mend the indentation"
    if "cannot start any token" in problem:
        return f"{problem}; put the value in quotes"
    if error.context_mark and context:
        context = f" ({context} that begins in line {error.context_mark.line + 1})"
    return f"this is no YAML: {problem}{context}; look at indentation, brackets and quotes"
