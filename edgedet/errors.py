"""Every error that edgedet raises on purpose.

Each inherits from the domain (`EdgedetError`) and from the builtin that a stranger would expect, and carries a hint:
what the reader can do about it. `str()` is what a user sees; a traceback is never shown for these.

    EdgedetError
     ├─ ConfigError(ValueError)          exit 78   wrong configuration, with file, line, column and key
     ├─ UsageError(ValueError)           exit 2    the command line makes no sense
     ├─ SourceError(OSError)             exit 1    a camera or file that gives no frames
     │   └─ SourceLost                   exit 1    one that gave frames and stopped
     ├─ ModelError(ValueError)           exit 1    a file that is no usable detector
     │   ├─ ModelMissing(FileNotFoundError)
     │   └─ ModelUnsuited                          needs an accelerator that is not there
     ├─ WorkerError(RuntimeError)        exit 1    a child process failed
     │   ├─ WorkerLost                             it died, or was killed after a missed deadline
     │   ├─ WorkerRefused                          it started and said no
     │   └─ AcceleratorError                       the Edge TPU cannot be used, or was lost
     ├─ DownloadError(OSError)           exit 1    a model that cannot be fetched
     └─ BrokerError(ConnectionError)     exit 1    MQTT is not to be had
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What a command tells its caller."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    CONFIG = 78
    INTERRUPTED = 130


class EdgedetError(Exception):
    """Base of all. `message` says what and where; `hint` what to do, or is empty."""

    exit_code: ExitCode = ExitCode.FAILED

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class ConfigError(EdgedetError, ValueError):
    """The configuration is wrong; the message starts with `file:line:column: key:`."""

    exit_code = ExitCode.CONFIG


class UsageError(EdgedetError, ValueError):
    """Options or arguments that cannot be meant."""

    exit_code = ExitCode.USAGE


class SourceError(EdgedetError, OSError):
    """A source that cannot be opened or gives no frame. `code` is one of the health codes (`camera_absent`…)."""

    def __init__(self, message: str, *, hint: str = "", code: str = "camera_absent") -> None:
        super().__init__(message, hint=hint)
        self.code = code


class SourceLost(SourceError):
    """A source that gave frames and then stopped giving them."""


class ModelError(EdgedetError, ValueError):
    """A file that is no usable detector: says what it is instead."""


class ModelMissing(ModelError, FileNotFoundError):
    """There is no such model file."""


class ModelUnsuited(ModelError):
    """A good model for hardware that is not there."""


class WorkerError(EdgedetError, RuntimeError):
    """A child process could not do its work."""


class WorkerLost(WorkerError):
    """A worker died or was killed. What it was looking at is unknown, which is not the same as empty."""


class WorkerRefused(WorkerError):
    """A worker came up and refused its job. `kind` names the error class it would have raised here."""

    def __init__(self, message: str, *, hint: str = "", kind: str = "", code: str = "") -> None:
        super().__init__(message, hint=hint)
        self.kind = kind
        self.code = code


class AcceleratorError(WorkerError):
    """An accelerator that cannot be used, or can no longer. `code` is one of the health codes (`edgetpu_absent`…)."""

    def __init__(self, message: str, *, hint: str = "", code: str = "edgetpu_crashed") -> None:
        super().__init__(message, hint=hint)
        self.code = code


class DownloadError(EdgedetError, OSError):
    """A file that cannot be fetched, or is not the one that was meant."""


class BrokerError(EdgedetError, ConnectionError):
    """The MQTT broker cannot be reached or refuses us."""
