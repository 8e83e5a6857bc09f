"""What systemd says of the service."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from edgedet.app.status_line import Status, read_status_line
from edgedet.doctor import service_word
from edgedet.doctor.asking import ask
from edgedet.doctor.finding import Finding, as_asked, as_root, ok, problem, warning
from edgedet.errors import ExitCode
from edgedet.health import Code
from edgedet.settings.default_file import DEFAULT_PATH, INSTALLED_STATE

if TYPE_CHECKING:
    from edgedet.doctor.situation import Situation

SUBJECT = "service"
UNIT = "edgedet.service"
_KEYS = (
    "LoadState", "ActiveState", "SubState", "UnitFileState", "Result", "ExecMainStatus", "NRestarts", "StatusText",
    "ProtectSystem", "ReadWritePaths",
)  # fmt: skip
_PATIENCE_S = 3.0
_TURN_S = 0.5
_RUNNING = frozenset({"active", "activating", "reloading"})
_MANY_RESTARTS = 3
_NO_USER = "217"
"""EXIT_USER of systemd.exec(5)."""


def examine(situation: Situation) -> Iterator[Finding]:
    """Say whether the service is installed and runs."""
    known = _settled(situation)
    if known is None:
        yield ok(SUBJECT, "systemd does not run here; edgedet can be started by hand")
        return
    load, state, detail = (known.get(key, "") for key in ("LoadState", "ActiveState", "SubState"))
    if load == "masked":
        unmask = as_root(f"systemctl unmask {UNIT}", f"systemctl enable --now {UNIT}")
        yield warning(SUBJECT, f"{UNIT} is masked, so nothing can start it", "", unmask)
    elif load in {"bad-setting", "error"}:
        advice = "Mend that line in its drop-in (`sudo systemctl edit edgedet`), then restart it."
        yield problem(SUBJECT, f"systemd refuses {UNIT}: a line of it is wrong", advice, _verify())
    elif load != "loaded":
        yield ok(SUBJECT, f"{UNIT} is not installed here; edgedet can be started by hand")
    elif known.get("ExecMainStatus") == _NO_USER and state != "active":
        # Comes again and again, so it is mostly found while it waits for the next time.
        made = as_root("systemd-sysusers edgedet.conf", f"systemctl restart {UNIT}")
        yield problem(SUBJECT, f"{UNIT} cannot start: its user is missing", "", made)
    elif state == "active":
        line = known.get("StatusText", "")
        yield service_word.of_all(SUBJECT, UNIT, line, read_status_line(line), situation)
        if int(known.get("NRestarts") or 0) >= _MANY_RESTARTS:
            times = known["NRestarts"]
            yield warning(SUBJECT, f"it was started again {times} times", "Its log says why.", service_word.log())
        if known.get("UnitFileState") == "disabled":
            enable = as_root(f"systemctl enable {UNIT}")
            yield warning(SUBJECT, "it is disabled: it will not run after the machine's next start", "", enable)
    elif state == "failed":
        yield _failed(situation, known)
    elif state == "activating":
        advice = "It is starting, or starts again and again; its log says which."
        yield warning(SUBJECT, f"{UNIT} is not ready yet ({detail})", advice, service_word.log())
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
    return (properties(situation) or {}).get("ActiveState") in _RUNNING


def status(situation: Situation) -> Status | None:
    """How the running daemon says that it is, at this moment; None: none runs, or it says nothing of the kind."""
    return _read(properties(situation))


def settled_status(situation: Situation) -> Status | None:
    """The same, once what it is just starting has started or failed: after a restart that takes some seconds."""
    return _read(_settled(situation))


def _settled(situation: Situation) -> dict[str, str] | None:
    until_s = time.monotonic() + situation.patience_s
    while True:
        known = properties(situation)
        now = _read(known)
        starting = now is not None and any(named.code == Code.STARTING for named in now.named)
        if not starting or time.monotonic() >= until_s:
            return known
        time.sleep(_TURN_S)


def _read(known: dict[str, str] | None) -> Status | None:
    running = known is not None and known.get("ActiveState") in _RUNNING
    return read_status_line(known.get("StatusText", "")) if known is not None and running else None


def may_write(situation: Situation, folder: Path) -> bool:
    """Whether the unit lets the daemon write there, whoever the folder belongs to; true without such a unit."""
    known = properties(situation) or {}
    if known.get("LoadState") != "loaded" or known.get("ProtectSystem") != "strict":
        return True
    # What `StateDirectory=` opens, and what a drop-in does.
    open_ones = [INSTALLED_STATE, *(Path(word.lstrip("+-")) for word in known.get("ReadWritePaths", "").split())]
    return any(folder.is_relative_to(place) for place in open_ones)


def open_to_it(folder: Path) -> str:
    """Lets the daemon write to a folder besides its own."""
    file = f"/etc/systemd/system/{UNIT}.d/state-dir.conf"
    line = shlex.quote(f"[Service]\\nReadWritePaths={folder}\\n")
    return as_root(
        f"mkdir -p /etc/systemd/system/{UNIT}.d",
        f"printf {line} > {file}",
        "systemctl daemon-reload",
        f"systemctl restart {UNIT}",
    )


def _verify() -> str:
    return as_root(f"systemd-analyze verify {UNIT}")


def _failed(situation: Situation, known: dict[str, str]) -> Finding:
    status = known.get("ExecMainStatus", "")
    restart = as_root(f"systemctl reset-failed {UNIT}", f"systemctl restart {UNIT}")
    if status == str(int(ExitCode.CONFIG)):
        file = shlex.quote(str(situation.config or DEFAULT_PATH))
        advice = "Mend what the check names first; a wrong configuration is not tried again by itself."
        message = f"{UNIT} has stopped because its configuration is wrong"
        return problem(SUBJECT, message, advice, f"{as_asked(f'edgedet check -c {file}')} && {restart}")
    why = known.get("Result", "failed")
    return problem(
        SUBJECT, f"{UNIT} has failed ({why}, status {status})", f"Its log says why: {service_word.log()}", restart
    )
