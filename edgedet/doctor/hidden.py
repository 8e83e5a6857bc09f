"""Files in homes: whoever asks the doctor sees them, and the service does not."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from edgedet.doctor import unit
from edgedet.doctor.finding import Finding, as_root, problem
from edgedet.doctor.situation import SERVICE_USER
from edgedet.settings import DEFAULT_PATH

if TYPE_CHECKING:
    from edgedet.doctor.situation import Situation

_HOMES = (Path("/home"), Path("/root"), Path("/run/user"))
"""What `ProtectHome=` of the unit shows as empty."""
_ELSEWHERE = Path("/srv")


def is_for_the_service(situation: Situation) -> bool:
    """Whether the configuration is the one that the unit's daemon reads."""
    return situation.config == DEFAULT_PATH and situation.account.name == SERVICE_USER


def examine_interpreter(situation: Situation, subject: str, python: Path | None) -> Finding | None:
    """As `examine`, for an interpreter: it goes with the whole environment that it belongs to."""
    if python is None:
        return None
    environment = python.parent.parent
    found = examine(situation, subject, environment if (environment / "pyvenv.cfg").exists() else python)
    return found and replace(found, message=f"{python} is hidden from the service, as all homes are")


def examine(situation: Situation, subject: str, path: Path) -> Finding | None:
    """What is wrong with a file or folder that the configuration names; None: the unit does not hide it."""
    if not is_for_the_service(situation) or not any(path.is_relative_to(home) for home in _HOMES):
        return None
    written = re.sub(r"([][\\.*^$#])", r"\\\1", str(path))
    rename = shlex.quote(f"s#{written}#{_ELSEWHERE / path.name}#")
    moved = as_root(
        f"cp -r {shlex.quote(str(path))} {_ELSEWHERE}/",
        f"sed -i {rename} {shlex.quote(str(situation.config))}",
        f"systemctl restart {unit.UNIT}",
    )
    return problem(subject, f"{path} is hidden from the service, as all homes are", "", moved)
