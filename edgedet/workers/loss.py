"""What the end of an Edge TPU's worker means: a code for `health`, and a sentence that helps."""

from __future__ import annotations

from enum import Enum

from edgedet.errors import AcceleratorError, WorkerLost

_WRONG_BINARY = ("SIGSEGV", "SIGILL", "SIGBUS")


class When(Enum):
    """What the worker was doing."""

    LOADING = "loading"
    RUNNING = "running"
    HUNG = "hung"
    """It had passed its deadline, so it was killed."""


def edgetpu_loss(error: WorkerLost, when: When, versions: str) -> AcceleratorError:
    """The loss of a worker as the loss of its Edge TPU.

    A library that was built for another TensorFlow crashes as soon as it is used: Google's own package with any newer
    runtime (google-coral/edgetpu#812). That and a failed USB transfer are told apart by the signal.

    Args:
        error: what the operating system said of the worker, with the worker's last words as its hint.
        when: what it was doing.
        versions: the runtime and the library, in words; empty: the worker did not come so far.
    """
    words = error.message.partition(": ")[2] or error.message
    said = f"the Edge TPU's worker {'' if words.startswith(('died', 'ended')) else 'was '}{words}"
    if when is When.HUNG:
        return AcceleratorError(said, hint="The Edge TPU did not answer; it is tried again.", code="edgetpu_hung")
    if when is When.LOADING and versions and words.endswith(_WRONG_BINARY):
        return AcceleratorError(
            f"{said} while {versions} were loaded",
            hint="The two do not go together: install the libedgetpu that was built for this version of the runtime.",
            code="edgetpu_runtime_mismatch",
        )
    return AcceleratorError(said, hint=error.hint, code="edgetpu_crashed")
