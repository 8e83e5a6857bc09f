"""What edgedet ships about its configuration: the commented file, the examples, the JSON Schema."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from edgedet import cameras
from edgedet.cameras import picamera2
from edgedet.settings import CameraSettings, Settings, load_settings
from edgedet.settings.json_schema import config_schema

CONFIG = Path(__file__).parents[2] / "config"
SHIPPED = CONFIG / "edgedet.yaml"
EXAMPLES = sorted((CONFIG / "examples").glob("*.yaml"))


def plain(file: Path) -> Any:
    return YAML(typ="safe", pure=True).load(file.read_text())


def keys_of(schema: dict[str, Any], part: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every key that some section of the schema has, with its schema."""
    yield from part.get("properties", {}).items()
    for definition in schema.get("$defs", {}).values():
        yield from definition.get("properties", {}).items()


def test_the_shipped_file_is_the_defaults_key_for_key() -> None:
    loaded = load_settings(SHIPPED, environment={})
    assert loaded.warnings == ()
    defaults = Settings(cameras={"camera": CameraSettings(source=picamera2.Settings())})
    assert loaded.settings == defaults
    assert loaded.settings.model_dump() == defaults.model_dump()


def test_the_shipped_file_writes_out_every_section_that_is_there_by_default() -> None:
    def keys(value: Any, path: str = "") -> set[str]:
        if not isinstance(value, dict):
            return {path}
        return {path}.union(*(keys(inner, f"{path}.{key}") for key, inner in value.items()))

    defaults = Settings(cameras={"camera": CameraSettings(source=picamera2.Settings())}).model_dump(by_alias=True)
    assert keys(plain(SHIPPED)) == keys(defaults)


def test_the_shipped_file_has_every_key_of_the_schema_live_or_in_a_comment() -> None:
    text = SHIPPED.read_text()
    schema = config_schema()
    own = {name: value for name, value in schema["$defs"].items() if not name.startswith("source_")}
    names = {key for key, _ in keys_of({"$defs": own}, schema)}
    assert not [key for key in names if not re.search(rf"^[ #]*{key}:", text, re.MULTILINE)]


def shown_sources() -> dict[str, dict[str, Any]]:
    """The sources that the shipped file has in comments, by their type."""
    text = re.sub(r",(  # .*)?\n    # (?=\w+: )", ", ", SHIPPED.read_text())
    shown = [
        YAML(typ="safe", pure=True).load(each) for each in re.findall(r"^    # source: (\{.*\})", text, re.MULTILINE)
    ]
    return {source["type"]: source for source in shown}


@pytest.mark.parametrize("kind", sorted({*cameras.available()} - {"picamera2"}))
def test_the_shipped_file_has_every_key_of_every_source_with_its_default(kind: str) -> None:
    shown = shown_sources()[kind]
    definition = config_schema()["$defs"][f"source_{kind}"]["properties"]
    defaults = {key: value["default"] for key, value in definition.items() if "default" in value}
    assert shown.keys() == definition.keys()
    assert {key: value for key, value in shown.items() if key in defaults} == defaults
    CameraSettings(source=shown)


def test_the_shipped_file_explains_every_key_in_a_comment() -> None:
    lines = [line for line in SHIPPED.read_text().splitlines() if re.match(r" *[a-z_]+: *[^ {#]", line)]
    obvious = {"ca_file", "username", "enabled", "max_area", "max_ratio"}
    bare = [line for line in lines if "#" not in line and line.split(":")[0].strip() not in obvious]
    assert not bare


def test_the_keys_that_only_a_zone_a_line_or_a_model_has_are_right_as_the_shipped_file_shows_them(
    tmp_path: Path,
) -> None:
    # an example in a comment is set off by two spaces and begins with a key
    lines = [re.sub(r"^( *)#(  +\w+:)", r"\1 \2", line) for line in SHIPPED.read_text().splitlines()]
    lines = [re.sub(r"^( *(?:models|zones|lines):) \{\}", r"\1", line) for line in lines]
    file = tmp_path / "edgedet.yaml"
    file.write_text("\n".join(lines))
    settings = load_settings(file, environment={}).settings
    assert list(settings.models) == ["yolov8n"]
    assert list(settings.cameras["camera"].zones) == ["drive"]
    assert list(settings.cameras["camera"].lines) == ["gate"]


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name)
def test_an_example_is_right(file: Path) -> None:
    assert load_settings(file, environment={}).warnings == ()


@pytest.mark.parametrize("file", [SHIPPED, *EXAMPLES], ids=lambda file: file.name)
def test_the_schema_accepts_what_the_program_accepts(file: Path) -> None:
    schema = config_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert not list(jsonschema.Draft202012Validator(schema).iter_errors(plain(file)))


@pytest.mark.parametrize(
    "mistake",
    [
        {"mqtt": {"ulr": "x"}},
        {"cameras": {}},
        {"cameras": {"a": {"source": {"type": "nothing"}}}},
        {"cameras": {"a": {"source": {"type": "picamera2", "path": "x"}}}},
        {"cameras": {"A!": {"source": {"type": "picamera2"}}}},
        {"cameras": {"a": {"source": {"type": "picamera2"}, "detect": {"fps": 0}}}},
    ],
)
def test_the_schema_refuses_mistakes(mistake: dict[str, Any]) -> None:
    right = {"version": 1, "cameras": {"a": {"source": {"type": "picamera2"}}}}
    validator = jsonschema.Draft202012Validator(config_schema())
    assert validator.is_valid(right)
    assert not validator.is_valid(right | mistake)


def test_the_schema_tells_title_description_unit_and_default() -> None:
    detect = config_schema()["$defs"]["DetectSettings"]["properties"]["fps"]
    assert detect == {
        "title": "Fps",
        "description": "At most so many frames a second are looked at; the newest wins.",
        "type": "number",
        "unit": "frames a second",
        "exclusiveMinimum": 0.0,
        "maximum": 240.0,
        "default": 5.0,
    }


def test_every_key_of_the_schema_has_a_description() -> None:
    schema = config_schema()
    schema["$defs"] = {name: value for name, value in schema["$defs"].items() if name.endswith(("Settings", "Files"))}
    bare = [
        key
        for key, value in keys_of(schema, schema)
        if not value.get("description") and not schema["$defs"].get(value.get("$ref", "/").rsplit("/", 1)[1])
    ]
    assert not bare


def test_the_schema_knows_every_source_by_its_type() -> None:
    schema = config_schema()
    source = schema["$defs"]["CameraSettings"]["properties"]["source"]
    assert set(source["discriminator"]["mapping"]) == set(cameras.available())
    for kind, reference in source["discriminator"]["mapping"].items():
        assert schema["$defs"][reference.rsplit("/", 1)[1]]["properties"]["type"]["const"] == kind
