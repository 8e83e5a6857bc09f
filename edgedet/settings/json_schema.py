"""The JSON Schema of the configuration, for editors: titles, descriptions, units, limits and defaults.

Descriptions are the docstrings under the fields, read from the sources when the schema is asked for: pydantic's own
way (`use_attribute_docstrings`) reads them whenever the daemon starts.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import itertools
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from edgedet import cameras
from edgedet.settings.schema import Settings
from edgedet.settings.sources import adapter, settings_class

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_DEFINITIONS = "#/$defs/"


class _Described(GenerateJsonSchema):
    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        return _described(super().model_schema(schema), schema["cls"])

    def dataclass_schema(self, schema: core_schema.DataclassSchema) -> JsonSchemaValue:
        return _described(super().dataclass_schema(schema), schema["cls"])

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        """Names that do not fit their pattern are refused, which JSON Schema does not do by itself."""
        found = super().dict_schema(schema)
        return {**found, "additionalProperties": False} if "patternProperties" in found else found


def config_schema() -> dict[str, Any]:
    """The schema of a configuration file. A source whose driver is not installed here is left open."""
    schema = Settings.model_json_schema(schema_generator=_Described)
    definitions: dict[str, Any] = schema["$defs"]
    for kind in cameras.available():
        try:
            source = settings_class(kind)
        except ImportError:
            definitions[_name(kind)] = {"type": "object", "properties": {"type": {"const": kind}}, "required": ["type"]}
            continue
        found = adapter(source).json_schema(schema_generator=_Described, ref_template=_DEFINITIONS + "{model}")
        definitions |= found.pop("$defs", {})
        found["properties"]["type"] = {"const": kind, "title": "Type", "description": "Name of the driver."}
        found["required"] = ["type", *(key for key in found.get("required", ()) if key != "type")]
        definitions[_name(kind)] = {**found, "title": kind}
    choice = definitions["CameraSettings"]["properties"]["source"]
    description = choice.get("description", "")
    references = {kind: _DEFINITIONS + _name(kind) for kind in cameras.available()}
    definitions["CameraSettings"]["properties"]["source"] = {
        "title": "Source",
        "description": description,
        "discriminator": {"propertyName": "type", "mapping": references},
        "oneOf": [{"$ref": reference} for reference in references.values()],
    }
    return {"$schema": DIALECT, **schema, "title": "edgedet configuration"}


def _name(kind: str) -> str:
    return f"source_{kind}"


def _described(schema: JsonSchemaValue, described: type[Any]) -> JsonSchemaValue:
    """`schema` with the docstrings of the class's fields, and the units of a driver's."""
    texts = _field_docstrings(described)
    units = _units(described)
    aliases = _aliases(described)
    for key, value in schema.get("properties", {}).items():
        if key in units:
            value.setdefault("unit", units[key])
        name = aliases.get(key, key)
        if name in texts and "description" not in value:
            value["description"] = texts[name]
    return schema


def _aliases(described: type[Any]) -> dict[str, str]:
    if not issubclass(described, BaseModel):
        return {}
    return {info.alias: name for name, info in described.model_fields.items() if info.alias}


def _units(described: type[Any]) -> dict[str, str]:
    if issubclass(described, BaseModel) or not dataclasses.is_dataclass(described):
        return {}
    return {f.name: str(f.metadata["unit"]) for f in dataclasses.fields(described) if "unit" in f.metadata}


def _field_docstrings(described: type[Any]) -> dict[str, str]:
    """The string below each annotated field, by the field's name; empty where the source is not to be had."""
    module = inspect.getmodule(described)
    try:
        tree = ast.parse(inspect.getsource(module) if module else "")
    except OSError:
        return {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name == described.__name__:
            return dict(_below(node.body))
    return {}


def _below(body: list[ast.stmt]) -> list[tuple[str, str]]:
    return [
        (field.target.id, inspect.cleandoc(text.value.value))
        for field, text in itertools.pairwise(body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant) and isinstance(text.value.value, str)
    ]
