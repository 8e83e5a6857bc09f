"""`edgedet schema`: what is written into the configuration, and what comes out over MQTT, for programs."""

from __future__ import annotations

import importlib
import importlib.util
import json
from collections.abc import Callable
from typing import Any

import click

_PAYLOADS = "edgedet.outputs.payloads"
_ASYNCAPI = "edgedet.outputs.asyncapi"
_PAYLOAD_KINDS = ("detections", "event", "health", "stats", "result")


def _config() -> dict[str, Any]:
    from edgedet.settings.json_schema import config_schema

    return config_schema()


def _payload(kind: str) -> Callable[[], dict[str, Any]]:
    def build() -> dict[str, Any]:
        schema: dict[str, Any] = importlib.import_module(_PAYLOADS).json_schema(kind)
        return schema

    return build


def _asyncapi() -> dict[str, Any]:
    document: dict[str, Any] = importlib.import_module(_ASYNCAPI).asyncapi_document()
    return document


def _kinds() -> dict[str, Callable[[], dict[str, Any]]]:
    """What can be printed, by name: looks which modules are there, imports none."""
    kinds: dict[str, Callable[[], dict[str, Any]]] = {"config": _config}
    if importlib.util.find_spec(_PAYLOADS):
        kinds |= {kind: _payload(kind) for kind in _PAYLOAD_KINDS}
    if importlib.util.find_spec(_ASYNCAPI):
        kinds["asyncapi"] = _asyncapi
    return kinds


@click.command(
    epilog="\b\nExamples:\n"
    "  edgedet schema config > edgedet.schema.json      for an editor that knows YAML\n"
    "  edgedet schema detections                        to check messages with\n"
)
@click.argument("kind", type=click.Choice(list(_kinds())))
def command(kind: str) -> None:
    """Print the schema of KIND as JSON.

    config: the configuration file. The others: what is published over MQTT (JSON Schema 2020-12).
    """
    click.echo(json.dumps(_kinds()[kind](), indent=2, ensure_ascii=False))
