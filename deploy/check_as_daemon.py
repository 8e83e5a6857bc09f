"""Checks a configuration as the daemon that runs would read it: `${NAME}` in it is taken from that one's environment.

    python -I check_as_daemon.py CONFIG [FOLDER]

FOLDER holds the package edgedet of another version, which is asked instead of the installed one. Ends as
`edgedet check` does, with 78 where the configuration is wrong. Where no daemon runs, the environment is what it is.
"""

from __future__ import annotations

import os
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
    try:
        shown = subprocess.run(
            ["systemctl", "show", "--property=MainPID", "--value", "edgedet.service"],
            capture_output=True,
            text=True,
            check=False,
        )
        environ = Path("/proc", shown.stdout.strip() or "0", "environ").read_bytes()
    except OSError:
        return {}
    entries = (os.fsdecode(entry).partition("=") for entry in environ.split(b"\0") if b"=" in entry)
    return {name: value for name, _, value in entries}


if __name__ == "__main__":
    main()
