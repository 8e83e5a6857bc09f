"""Getting at a camera of libcamera: its libraries, which of several it is, and what a refusal means."""

from __future__ import annotations

import errno
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from edgedet.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator


def libraries() -> tuple[Any, Any]:
    """The modules picamera2 and libcamera.

    Raises:
        SourceError: this interpreter does not have them.
    """
    # Its own log has a line for every step, on the standard error that the daemon keeps for a worker's last words.
    os.environ.setdefault("LIBCAMERA_LOG_LEVELS", "*:WARN")
    try:
        return import_module("picamera2"), import_module("libcamera")
    except ImportError as error:
        raise SourceError(
            f"{sys.executable} cannot load picamera2: {error}",
            hint="Install it for the system's Python: sudo apt install python3-picamera2. Another interpreter that has "
            "it is named with `python:` in the source.",
        ) from None


def number_of(wanted: int | str, found: list[dict[str, Any]]) -> int:
    """Which of the cameras that picamera2 finds is wanted.

    Raises:
        SourceError: it is not among them.
    """
    if not found:
        raise SourceError(
            "no camera is found by libcamera",
            hint="Look at the cable, then at `rpicam-hello --list-cameras`. A Pi looks for cameras at boot only.",
        )
    if isinstance(wanted, int) and wanted < len(found):
        return wanted
    for number, info in enumerate(found):
        if wanted in (info.get("Model"), info.get("Id")):
            return number
    names = ", ".join(f"{number}: {info.get('Model', '?')}" for number, info in enumerate(found))
    raise SourceError(f"there is no camera {wanted}", hint=f"libcamera finds {names}.")


def refusal(name: str, error: BaseException) -> SourceError:
    """What picamera2 says when it cannot open or configure a camera, in our words and with its code."""
    reason = _last_cause(error)
    if _is_busy(error):
        return SourceError(
            f"{name} is in use by another program: {reason}",
            hint="One program has a camera at a time: end the other one (rpicam-hello, motion, another edgedet).",
            code="camera_busy",
        )
    return SourceError(
        f"{name} cannot be opened: {reason}",
        hint="Does `rpicam-hello --list-cameras` show it, and does it do this size?",
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _last_cause(error: BaseException) -> str:
    """What libcamera said: picamera2 wraps it in sentences that say only that something went wrong."""
    *_, last = _causes(error)
    return " ".join(str(last).split()) or type(last).__name__


def _is_busy(error: BaseException) -> bool:
    return any(
        getattr(cause, "errno", None) == errno.EBUSY or "busy" in str(cause).lower() or "in use" in str(cause).lower()
        for cause in _causes(error)
    )
