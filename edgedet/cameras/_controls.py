"""A configuration's controls as picamera2 wants them: libcamera's names, and numbers for an enumeration's values."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edgedet.cameras.picamera2 import Settings

_FRAME_RATE = "FrameRate"
"""picamera2's own name for `FrameDurationLimits` in frames a second."""
_FRAME_DURATION = "FrameDurationLimits"


def resolved(
    settings: Settings, known: Mapping[str, tuple[Any, Any, Any]], libcamera: Any
) -> tuple[dict[str, Any], list[str]]:
    """What to give to picamera2, and a line for each control that this camera does not have or cannot be set so.

    A camera without one of them still sees: the others are set all the same.

    Args:
        settings: what is wanted.
        known: the camera's controls with (lowest, highest, default), `Picamera2.camera_controls`.
        libcamera: the module, for its enumerations.
    """
    duration_us = round(1e6 / settings.fps)
    wanted: dict[str, Any] = {_FRAME_DURATION: (duration_us, duration_us)} if _FRAME_DURATION in known else {}
    notes = []
    for name, value in settings.controls.items():
        if name == _FRAME_RATE and isinstance(value, int | float) and value > 0 and _FRAME_DURATION in known:
            wanted[_FRAME_DURATION] = (round(1e6 / value), round(1e6 / value))
        elif name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            advice = f"did you mean {near[0]}?" if near else f"it has {', '.join(sorted(known)) or 'none'}"
            notes.append(f"control {name}: this camera does not have it; {advice}")
        elif isinstance(value, str):
            number = _member(libcamera, name, value)
            if number is None:
                notes.append(f"control {name}: {value!r} is no value of it; it is left as it is")
            else:
                wanted[name] = number
        elif _is_outside(value, known[name]):
            lowest, highest, _ = known[name]
            notes.append(f"control {name}: {value} is outside {lowest} to {highest}; it is left as it is")
        else:
            wanted[name] = tuple(value) if isinstance(value, list | tuple) else value
    return wanted, notes


def _member(libcamera: Any, name: str, value: str) -> int | None:
    """The number of an enumeration's value: `Continuous` of AfMode is `libcamera.controls.AfModeEnum.Continuous`."""
    for place in (libcamera.controls, getattr(libcamera.controls, "draft", None)):
        members = getattr(place, f"{name}Enum", None)
        for member in dir(members) if members is not None else ():
            if not member.startswith("_") and member.lower() == value.lower():
                return int(getattr(members, member))
    return None


def _is_outside(value: Any, limits: tuple[Any, Any, Any]) -> bool:
    lowest, highest, _ = limits
    if not all(isinstance(number, int | float) for number in (value, lowest, highest)):
        return False
    return not lowest <= value <= highest
