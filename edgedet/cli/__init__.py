"""The `edgedet` command. One file per subcommand, imported only when it is asked for: starting must stay cheap."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from typing import NoReturn

import click

from edgedet.errors import EdgedetError, ExitCode


class _LazyGroup(click.Group):
    """Finds `edgedet/cli/<name>.py` by looking at the folder, and imports it when that command runs."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        names = (module.name for module in pkgutil.iter_modules(__path__))
        return sorted(name for name in names if not name.startswith("_"))

    def get_command(self, _ctx: click.Context, name: str) -> click.Command | None:
        if name not in self.list_commands(_ctx):
            return None
        command = importlib.import_module(f"edgedet.cli.{name}").command
        if not isinstance(command, click.Command):
            raise TypeError(f"edgedet.cli.{name}.command is no click command")
        return command


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="edgedet")
def edgedet() -> None:
    """Detect objects in camera frames, on a Raspberry Pi with or without a Coral, and publish them over MQTT."""


def complain(error: EdgedetError) -> None:
    """Tell of an error as every command does: what and where, then what to do."""
    print(f"edgedet: {error}", file=sys.stderr)


def main() -> NoReturn:
    """Run the command; what the user can mend is one or two plain lines and the contract's exit code."""
    try:
        code = edgedet.main(prog_name="edgedet", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(ExitCode.USAGE)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(ExitCode.INTERRUPTED)
    except EdgedetError as error:
        complain(error)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # The reader of our output has gone (`edgedet detect … | head`); python would complain once more at exit.
        sys.stderr.close()
        sys.exit(ExitCode.DONE)
    sys.exit(code if isinstance(code, int) else ExitCode.DONE)
