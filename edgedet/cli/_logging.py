"""Where the log goes: to the journal with its fields, to a terminal as text to be read, to a file as plain lines."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from edgedet.service.crash import Ring, stacks_into
from edgedet.service.journal import JournalHandler, goes_to_journal, journal_sender
from edgedet.service.repeats import Repeats

_OURS = "edgedet"


@contextmanager
def log_to_stderr(level: int) -> Iterator[Repeats]:
    """Log from `level` on; standard error that ends in the journal is replaced by the journal itself."""
    repeats = Repeats(_sink())
    repeats.setLevel(level)
    root = logging.getLogger()
    before = root.level
    root.addHandler(repeats)
    root.setLevel(level)
    try:
        yield repeats
    finally:
        root.removeHandler(repeats)
        root.setLevel(before)
        repeats.close()


@contextmanager
def last_words_into(folder: Path | None) -> Iterator[None]:
    """Keep the last lines, the details too, and the stacks at a fatal signal in the folder; None: nowhere."""
    if folder is None:
        yield
        return
    ring = Ring(folder)
    ring.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    ours = logging.getLogger(_OURS)
    before = ours.level
    with ExitStack() as stack:
        stack.enter_context(stacks_into(folder))
        logging.getLogger().addHandler(ring)
        # Of ours only: other libraries' details are many, and say little about an end.
        ours.setLevel(logging.DEBUG)
        try:
            yield
        finally:
            ours.setLevel(before)
            logging.getLogger().removeHandler(ring)
            ring.close()


def _sink() -> logging.Handler:
    if goes_to_journal(sys.stderr):
        return JournalHandler(journal_sender())
    handler = logging.StreamHandler(sys.stderr)
    stamp = "%(asctime)s " if sys.stderr.isatty() else ""
    handler.setFormatter(logging.Formatter(f"{stamp}%(levelname)s %(message)s"))
    return handler
