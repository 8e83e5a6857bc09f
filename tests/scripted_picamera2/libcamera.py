"""The few names of libcamera's bindings that edgedet uses, for `picamera2.py` beside this file."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


@dataclass(frozen=True)
class Transform:
    hflip: bool = False
    vflip: bool = False


class ColorSpace:
    @staticmethod
    def Smpte170m() -> str:  # noqa: N802  # libcamera's name
        return "SMPTE170M"


class controls:  # noqa: N801  # libcamera's name
    class AfModeEnum(IntEnum):
        Manual = 0
        Auto = 1
        Continuous = 2

    class draft:  # noqa: N801  # libcamera's name
        class NoiseReductionModeEnum(IntEnum):
            Off = 0
            Fast = 1
