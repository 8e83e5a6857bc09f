"""The configuration as the doctor finds it: read, checked, and what mends its mistakes."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgedet.app.model_check import check_model
from edgedet.doctor.finding import Finding, as_asked, as_root, ok, problem, warning
from edgedet.doctor.situation import SERVICE_USER, Account, Situation
from edgedet.errors import ConfigError, ModelError
from edgedet.models.inspection import inspect
from edgedet.settings import load_settings, state_dir
from edgedet.settings.default_file import INSTALLED_STATE
from edgedet.settings.document import read_document
from edgedet.settings.secrecy import exposed_passwords, open_secrets

if TYPE_CHECKING:
    from edgedet.settings import Loaded, ModelChoice

SUBJECT = "configuration"
_READ = 4


@dataclass(frozen=True, slots=True)
class Reading:
    """What the other subjects start from, and what is said of the file itself."""

    situation: Situation
    findings: tuple[Finding, ...]


def read(file: Path | None, account: Account, root: Path = Path("/")) -> Reading:
    """Read the configuration; None: there is none. A wrong one is a finding, and the machine is still looked at."""
    if file is None:
        situation = Situation(None, None, None, None, _state_without(account), account, root)
        return Reading(situation, (ok(SUBJECT, "none is given, so only the machine is looked at"),))
    try:
        loaded = load_settings(file)
    except ConfigError as error:
        situation = Situation(file, None, None, error, _state_without(account), account, root)
        return Reading(situation, (_wrong(file, error, account),))
    folder = state_dir(loaded.settings, user_id=0 if account.name == SERVICE_USER else None)
    choice: ModelChoice | None = None
    try:
        choice = loaded.resolve_model(folder)
        model = check_model(loaded, choice) if choice else None
    except ConfigError as error:
        situation = Situation(file, loaded, None, error, folder, account, root)
        return Reading(situation, (_wrong_model(file, loaded, choice, error),))
    situation = Situation(file, loaded, model, None, folder, account, root)
    return Reading(situation, tuple(_valid(file, loaded, account)))


def _valid(file: Path, loaded: Loaded, account: Account) -> Iterator[Finding]:
    if not account.may(file, _READ):
        yield problem(SUBJECT, f"{account.name} may not read {file}", "", _keep_to(file, account))
    else:
        yield ok(SUBJECT, f"{file} is right")
    for line in loaded.warnings:
        yield warning(SUBJECT, line, "", as_asked(f"edgedet check -c {shlex.quote(str(file))}"))
    for secret in open_secrets(loaded):
        message = f"every user of this machine can read {secret.file}, a password"
        yield warning(SUBJECT, message, "It works all the same.", _keep_to(secret.file, account))


def _wrong(file: Path, error: ConfigError, account: Account) -> Finding:
    command = as_asked(f"edgedet check -c {shlex.quote(str(file))}")
    advice = error.hint
    try:
        file.open("rb").close()
    except PermissionError:
        command = f"sudo edgedet doctor -c {shlex.quote(str(file))}"
        return problem(SUBJECT, error.message, "It holds addresses and passwords.", command)
    except FileNotFoundError:
        return problem(SUBJECT, error.message, advice, _start_one(file))
    except OSError:
        return problem(SUBJECT, error.message, advice, as_asked(f"ls -ld {shlex.quote(str(file))}"))
    try:
        exposed = exposed_passwords(read_document(file, os.environ))
    except ConfigError:
        exposed = []
    if exposed:
        command = _keep_to(file, account)
    return problem(SUBJECT, error.message, advice, command)


def _start_one(file: Path) -> str:
    """The smallest configuration that works anywhere: a drawn scene."""
    text = "version: 1\\ncameras:\\n  scene:\\n    source: {type: synthetic}\\n"
    path = shlex.quote(str(file))
    made = f"mkdir -p {shlex.quote(str(file.absolute().parent))}"
    return " && ".join(as_asked(command) for command in (made, f"printf '{text}' > {path}"))


def _keep_to(file: Path, account: Account) -> str:
    """Readable for the daemon, and for nobody else."""
    path = shlex.quote(str(file))
    if account.name == SERVICE_USER:
        closed = account.closed_folder(file.absolute())
        above = shlex.quote(str(closed))
        opened = [] if closed is None else [f"chgrp {SERVICE_USER} {above}", f"chmod g+x {above}"]
        return as_root(*opened, f"chgrp {SERVICE_USER} {path}", f"chmod 640 {path}")
    if file.stat().st_uid == account.uid:
        return as_asked(f"chmod 600 {path}")
    return as_root(f"chown {account.name} {path}", f"chmod 600 {path}")


def _wrong_model(file: Path, loaded: Loaded, choice: ModelChoice | None, error: ConfigError) -> Finding:
    command = as_asked(f"edgedet check -c {shlex.quote(str(file))}")
    line = None if choice is None else _misplaced(loaded, choice)
    if choice is not None and line is not None:
        number, kind = line
        other = "cpu" if kind == "edgetpu" else "edgetpu"
        both = choice.cpu is not None and choice.edgetpu is not None
        step = f"{number}d" if both else f"{number}s/\\b{kind}:/{other}:/"
        command = as_asked(f"sed -i {shlex.quote(step)} {shlex.quote(str(file))}")
    return problem("model", error.message, error.hint, command)


def _misplaced(loaded: Loaded, choice: ModelChoice) -> tuple[int, str] | None:
    """Line and key of a file that stands under the wrong accelerator, on a line of its own."""
    for kind, path in (("edgetpu", choice.edgetpu), ("cpu", choice.cpu)):
        place = loaded.document.places.get((*choice.key, kind))
        if path is None or place is None:
            continue
        try:
            compiled = inspect(path).compiled_for_edgetpu
        except ModelError:
            continue
        written = loaded.document.text.splitlines()[place.key.line - 1].strip()
        if compiled != (kind == "edgetpu") and written.startswith(f"{kind}:"):
            return place.key.line, kind
    return None


def _state_without(account: Account) -> Path:
    if account.name == SERVICE_USER or os.geteuid() == 0:
        return INSTALLED_STATE
    base = os.environ.get("XDG_STATE_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".local/state") / "edgedet"
