"""`edgedet models`: ready models, your own, and what model files are."""

from __future__ import annotations

import click

from edgedet.cli._models_add import add_command
from edgedet.cli._models_inspect import inspect_command
from edgedet.cli._models_list import list_command
from edgedet.cli._models_pull import pull_command


@click.group()
def command() -> None:
    """Get ready models, add your own, and look at model files."""


for _each in (list_command, pull_command, add_command, inspect_command):
    command.add_command(_each)
