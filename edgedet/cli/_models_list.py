"""`edgedet models list`: what is there, and what can be had."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import click

from edgedet.app.model_store import Places, read_record
from edgedet.cli._models_place import is_not_the_services, state_dir_of
from edgedet.errors import ModelError
from edgedet.models.catalogue import MADE_BY_USER, READY
from edgedet.models.inspection import inspect
from edgedet.settings.model_choice import BUNDLED_MODEL, ModelChoice, choice_of_path, installed_models


@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    state: str
    """`installed`; `bundled`: comes with edgedet; `pull`: can be fetched; `export`: its user makes it."""
    about: str
    licence: str | None
    """None: its user knows."""
    width: int | None
    height: int | None
    files: dict[str, dict[str, str | int]] = field(default_factory=dict)
    """Path and size in bytes of those that are there, by `cpu`, `edgetpu`, `labels`."""


@click.command(name="list", epilog="\b\nExamples:\n  edgedet models list\n  edgedet models list --json")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of the table.")
@click.option(
    "-c",
    "--config",
    type=click.Path(path_type=Path, readable=False),
    help="The configuration whose state_dir is meant.",
)
def list_command(config: Path | None, *, as_json: bool) -> None:
    """Say which models are installed, which one comes along, and which can be had, with size and licence."""
    state = state_dir_of(config)
    rows = list(_rows(state))
    if as_json:
        print(json.dumps({"folder": str(state / "models"), "models": [asdict(row) for row in rows]}, indent=2))
        return
    _show(rows)
    others = "; what the service has: sudo edgedet models list" if is_not_the_services(state) else ""
    print(f"\nInstalled ones are in {state / 'models'}{others}.", file=sys.stderr)


def _rows(state: Path) -> Iterator[_Row]:
    installed = installed_models(state)
    ready = {model.name: model for model in READY}
    for name, choice in installed.items():
        record = read_record(Places(state / "models", name))
        known = ready.get(name)
        about = (
            known.about if known and record.get("origin") == known.origin else record.get("origin", "put there by hand")
        )
        width, height = _picture(choice)
        yield _Row(name, "installed", about, record.get("licence"), width, height, _files(choice))
    width, height = _picture(bundled := choice_of_path(BUNDLED_MODEL))
    about = "edgedet's own, for the demo's drawn streets; of no use on photographs"
    yield _Row(bundled.name, "bundled", about, "Apache-2.0", width, height, _files(bundled))
    for model in READY:
        if model.name not in installed:
            yield _Row(model.name, "pull", model.about, model.licence, model.size, model.size)
    for made in MADE_BY_USER:
        if made.name not in installed:
            yield _Row(made.name, "export", made.about, f"{made.licence} ({made.origin})", None, None)


def _files(choice: ModelChoice) -> dict[str, dict[str, str | int]]:
    kinds = {"cpu": choice.cpu, "edgetpu": choice.edgetpu, "labels": choice.labels}
    return {
        kind: {"path": str(file), "bytes": file.stat().st_size}
        for kind, file in kinds.items()
        if file is not None and file.is_file()
    }


def _picture(choice: ModelChoice) -> tuple[int | None, int | None]:
    try:
        info = inspect(choice.files[-1])
    except ModelError:
        return None, None
    return info.width or None, info.height or None


def _cells(row: _Row) -> tuple[str, ...]:
    size = f"{row.width}x{row.height}" if row.width else "-"
    total = sum(int(file["bytes"]) for file in row.files.values())
    files = f"{'+'.join(row.files)} {total / 1e6:.1f} MB" if row.files else "-"
    return row.name, row.state, size, files, row.licence or "not said", row.about


_HEADINGS = ("name", "state", "picture", "files", "licence", "about")


def _show(rows: list[_Row]) -> None:
    """A table on a terminal; in a pipe one line a model, fields apart by two blanks or more."""
    cells = [_cells(row) for row in rows]
    if not sys.stdout.isatty():
        widths = [max(len(line[column]) for line in cells) for column in range(len(_HEADINGS))]
        for line in cells:
            print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*_HEADINGS, box=None)
    for line in cells:
        table.add_row(*(Text(cell, style="bold" if line[1] == "installed" else "") for cell in line))
    Console().print(table)
