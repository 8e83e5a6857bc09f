"""`edgedet models add`: take in a model of one's own."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from edgedet.app.obtaining import add
from edgedet.cli._models_place import say_waiting, second_thoughts, state_dir_of
from edgedet.models.twins import edgetpu_twin

_FILE = click.Path(path_type=Path, readable=False)


@click.command(
    name="add",
    epilog="\b\nExamples:\n"
    "  edgedet models add yolov8n --cpu yolov8n_full_integer_quant.tflite\n"
    "  edgedet models add birds --cpu birds.tflite --edgetpu birds_edgetpu.tflite --labels birds.txt --replace\n"
    "\nExit status: 0 it is there, 1 the files are no model, 2 the name is taken or none, 78 wrong configuration.",
)
@click.argument("name")
@click.option("--cpu", type=_FILE, required=True, help="The model for the CPU.")
@click.option("--edgetpu", type=_FILE, help="The same, compiled for the Edge TPU; default: the twin beside --cpu.")
@click.option("--labels", type=_FILE, help="Names of the classes, one a line; default: those embedded in the model.")
@click.option("--replace", is_flag=True, help="Take the place of another model of that name.")
@click.option("-c", "--config", type=_FILE, help="The configuration whose state_dir is meant.")
def add_command(
    name: str, cpu: Path, edgetpu: Path | None, labels: Path | None, config: Path | None, *, replace: bool
) -> None:
    """Copy a model of your own to where edgedet finds it as NAME: 1 to 32 of a-z, 0-9, - and _.

    The files are looked at first: whether they are a detector, whether the second was compiled for the Edge TPU and is
    the same model, and how well it maps. A daemon that waits for a model takes it without a restart.
    """
    if edgetpu is None and (edgetpu := edgetpu_twin(cpu)) is not None:
        print(f"with its twin {edgetpu}", file=sys.stderr)
    state = state_dir_of(config)
    obtained = add(name, cpu, edgetpu, labels, state / "models", say_waiting, replace=replace)
    pair = obtained.pair
    for note in pair.notes:
        print(f"warning: {note.replace('--label-file', '--labels')}", file=sys.stderr)
    for file, facts in obtained.files.items():
        print(f"{obtained.places.folder / file}  {facts['bytes']} bytes  sha256 {facts['sha256']}")
    size = f"{pair.cpu.view.width}x{pair.cpu.view.height}"
    print(f"{name} is ready: {size}, {len(pair.cpu.labels)} classes; {pair.mapping or 'for the CPU only'}")
    for line in second_thoughts(name, state, f"models add {name} …"):
        print(f"note: {line}", file=sys.stderr)
