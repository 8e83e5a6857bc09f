"""Keys that have another name today. The old one is accepted with a warning for one major version."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from edgedet.settings.document import Document
from edgedet.settings.places import KeyPath, Mark, Place, Plain, Problem


@dataclass(frozen=True, slots=True)
class Rename:
    """One key that moved within its section."""

    section: tuple[str, ...]
    """Path of the section; `*` stands for any one key (the name of a camera, of a zone)."""
    old: str
    new: str


RENAMES: tuple[Rename, ...] = ()
"""None yet."""


def apply_renames(document: Document, renames: tuple[Rename, ...]) -> tuple[Document, list[Problem], list[Problem]]:
    """The document under today's names, a warning for each old one, and errors where both names stand."""
    warnings: list[Problem] = []
    errors: list[Problem] = []
    for rename in renames:
        for path in list(_sections(document.data, rename.section, ())):
            old, new = (*path, rename.old), (*path, rename.new)
            if old not in document.places:
                continue
            mark = document.key_mark(old)
            if new in document.places:
                errors.append(Problem(mark, old, f"this is {rename.new} today, which stands here too; remove this one"))
                continue
            advice = f"this is {rename.new} today; rename it (edgedet check --migrate does)"
            warnings.append(Problem(mark, old, advice))
            document = _moved(document, old, new)
    return document, warnings, errors


def _sections(data: Plain, pattern: tuple[str, ...], path: KeyPath) -> Iterator[KeyPath]:
    if not isinstance(data, dict):
        return
    if not pattern:
        yield path
        return
    for key in data if pattern[0] == "*" else [pattern[0]]:
        if key in data:
            yield from _sections(data[key], pattern[1:], (*path, key))


def _moved(document: Document, old: KeyPath, new: KeyPath) -> Document:
    def move(here: Plain, path: KeyPath) -> Plain:
        if not isinstance(here, dict) or not path:
            return here
        renamed = {old[-1]: new[-1]} if len(path) == 1 else {}
        return {
            str(renamed.get(key, key)): move(value, path[1:]) if key == path[0] else value
            for key, value in here.items()
        }

    data = move(document.data, old)
    places: dict[KeyPath, Place] = {
        (*new, *path[len(old) :]) if path[: len(old)] == old else path: place for path, place in document.places.items()
    }
    return replace(document, data=data if isinstance(data, dict) else {}, places=places)


def migrate_text(document: Document, renames: tuple[Rename, ...]) -> str:
    """The file in today's form. Only what must change is changed: comments, order and layout stay."""
    edits: dict[Mark, tuple[str, str]] = {}
    for rename in renames:
        for path in _sections(document.data, rename.section, ()):
            place = document.places.get((*path, rename.old))
            if place:
                edits[place.key] = (rename.old, rename.new)
    lines = document.text.splitlines(keepends=True)
    for mark in sorted(edits, reverse=True):  # from the end, so that columns in front stay true
        old, new = edits[mark]
        line, start = lines[mark.line - 1], mark.column - 1
        quote = 1 if line[start : start + 1] in {"'", '"'} else 0
        lines[mark.line - 1] = line[:start] + new + line[start + len(old) + 2 * quote :]
    if document.data and "version" not in document.data:
        first = min(place.key for path, place in document.places.items() if len(path) == 1)
        top = document.places[()].value
        if first.column == 1 and first == top:  # a block; a file that is one `{...}` is left as it is
            lines.insert(first.line - 1, "version: 1\n")
    return "".join(lines)
