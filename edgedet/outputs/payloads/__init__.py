"""What an MQTT message says: these classes are the contract, and their JSON Schemas come from them.

Consumers may meet further keys in a later version and must pass over them. What is not known is null; numbers are
finite. The bytes are made in `edgedet.outputs.encoding`; the tests hold every message against these schemas.

pydantic is imported by `json_schema` alone: the daemon's hot path and `edgedet detect` do without it.
"""

from __future__ import annotations

from typing import Any, Literal

from edgedet.outputs.payloads.detections import DetectionsPayload
from edgedet.outputs.payloads.event import EventPayload
from edgedet.outputs.payloads.head import Head
from edgedet.outputs.payloads.health import HealthPayload
from edgedet.outputs.payloads.result import ResultPayload
from edgedet.outputs.payloads.stats import StatsPayload

__all__ = ["KINDS", "Head", "Kind", "json_schema"]

Kind = Literal["detections", "event", "health", "stats", "result"]
KINDS: tuple[Kind, ...] = ("detections", "event", "health", "stats", "result")

_PAYLOADS: dict[Kind, type[Head]] = {
    "detections": DetectionsPayload,
    "event": EventPayload,
    "health": HealthPayload,
    "stats": StatsPayload,
    "result": ResultPayload,
}


def json_schema(kind: str) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of one kind of payload.

    Raises:
        ValueError: not one of `KINDS`.
    """
    from pydantic import TypeAdapter  # here, not above: costs 60 ms, which only who prints a schema should pay

    payload = {str(name): cls for name, cls in _PAYLOADS.items()}.get(kind)
    if payload is None:
        raise ValueError(f"there is no payload {kind!r}: one of {', '.join(KINDS)}")
    schema = TypeAdapter(payload).json_schema(mode="serialization")
    # pydantic reads attribute docstrings from the class itself, not from its bases.
    schema["properties"].update(TypeAdapter(Head).json_schema(mode="serialization")["properties"])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": f"edgedet {kind}"}
