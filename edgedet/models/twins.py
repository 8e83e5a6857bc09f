"""The two files of one model: `X.tflite` for the CPU and `X_edgetpu.tflite`, compiled from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_COMPILED = "_edgetpu"


def cpu_twin(path: Path) -> Path | None:
    """The file beside `path` that it was compiled from; None where there is none."""
    if not path.stem.endswith(_COMPILED):
        return None
    return _existing(path.with_name(path.stem.removesuffix(_COMPILED) + path.suffix))


def edgetpu_twin(path: Path) -> Path | None:
    """The file beside `path` that was compiled from it; None where there is none."""
    if path.stem.endswith(_COMPILED):
        return None
    return _existing(path.with_name(path.stem + _COMPILED + path.suffix))


def _existing(path: Path) -> Path | None:
    try:
        return path if path.is_file() else None
    except OSError:
        return None  # in a folder that is closed to us there is none that we could use
