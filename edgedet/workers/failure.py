"""An error on its way from a worker to the daemon: its words travel, its traceback stays in the worker's log."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
from collections.abc import Callable

from edgedet import errors
from edgedet.errors import AcceleratorError, EdgedetError, SourceError, WorkerRefused
from edgedet.workers.protocol import Kind, pack_json, unpack_json


def send_failure(connection: socket.socket, error: Exception) -> None:
    """Tell the daemon why this worker ends. An error of ours keeps its class, message, hint and health code."""
    if isinstance(error, EdgedetError):
        body = {"kind": type(error).__name__, "message": error.message, "hint": error.hint}
        if isinstance(error, SourceError | AcceleratorError):
            body["code"] = error.code
    else:
        body = {"kind": "", "message": f"{type(error).__name__}: {error}", "hint": ""}
    with contextlib.suppress(OSError):
        connection.send(pack_json(Kind.FAILED, body))


def run_or_end(connection: socket.socket, work: Callable[[], None]) -> None:
    """Do a worker's work; whatever goes wrong ends the process with its reason, since half a worker is worse than none.

    A daemon that is gone is no failure.
    """
    try:
        work()
    except (BrokenPipeError, ConnectionResetError):
        os._exit(0)
    except Exception as error:
        send_failure(connection, error)
        if not isinstance(error, EdgedetError):
            logging.getLogger(__name__).exception("worker failed")
        os._exit(1)


def read_failure(message: bytes) -> EdgedetError:
    """The error as the worker raised it, where it is one of ours; else a `WorkerRefused` with its words."""
    body = unpack_json(message)
    text, hint, kind = str(body.get("message", "")), str(body.get("hint", "")), str(body.get("kind", ""))
    known = getattr(errors, kind, None) if kind else None
    if isinstance(known, type) and issubclass(known, SourceError):
        return known(text, hint=hint, code=str(body.get("code", "camera_crashed")))
    if isinstance(known, type) and issubclass(known, AcceleratorError):
        return known(text, hint=hint, code=str(body.get("code", "edgetpu_crashed")))
    if isinstance(known, type) and issubclass(known, EdgedetError):
        return known(text, hint=hint)
    return WorkerRefused(text, hint=hint, kind=kind)
