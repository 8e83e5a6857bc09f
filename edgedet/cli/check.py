"""`edgedet check`: is this configuration right?"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sized
from pathlib import Path

import click

from edgedet.app.model_check import CheckedModel, check_models
from edgedet.app.named_files import missing_files
from edgedet.models.catalogue import DEFAULT_MODEL
from edgedet.settings import DEFAULT_PATH, CameraSettings, Loaded, device_name, load_settings, migrate, state_dir
from edgedet.settings.secrecy import open_secrets


@click.command(
    epilog="\b\nExamples:\n"
    "  edgedet check -c edgedet.yaml\n"
    "  edgedet check --migrate > edgedet-new.yaml\n"
    "\nExit status: 0 right, 78 wrong."
)
@click.option(
    "-c", "--config", "file", type=click.Path(path_type=Path, readable=False), default=DEFAULT_PATH, show_default=True,
    metavar="FILE",
    help="The configuration.",
)  # fmt: skip
@click.option("--migrate", "to_today", is_flag=True, help="Print the file in today's form, comments kept.")
def command(file: Path, *, to_today: bool) -> None:
    """Validate a configuration. Opens no device and no connection.

    Every mistake is one line, FILE:LINE:COLUMN: KEY: what is wrong; what to do. Warnings go to standard error.
    """
    if to_today:
        click.echo(migrate(file), nl=False)
        return
    loaded = load_settings(file)
    checked = check_models(loaded, state_dir(loaded.settings))
    exposed = [secret.problem.line(file) for secret in open_secrets(loaded)]
    for line in (
        *loaded.warnings,
        *exposed,
        *missing_files(loaded),
        *(checked.warnings if checked else _no_model(loaded)),
    ):
        print(f"warning: {line}", file=sys.stderr)
    click.echo(f"{file}: ok")
    for line in _summary(loaded, checked):
        click.echo(f"  {line}")


def _no_model(loaded: Loaded) -> Iterator[str]:
    folder = state_dir(loaded.settings) / "models"
    fact = f"there is no model, neither under models: nor in {folder}; the daemon starts without and waits for one"
    message = f"{fact}; `edgedet models pull {DEFAULT_MODEL}` gets one"
    yield loaded.remark(("detector", "model"), message)


def _summary(loaded: Loaded, checked: CheckedModel | None) -> Iterator[str]:
    settings = loaded.settings
    yield f"device  {device_name(settings)}"
    yield f"broker  {settings.mqtt.url}"
    if checked is None:
        yield "model   none"
    elif not checked.labels:
        yield f"model   {checked.choice.name}, not there yet"
    else:
        accelerators = " and ".join(name for name in ("edgetpu", "cpu") if getattr(checked.choice, name))
        size = f"{checked.width}x{checked.height}"
        yield f"model   {checked.choice.name}, {size}, {len(checked.labels)} classes, for {accelerators}"
    for name, camera in settings.cameras.items():
        yield f"camera  {name}: {_in_short(camera)}"


def _in_short(camera: CameraSettings) -> str:
    if not camera.detect.enabled:
        return f"{camera.source.type}, detection off"
    looked_for = ", ".join(camera.detect.labels) if camera.detect.labels is not None else "all labels"
    parts = [camera.source.type, f"{camera.detect.fps:g} frames a second", looked_for]
    counted: dict[str, Sized] = {"zone": camera.zones, "line": camera.lines, "mask": camera.masks}
    parts += [f"{len(items)} {kind}{'s' if len(items) > 1 else ''}" for kind, items in counted.items() if items]
    return ", ".join(parts)
