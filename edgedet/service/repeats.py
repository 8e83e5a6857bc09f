"""Messages that repeat themselves: the first is passed on, the others are counted and told as one."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterable
from copy import copy
from dataclasses import dataclass

from edgedet.service.journal import Kind

_WINDOW_S = 60.0
_MOST_KEYS = 256
_ABOUT = ("component", "camera", "code", "kind")
_COMPONENT = _ABOUT.index("component")
_NUMBER = re.compile(r"(?<!\w)(?<!\w[-.:])\d+(?:\.\d+)?")
"""A quantity; what belongs to a name (`cam2`, `cam-2`, `usb:0`) tells one thing from another."""

_Key = tuple[str, int, str, tuple[object, ...]]


@dataclass(slots=True)
class _Seen:
    """One message within its window."""

    since_s: float
    last: logging.LogRecord
    again: int = 0


class Repeats(logging.Handler):
    """Stands before another handler.

    Messages are the same when they differ in nothing but their quantities and have the same fields (camera, component,
    code, kind). The first goes through at once. Those that follow within the window are told when it is over, as the
    last of them with their count; where they go on, so does the counting. What was counted is told in the order in
    which it was said last, and what is about a component before anything new about it: the last line is what holds.
    """

    def __init__(
        self, handler: logging.Handler, window_s: float = _WINDOW_S, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        """`handler` gets what is passed on; `now_s` is a monotonic clock in seconds."""
        super().__init__()
        self._handler = handler
        self._window_s = window_s
        self._now_s = now_s
        self._seen: dict[_Key, _Seen] = {}
        """Ordered: what was said last comes last."""

    def emit(self, record: logging.LogRecord) -> None:
        """Pass a record on, or count it."""
        self.sum_up()
        about = record.__dict__.get("edgedet", {})
        if about.get("kind") is Kind.OBJECT:
            # Two people who come one after the other are no repeat, though their lines differ in numbers alone.
            self._handler.handle(record)
            return
        key = (record.name, record.levelno, _NUMBER.sub("#", record.getMessage()), tuple(map(about.get, _ABOUT)))
        seen = self._seen.pop(key, None)
        if seen is not None:
            seen.again += 1
            seen.last = record
            self._seen[key] = seen
            return
        if (component := about.get("component")) is not None:
            self._tell_all(other for other in self._seen if other[-1][_COMPONENT] == component)
        if len(self._seen) >= _MOST_KEYS:
            oldest = next(iter(self._seen))
            self._tell(self._seen.pop(oldest))
        self._seen[key] = _Seen(self._now_s(), record)
        self._handler.handle(record)

    def sum_up(self) -> None:
        """Tell what has repeated itself in windows that are over. Also to be called when nothing is logged."""
        self.acquire()
        try:
            now_s = self._now_s()
            over = [key for key, seen in self._seen.items() if now_s - seen.since_s >= self._window_s]
            repeated = [key for key in over if self._seen[key].again]
            for key in over:
                if not self._seen[key].again:
                    del self._seen[key]
            if repeated:
                # With those whose windows are not over yet, but which were said before the last of these.
                keys = list(self._seen)
                self._tell_all(keys[: keys.index(repeated[-1]) + 1])
        finally:
            self.release()

    def close(self) -> None:
        """Tell what is left, and close."""
        for seen in self._seen.values():
            self._tell(seen)
        self._seen.clear()
        self._handler.close()
        super().close()

    def _tell_all(self, keys: Iterable[_Key]) -> None:
        """Tell those that have repeated themselves; their windows begin anew."""
        for key in list(keys):
            seen = self._seen[key]
            if seen.again:
                self._tell(seen)
                self._seen[key] = _Seen(self._now_s(), seen.last)

    def _tell(self, seen: _Seen) -> None:
        if not seen.again:
            return
        summary = copy(seen.last)
        over_s = max(1.0, self._now_s() - seen.since_s)
        summary.msg = f"{seen.last.getMessage()} ({seen.again} more like this in {over_s:.0f} s)"
        summary.args = None
        self._handler.handle(summary)
