"""Checks a configuration as the daemon that runs would read it: `${NAME}` in it is taken from that one's environment.

    python -I check_as_daemon.py CONFIG [FOLDER]

FOLDER holds the package edgedet of another version, which is asked instead of the installed one. Ends as
`edgedet check` does, with 78 where the configuration is wrong.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path


def main() -> None:
    config, *other = sys.argv[1:]
    os.environ.update(_environment_of_the_daemon())
    sys.path[:0] = other
    sys.argv[1:] = ["check", "--config", config]
    from edgedet.cli import main as edgedet

    edgedet()


def _environment_of_the_daemon() -> dict[str, str]:
    """What its unit sets, and what it really has while it runs."""
    try:
        shown = subprocess.run(
            ["systemctl", "show", "--property=MainPID", "--property=Environment", "edgedet.service"],
            capture_output=True,
            text=True,
            check=False,
        )
        unit = dict(line.split("=", 1) for line in shown.stdout.splitlines() if "=" in line)
        entries = shlex.split(unit.get("Environment", ""))
        environ = Path("/proc", unit.get("MainPID", "0"), "environ")
        if environ.exists():
            entries += os.fsdecode(environ.read_bytes()).split("\0")
    except (OSError, ValueError):
        return {}
    return dict(entry.split("=", 1) for entry in entries if "=" in entry)


if __name__ == "__main__":
    main()
