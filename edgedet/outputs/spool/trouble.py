"""What is wrong with the keeping of events, reduced to one reason. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_TELL_DAMAGE_NS = 600_000_000_000
"""A damaged file was put aside and all goes on: worth ten minutes of `degraded`, and a line in the log for ever."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """A health code and a sentence."""

    code: str
    """`spool_full`, `spool_damaged`, `disk_full` or `disk_unwritable`."""
    message: str


_FULL = Trouble("spool_full", "Events waited too long for the broker, and the oldest were dropped.")


class Troubles:
    """Tells of a change once; a disk that takes nothing comes before a damaged file, and that before a full spool."""

    def __init__(self, on_change: Callable[[Trouble | None], None] | None) -> None:
        self._on_change = on_change
        self._damage: Trouble | None = None
        self._damaged_until_ns = 0
        self.disk: Trouble | None = None
        """Why the disk takes nothing now; None: it does, as far as is known."""
        self.full = False
        """Whether events were dropped, and there has not been much room since."""
        self.now: Trouble | None = None
        """What was told last."""

    def damaged(self, message: str, now_ns: int) -> None:
        """A file was damaged and is out of the way."""
        self._damage = Trouble("spool_damaged", message)
        self._damaged_until_ns = now_ns + _TELL_DAMAGE_NS

    def tell(self, now_ns: int) -> None:
        """Report, if something has changed."""
        if self._damage is not None and now_ns > self._damaged_until_ns:
            self._damage = None
        worst = self.disk or self._damage or (_FULL if self.full else None)
        if worst == self.now:
            return
        self.now = worst
        if self._on_change is not None:
            self._on_change(worst)
