"""What the doctor is given: the configuration, where things are looked for, and as whom the service runs."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgedet.app.model_check import CheckedModel
    from edgedet.errors import ConfigError
    from edgedet.settings import Loaded

SERVICE_USER = "edgedet"


@dataclass(frozen=True, slots=True)
class Account:
    """Whom the daemon runs as."""

    name: str
    uid: int
    groups: frozenset[int]
    """Its own group's id and those of the others that it is in."""

    def may(self, path: Path, wanted: int) -> bool:
        """Whether its rights on `path` hold the bits `wanted` (4 read, 2 write, 1 enter); false where there is none.

        As the file's mode has it; the folders above are looked at too. ACLs and capabilities are not.
        """
        if self.uid == 0:
            return path.exists()
        try:
            return self._granted(path, wanted) and self.closed_folder(path) is None
        except OSError:
            return False

    def closed_folder(self, path: Path) -> Path | None:
        """The first folder on the way to `path` that it may not enter; None: all are open, or cannot be asked."""
        if self.uid == 0:
            return None
        try:
            return next((folder for folder in reversed(path.parents) if not self._granted(folder, 1)), None)
        except OSError:
            return None

    def _granted(self, path: Path, wanted: int) -> bool:
        status = path.stat()
        mode = stat.S_IMODE(status.st_mode)
        if status.st_uid == self.uid:
            return (mode >> 6) & wanted == wanted
        if status.st_gid in self.groups:
            return (mode >> 3) & wanted == wanted
        return mode & wanted == wanted


def service_account() -> Account:
    """The service's user where it is installed, else whoever asks."""
    try:
        entry = pwd.getpwnam(SERVICE_USER)
    except KeyError:
        groups = frozenset([os.getegid(), *os.getgroups()])
        return Account(_name_of(os.geteuid()), os.geteuid(), groups)
    groups = frozenset(os.getgrouplist(entry.pw_name, entry.pw_gid))
    return Account(entry.pw_name, entry.pw_uid, groups)


def group_name(number: int) -> str:
    """A group's name, or its number where it has none."""
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def _name_of(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything that the subjects may want to know."""

    config: Path | None
    """The configuration's file; None: there is none, and only the machine is looked at."""
    loaded: Loaded | None
    """None also where the file is wrong."""
    model: CheckedModel | None
    """The model that the configuration means, as far as it could be found out."""
    mistake: ConfigError | None
    """Why the configuration is wrong, where it is."""
    state_dir: Path
    account: Account
    root: Path = Path("/")
    """Where /sys, /proc, /dev, /run and /etc/mosquitto are looked for."""
    patience_s: float = 8.0
    """How long a single look at anything may take. A camera is looked at twice in a row, for its interpreter and for
    its picture, and both have to end before `examination.LIMIT_S`."""

    @property
    def load_s(self) -> float:
        """How long a model may take to load and to run: a slow Pi needs its time, and there is one look at it."""
        return 2 * self.patience_s - 1
