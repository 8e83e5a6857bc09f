"""What every section of the configuration has in common, and the kinds of values that several of them use."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticCustomError

from edgedet.settings.broker import mask
from edgedet.settings.names import NAME_PATTERN, check_name

MAX_LABEL = 64


class Section(BaseModel):
    """A frozen part of the configuration that refuses what it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    RESERVED: ClassVar[frozenset[str]] = frozenset()
    """Keys that belong to a feature that does not exist yet."""

    def __repr__(self) -> str:
        return mask(super().__repr__())

    def __str__(self) -> str:
        return mask(super().__str__())


def wrong_at(key: str, message: str) -> PydanticCustomError:
    """The error that points at `key` of the section that is being validated, not at the section."""
    return PydanticCustomError("at_key", "{message}", {"key": key, "message": message})


def anchor(path: Path, info: ValidationInfo) -> Path:
    """`path` from the folder of the configuration file, if it is relative; `~` is the user's home.

    Raises:
        ValueError: it is empty, or there is no home.
    """
    if not path.parts:
        raise ValueError("an empty path; write null where none is meant")
    try:
        path = path.expanduser()
    except RuntimeError:
        raise ValueError(f"{str(path)!r}: there is no such home; write the whole path") from None
    folder = (info.context or {}).get("folder")
    return Path(folder) / path if folder else path


def _check_label(label: str) -> str:
    if not label.strip() or len(label) > MAX_LABEL or not label.isprintable():
        raise ValueError(f"{label[:40]!r} is no label; write one of the model's, such as person")
    return label


ConfigPath = Annotated[Path, AfterValidator(anchor)]
"""A path; one that is relative starts at the folder of the configuration file, `~` is the user's home."""

Name = Annotated[str, AfterValidator(check_name), WithJsonSchema({"type": "string", "pattern": NAME_PATTERN})]
"""`[a-z0-9_-]{1,32}`, none of the reserved names."""

Label = Annotated[str, AfterValidator(_check_label)]
"""The name of a class of the model, as the model has it."""

Labels = tuple[Label, ...] | None
"""Names of classes; null: every class."""


def quantity(default: Any, unit: str, **limits: Any) -> Any:
    """A field with a unit, which the schema and the error messages tell, and limits (`ge`, `gt`, `le`, `lt`)."""
    return Field(default, json_schema_extra={"unit": unit}, **limits)
