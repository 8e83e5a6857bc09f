"""What systemd says of the service."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING

from edgedet.doctor.asking import ask
from edgedet.doctor.finding import Finding, as_asked, as_root, ok, problem, warning
from edgedet.errors import ExitCode
from edgedet.settings.default_file import DEFAULT_PATH

if TYPE_CHECKING:
    from edgedet.doctor.situation import Situation

SUBJECT = "service"
UNIT = "edgedet.service"
_KEYS = ("LoadState", "ActiveState", "SubState", "UnitFileState", "Result", "ExecMainStatus", "NRestarts", "StatusText")
_PATIENCE_S = 3.0
_MANY_RESTARTS = 3


def examine(situation: Situation) -> Iterator[Finding]:
    """Say whether the service is installed and runs."""
    known = properties(situation)
    if known is None:
        yield ok(SUBJECT, "systemd does not run here; edgedet can be started by hand")
        return
    state, detail = known.get("ActiveState", ""), known.get("SubState", "")
    if known.get("LoadState") != "loaded":
        yield ok(SUBJECT, f"{UNIT} is not installed here; edgedet can be started by hand")
    elif state == "active":
        said = f": {known['StatusText']}" if known.get("StatusText") else ""
        yield ok(SUBJECT, f"{UNIT} runs{said}")
        if int(known.get("NRestarts") or 0) >= _MANY_RESTARTS:
            times = known["NRestarts"]
            yield warning(SUBJECT, f"it was started again {times} times", "Its log says why.", _log())
    elif state == "failed":
        yield _failed(situation, known)
    elif state == "activating":
        advice = "It is starting, or starts again and again; its log says which."
        yield warning(SUBJECT, f"{UNIT} is not ready yet ({detail})", advice, _log())
    else:
        advice = "Nothing watches the cameras until it is started."
        yield warning(
            SUBJECT, f"{UNIT} is installed and does not run", advice, as_root(f"systemctl enable --now {UNIT}")
        )


def properties(situation: Situation) -> dict[str, str] | None:
    """What systemd says of the unit; None: no systemd."""
    asked = ["systemctl", "show", UNIT, *(f"--property={key}" for key in _KEYS)]
    answer = ask(asked, min(_PATIENCE_S, situation.patience_s))
    if answer is None or answer.code != 0:
        return None
    pairs = (line.partition("=") for line in answer.out.splitlines())
    return {key: value for key, _, value in pairs}


def is_running(situation: Situation) -> bool:
    """Whether the daemon has the devices at this moment."""
    return (properties(situation) or {}).get("ActiveState") in {"active", "activating", "reloading"}


def _failed(situation: Situation, known: dict[str, str]) -> Finding:
    status = known.get("ExecMainStatus", "")
    restart = as_root(f"systemctl reset-failed {UNIT}", f"systemctl restart {UNIT}")
    if status == str(int(ExitCode.CONFIG)):
        file = shlex.quote(str(situation.config or DEFAULT_PATH))
        advice = "Mend what the check names first; a wrong configuration is not tried again by itself."
        message = f"{UNIT} has stopped because its configuration is wrong"
        return problem(SUBJECT, message, advice, f"{as_asked(f'edgedet check -c {file}')} && {restart}")
    why = known.get("Result", "failed")
    return problem(SUBJECT, f"{UNIT} has failed ({why}, status {status})", f"Its log says why: {_log()}", restart)


def _log() -> str:
    return f"journalctl -u {UNIT} -n 30 --no-pager"
