"""What is tried, in which order, to get an Edge TPU back that is there and keeps failing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Reset = Literal["off", "authorized", "uhubctl"]

RELOAD_OPTION = "Usb.AlwaysDfu"
"""The delegate's option that loads the firmware anew, which takes some seconds."""
_RELOAD_AFTER = 2
_RESET_AFTER = 4
_POWER_CYCLE_AFTER = 6
"""Failures in a row. Opening a device resets its port already, and that helps most of them."""
_ABSENT = frozenset({"edgetpu_absent", "model_missing"})
_NOT_ITS_FAULT = frozenset({"edgetpu_busy", "edgetpu_no_permission", "model_mismatch"})
_MAY_NEED_RESET = frozenset({"edgetpu_lost", "edgetpu_hung", "edgetpu_crashed", "edgetpu_wrong_answers"})
"""A device that another program uses, or whose library does not fit, gets nothing from a reset."""


@dataclass(frozen=True, slots=True)
class Rung:
    """What precedes and accompanies one attempt."""

    reload: bool = False
    """Whether its firmware is loaded anew."""
    reset: Reset = "off"
    """What the root helper is asked for before."""


def is_absent(code: str) -> bool:
    """Whether there is nothing to fail: it is looked for regularly, since looking costs little."""
    return code in _ABSENT


def rung_after(failures: int, code: str, allowed: Reset) -> Rung:
    """The next attempt's rung, after so many failures in a row, the last with this health code.

    Each rung holds those below it. `uhubctl` allows `authorized` too; `off` is the daemon without root's help.
    """
    if code in _ABSENT or code in _NOT_ITS_FAULT or failures < _RELOAD_AFTER:
        return Rung()
    if allowed == "off" or failures < _RESET_AFTER or code not in _MAY_NEED_RESET:
        return Rung(reload=True)
    if allowed == "uhubctl" and failures >= _POWER_CYCLE_AFTER:
        return Rung(reload=True, reset="uhubctl")
    return Rung(reload=True, reset="authorized")
