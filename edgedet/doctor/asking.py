"""Other programs, asked with a time limit. What does not answer is killed, and nobody waits for its corpse."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from edgedet.workers.process import describe_exit

_MEANINGS = {
    "SIGSEGV": "its code was built for something else than it was loaded with",
    "SIGBUS": "its code was built for something else than it was loaded with",
    "SIGILL": "its code was built for another processor",
    "SIGABRT": "it gave up by itself: libedgetpu does that when a transfer over USB fails",
    "SIGKILL": "somebody killed it, mostly the kernel for want of memory",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a program said."""

    code: int | None
    """Its exit status, below 0 the signal that ended it; None: it was killed after the time limit."""
    out: str
    error: str
    """Standard error's last line that says something."""

    @property
    def ended(self) -> str:
        """How it ended, in words."""
        return "did not answer in time" if self.code is None else explain_signal(describe_exit(self.code))


def ask(argv: Sequence[str], timeout_s: float) -> Answer | None:
    """Run a program to its end; None: there is no such program."""
    try:
        child = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
            env={**os.environ, "LC_ALL": "C"},
        )
    except OSError:
        return None
    try:
        out, error = child.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        return Answer(None, "", "")
    lines = [line.strip() for line in error.splitlines() if line.strip()]
    return Answer(child.returncode, out.strip(), lines[-1] if lines else "")


def explain_signal(words: str) -> str:
    """`died of SIGSEGV` with what that means behind it; any other words as they are."""
    for name, meaning in _MEANINGS.items():
        if name in words:
            return f"{words} ({meaning})"
    return words
