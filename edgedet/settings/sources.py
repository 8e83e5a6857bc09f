"""`source:` of a camera. `type: rtsp` is `edgedet/cameras/rtsp.py`, imported only when a configuration names it.

A driver's settings are a frozen standard-library dataclass, so that its worker needs no pydantic; they are validated
here. A relative path in them (a `Path`, or a field named `path` or `..._file`) starts at the configuration's folder.
"""

from __future__ import annotations

import dataclasses
import difflib
import importlib
import json
from pathlib import Path
from typing import Annotated, Any, Protocol

from pydantic import (
    ConfigDict,
    PlainSerializer,
    PlainValidator,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from edgedet import cameras
from edgedet.settings.broker import mask
from edgedet.settings.section import wrong_at


class SourceSettings(Protocol):
    """The settings of some driver: a frozen dataclass."""

    @property
    def type(self) -> str:
        """Name of the driver's module in `edgedet.cameras`."""


def settings_class(kind: str) -> type[Any]:
    """The settings dataclass of the driver `kind`.

    Raises:
        ValueError: there is no such driver; the message lists those that exist.
        ImportError: the driver needs a library that is not installed.
    """
    names = cameras.available()
    if kind not in names:
        near = difflib.get_close_matches(kind, names, n=1)
        advice = f"did you mean {near[0]}? The names" if near else "the names"
        raise ValueError(f"{kind[:40]!r} is no type of source; {advice} are {', '.join(names)}")
    module = importlib.import_module(f"{cameras.__name__}.{kind}")
    found: type[Any] = module.Settings
    return found


def adapter(settings: type[Any]) -> TypeAdapter[Any]:
    """The strict validator of a driver's settings.

    pydantic takes its strictness from the class itself, which knows nothing of pydantic; so a subclass is validated.
    """
    strict = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
    body = {"__pydantic_config__": strict, "__module__": settings.__module__, "__doc__": settings.__doc__}
    return TypeAdapter(dataclasses.dataclass(frozen=True, slots=True)(type(settings.__name__, (settings,), body)))


def _validate(value: Any, info: ValidationInfo) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return value
    if not isinstance(value, dict):
        raise ValueError("a source is a section; write source: {type: v4l2, device: /dev/video0} or the like")
    kind = value.get("type")
    if not isinstance(kind, str):
        names = ", ".join(cameras.available())
        if "type" in value:
            raise wrong_at("type", f"the type of a source is a name; it is one of {names}")
        raise ValueError(f"the source has no type; add one of {names}")
    try:
        found = settings_class(kind)
    except ValueError as error:
        raise wrong_at("type", str(error)) from None
    except ImportError as error:
        raise wrong_at("type", f"the driver of {kind!r} cannot be loaded here ({error}); install it") from None
    try:
        valid = adapter(found).validate_json(json.dumps(value))
    except ValidationError as error:
        raise PydanticCustomError(
            "source", "{text}", {"text": str(error), "errors": error.errors(include_url=False), "owner": found}
        ) from None
    folder = (info.context or {}).get("folder")
    fields = {f.name: getattr(valid, f.name) for f in dataclasses.fields(found)}
    return found(**{name: _anchor(name, value, folder) for name, value in fields.items()})


def _anchor(name: str, value: Any, folder: Path | None) -> Any:
    is_path = isinstance(value, Path) or (isinstance(value, str) and (name == "path" or name.endswith("_file")))
    if not is_path or folder is None or not str(value) or "://" in str(value):
        return value
    return type(value)(folder / Path(value).expanduser())


def _dump(source: Any) -> dict[str, Any]:
    values = dataclasses.asdict(source)
    return {name: mask(value) if isinstance(value, str) else value for name, value in values.items()}


Source = Annotated[
    SourceSettings,
    PlainValidator(_validate),
    PlainSerializer(_dump),
    WithJsonSchema({"type": "object", "properties": {"type": {"type": "string"}}, "required": ["type"]}),
]
"""The validated settings of the driver that `type` names."""
