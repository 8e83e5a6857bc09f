"""`edgedet aftermath`: run by systemd when the daemon has ended (`ExecStopPost=`)."""

from __future__ import annotations

import logging
import os
from importlib.metadata import version
from pathlib import Path

import click

from edgedet.errors import ExitCode


@click.command(hidden=True)
def command() -> int:
    """Keep what was said last before an abnormal end. For systemd, which tells how it ended in variables."""
    from edgedet.cli._logging import log_to_stderr
    from edgedet.clock import read_boot_id
    from edgedet.service.crash import Ended, keep
    from edgedet.service.journal import Kind, fields

    runtime_dir, state_dir = (os.environ.get(name, "") for name in ("RUNTIME_DIRECTORY", "STATE_DIRECTORY"))
    if not runtime_dir or not state_dir:
        raise click.UsageError("This is for systemd, which says where in RUNTIME_DIRECTORY and STATE_DIRECTORY.")
    with log_to_stderr(logging.INFO):
        log = logging.getLogger("edgedet.aftermath")
        ended = Ended.from_environment()
        try:
            kept = keep(ended, Path(runtime_dir), Path(state_dir), version=version("edgedet"), boot_id=read_boot_id())
        except OSError as error:
            log.warning("The last words could not be kept: %s", error)
            return ExitCode.FAILED
        if kept is not None:
            log.warning("Ended by %s (%s): see %s", ended.result, ended.status, kept, extra=fields(Kind.KEPT))
    return ExitCode.DONE
