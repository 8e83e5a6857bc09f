"""Messages that repeat themselves: the first is passed on, the others are counted and told as one."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass

from edgedet.service.journal import Kind

_WINDOW_S = 60.0
_MOST_KEYS = 256
_NUMBER = re.compile(r"\d+(?:\.\d+)?")

_Key = tuple[str, int, str]


@dataclass(slots=True)
class _Seen:
    """One message within its window."""

    since_s: float
    last: logging.LogRecord
    again: int = 0


class Repeats(logging.Handler):
    """Stands before another handler. Messages are the same when they differ in nothing but their numbers.

    The first goes through at once. Those that follow within the window are told when it is over, as the last of them
    with their count; where they go on, so does the counting.
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

    def emit(self, record: logging.LogRecord) -> None:
        """Pass a record on, or count it."""
        self.sum_up()
        if record.__dict__.get("edgedet", {}).get("kind") is Kind.OBJECT:
            # Two people who come one after the other are no repeat, though their lines differ in numbers alone.
            self._handler.handle(record)
            return
        key = (record.name, record.levelno, _NUMBER.sub("#", record.getMessage()))
        seen = self._seen.get(key)
        if seen is not None:
            seen.again += 1
            seen.last = record
            return
        if len(self._seen) >= _MOST_KEYS:
            self._tell(*self._seen.popitem())
        self._seen[key] = _Seen(self._now_s(), record)
        self._handler.handle(record)

    def sum_up(self) -> None:
        """Tell what has repeated itself in windows that are over. Also to be called when nothing is logged."""
        self.acquire()
        try:
            now_s = self._now_s()
            for key, seen in list(self._seen.items()):
                if now_s - seen.since_s < self._window_s:
                    continue
                if seen.again:
                    self._tell(key, seen)
                    self._seen[key] = _Seen(now_s, seen.last)
                else:
                    del self._seen[key]
        finally:
            self.release()

    def close(self) -> None:
        """Tell what is left, and close."""
        for key, seen in self._seen.items():
            self._tell(key, seen)
        self._seen.clear()
        self._handler.close()
        super().close()

    def _tell(self, _key: _Key, seen: _Seen) -> None:
        if not seen.again:
            return
        summary = copy(seen.last)
        over_s = max(1.0, self._now_s() - seen.since_s)
        summary.msg = f"{seen.last.getMessage()} ({seen.again} more like this in {over_s:.0f} s)"
        summary.args = None
        self._handler.handle(summary)
