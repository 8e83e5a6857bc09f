"""What the running service says of its parts, put into findings: what it has open is not opened beside it."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from edgedet.doctor.finding import Finding, Level, as_asked, as_root, ok, problem, warning
from edgedet.health import Code, State
from edgedet.settings.default_file import DEFAULT_PATH

if TYPE_CHECKING:
    from edgedet.app.status_line import Named, Status
    from edgedet.doctor.situation import Situation

_PASSING = frozenset(
    {
        Code.STARTING,
        Code.CAMERA_DARK,
        Code.OVERLOADED,
        Code.EDGETPU_USB2,
        Code.EDGETPU_HOT,
        Code.BROKER_UNREACHABLE,
    }
)
"""With these it works, with less than it could, or tries again by itself."""
_CHECKED = frozenset({Code.MODEL_MISSING, Code.MODEL_MISMATCH, Code.CONFIG_REJECTED})
_POWER = frozenset({Code.UNDERVOLTAGE, Code.THROTTLED})
_CLOSER = "What the service has open is not opened beside it: this stops the service, looks, and starts it again."


def named_of(status: Status | None, component: str, prefix: str) -> Named | None:
    """The first thing that the service names of a part, with a code that begins with `prefix`; None: nothing."""
    named = () if status is None else status.named
    return next((one for one in named if one.component == component and one.code.startswith(prefix)), None)


def of_part(subject: str, named: Named, situation: Situation) -> Finding:
    """The finding for one part that is not well."""
    level = Level.WARNING if named.code in _PASSING else Level.PROBLEM
    message = f"the running service says {named.code}{_meaning(named.code)}"
    command = mend(named, situation)
    return Finding(subject, level, message, _CLOSER if command == look_closer(situation) else "", command)


def of_all(subject: str, unit: str, line: str, status: Status | None, situation: Situation) -> Finding:
    """The finding for the service as a whole; `line` is what it says, `status` what that means, where it is known."""
    if status is None or status.state is State.OK:
        return ok(subject, f"{unit} runs: {line}" if line else f"{unit} runs")
    message, codes = f"{unit} runs and is {line}", [named.code for named in status.named]
    advice = " ".join(f"{code}{_meaning(code)}" for code in dict.fromkeys(codes))
    command = mend(status.named[0], situation) if status.named else log()
    starts = set(codes) == {Code.STARTING}
    made = problem if status.state is State.BLIND and not starts else warning
    return made(subject, message, advice, command)


def mend(named: Named, situation: Situation) -> str:
    """What mends it or, where only a hand can, what shows it."""
    code = named.code
    if code == Code.STARTING:
        return log()
    if code == Code.EDGETPU_ABSENT:
        return "lsusb"
    if code.startswith(("camera_", "edgetpu_")):
        return look_closer(situation)
    if code in _CHECKED:
        return as_asked(f"edgedet check -c {shlex.quote(str(situation.config or DEFAULT_PATH))}")
    if code.startswith("broker_"):
        # The password is read at the start only, and a restart does not wait for the next try.
        return as_root("systemctl restart edgedet")
    if code in _POWER:
        return "vcgencmd get_throttled"
    if code == Code.MEMORY_LOW:
        return "ps aux --sort=-rss | head"
    return log(f"EDGEDET_COMPONENT={named.component}")


def look_closer(situation: Situation) -> str:
    """Examine what the service has, while it does not have it; it is started again whatever is found."""
    given = situation.config in (None, DEFAULT_PATH)
    doctor = "edgedet doctor" if given else f"edgedet doctor -c {shlex.quote(str(situation.config))}"
    return as_root(f"systemctl stop edgedet; {doctor}; systemctl start edgedet")


def log(*matches: str) -> str:
    """What the service has said of it, at length."""
    return " ".join(["journalctl -u edgedet", *matches, "-n 30 --no-pager"])


def _meaning(code: str) -> str:
    return next((f": {known.advice}" for known in Code if known == code), "")
