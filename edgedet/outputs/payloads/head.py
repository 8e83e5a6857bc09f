"""What every JSON payload starts with, and what several of them are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal


@dataclass(frozen=True, slots=True)
class _Between:
    """Bounds of a number in its JSON Schema, by the hook that pydantic looks for: no import of it needed."""

    minimum: float
    maximum: float

    def __get_pydantic_json_schema__(self, core: Any, handler: Any) -> dict[str, Any]:
        schema: dict[str, Any] = handler(core)
        return {**schema, "minimum": self.minimum, "maximum": self.maximum}


Fraction = Annotated[float, _Between(0.0, 1.0)]
BoxCorners = tuple[Fraction, Fraction, Fraction, Fraction]


class Documented:
    """The docstring under a field becomes its description in the JSON Schema."""

    __slots__ = ()
    __pydantic_config__: ClassVar = {"use_attribute_docstrings": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class Head(Documented):
    """What every JSON payload starts with."""

    schema: Literal[1]
    """Version of this layout: goes up when a key changes its meaning or goes away; new keys do not count."""
    device: str
    """Name of the device, as in the topic."""
    ts: str
    """When published: RFC 3339, UTC, milliseconds."""
    boot_id: str
    """The kernel's id of this boot: `mono_ns` of two messages compare only under the same one."""
    mono_ns: int
    """CLOCK_MONOTONIC when published, nanoseconds."""
    time_synced: bool
    """False while nobody has set the device's clock since it booted: `ts` may be far off."""
