"""What belongs at a key, in words: kind, unit and limits, read off the schema, for the second half of an error."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from edgedet.settings.places import KeyPath

_WORDS: dict[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    Path: "a path",
    type(None): "null",
}
_LIMITS = (("ge", "at least"), ("gt", "above"), ("le", "at most"), ("lt", "below"))
_ENDLESS = 2  # arguments of tuple[X, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Slot:
    """One place of the schema: what may stand there."""

    annotation: Any
    metadata: tuple[Any, ...] = ()
    unit: str = ""

    def members(self) -> Iterator[Slot]:
        """The alternatives of a union, each with what is known of it."""
        origin = get_origin(self.annotation)
        if origin is Annotated:
            inner, *metadata = get_args(self.annotation)
            yield from _slot(inner, metadata, self).members()
        elif origin in {Union, types.UnionType}:
            for member in get_args(self.annotation):
                yield from Slot(member, self.metadata, self.unit).members()
        else:
            yield self

    def keys(self) -> tuple[str, ...]:
        """The keys of the section that belongs here; empty where none does, or any key."""
        return tuple(key for member in self.members() for key in _fields(member.annotation))

    def reserved(self) -> frozenset[str]:
        """Keys of the section that belongs here which are kept for later."""
        found: frozenset[str] = frozenset()
        return found.union(*(getattr(member.annotation, "RESERVED", ()) for member in self.members()))

    def inside(self, part: str | int) -> Slot | None:
        """What belongs at the key or index `part` of this place; None where the schema knows nothing there."""
        for member in self.members():
            arguments = get_args(member.annotation)
            origin = get_origin(member.annotation)
            if isinstance(part, str) and part in (fields := _fields(member.annotation)):
                return fields[part]
            if origin is dict and isinstance(part, str):
                return Slot(arguments[1])
            if origin in {list, tuple} and isinstance(part, int):
                endless = origin is list or (len(arguments) == _ENDLESS and arguments[1] is ...)
                if endless or part < len(arguments):
                    return Slot(arguments[0 if endless else part])
        return None

    def words(self) -> str:
        """Such as `a number (seconds), above 0 and at most 600, or null`."""
        named: list[str] = []
        for member in self.members():
            named += [word for word in _kind(member) if word not in named]
        return (", or " if any("," in word for word in named) else " or ").join(named)

    def empty(self) -> dict[str, Any] | list[Any] | None:
        """What a key means here that is written without a value: an empty section or list; None: null itself."""
        members = [member.annotation for member in self.members()]
        if type(None) in members:
            return None
        for annotation in members:
            if get_origin(annotation) is dict or (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
                return {}
            if get_origin(annotation) is tuple and ... in get_args(annotation):
                return []
        return None


def slot_at(root: type[BaseModel], path: KeyPath, sources: dict[KeyPath, type[Any]]) -> Slot | None:
    """What belongs at `path`; `sources` are the driver settings that stand at some paths."""
    slot: Slot | None = Slot(root)
    for depth, part in enumerate(path, start=1):
        slot = Slot(sources[path[:depth]]) if path[:depth] in sources else slot.inside(part) if slot else None
    return slot


def _slot(annotation: Any, metadata: Any, outer: Slot | None = None) -> Slot:
    gathered: list[Any] = list(outer.metadata) if outer else []
    unit = outer.unit if outer else ""
    for item in metadata:
        gathered += item.metadata if isinstance(item, FieldInfo) else [item]
        if isinstance(item, FieldInfo) and isinstance(item.json_schema_extra, dict):
            unit = str(item.json_schema_extra.get("unit", unit))
    return Slot(annotation, tuple(gathered), unit)


def _fields(annotation: Any) -> dict[str, Slot]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        fields = annotation.model_fields
        return {info.alias or name: _slot(info.annotation, [info]) for name, info in fields.items()}
    if isinstance(annotation, type) and dataclasses.is_dataclass(annotation):
        hints = get_type_hints(annotation, include_extras=True)
        return {f.name: Slot(hints[f.name], unit=f.metadata.get("unit", "")) for f in dataclasses.fields(annotation)}
    return {}


def _kind(slot: Slot) -> list[str]:
    origin, arguments = get_origin(slot.annotation), get_args(slot.annotation)
    if origin is Literal:
        return [" or ".join(str(value) for value in arguments)]
    if origin is tuple and ... not in arguments:
        return [f"a list of {len(arguments)}, each {Slot(arguments[0]).words()}"]
    if origin in {list, tuple}:
        return [f"a list, each {Slot(arguments[0]).words()}"]
    word = _WORDS.get(slot.annotation, "a section of `key: value` lines")
    if slot.annotation not in {int, float}:
        return [word]
    limits = {name: getattr(item, name) for item in slot.metadata for name, _ in _LIMITS if hasattr(item, name)}
    bounds = " and ".join(f"{text} {limits[name]:.12g}" for name, text in _LIMITS if name in limits)
    return [word + (f" ({slot.unit})" if slot.unit else "") + (f", {bounds}" if bounds else "")]
