"""libedgetpu, the TensorFlow Lite runtime, and whether the two go together: tried in a child, which may die of it."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from edgedet.doctor import hidden
from edgedet.doctor.asking import Answer, ask
from edgedet.doctor.finding import Finding, ok, problem, warning
from edgedet.doctor.library_builds import instead_of, right_build
from edgedet.doctor.runtime_cure import bring_runtime

if TYPE_CHECKING:
    from edgedet.doctor.situation import Situation

SUBJECT = "edge tpu library"
LIBRARY = "libedgetpu.so.1"
_CHILD = Path(__file__).with_name("library_child.py")
_RUNTIME_NUMBER = re.compile(r"RuntimeVersion\((\d+)\)")
_PACKAGES = ("libedgetpu1-std", "libedgetpu1-max")


def examine(situation: Situation) -> Iterator[Finding]:
    """Say which versions there are and whether loading them works."""
    python, library, wanted = _asked(situation)
    told = None if situation.loaded is None else situation.loaded.settings.detector.python
    in_a_home = hidden.examine_interpreter(situation, SUBJECT, told)
    if in_a_home is not None:
        yield in_a_home
        return
    answer = ask([python, "-I", str(_CHILD), library], situation.patience_s)
    if answer is None:
        advice = "Set detector.python to an interpreter that exists, or leave it out."
        yield problem(SUBJECT, f"there is no {python}", advice, "command -v python3")
        return
    said = _said(answer)
    yield from _runtime(said, python, situation)
    if wanted:
        yield from _library(situation, answer, said, library)


def _asked(situation: Situation) -> tuple[str, str, bool]:
    """Interpreter, library, and whether an Edge TPU is asked for at all."""
    if situation.loaded is None:
        return sys.executable, LIBRARY, True
    detector = situation.loaded.settings.detector
    python = sys.executable if detector.python is None else str(detector.python)
    return python, str(detector.edgetpu.library), "edgetpu" in detector.accelerators


def _said(answer: Answer) -> dict[str, object]:
    said: dict[str, object] = {}
    for line in answer.out.splitlines():
        try:
            said |= json.loads(line)
        except ValueError:
            continue
    return said


def _runtime(said: dict[str, object], python: str, situation: Situation) -> Iterator[Finding]:
    runtimes = said.get("runtimes")
    if isinstance(runtimes, dict) and runtimes:
        yield ok(SUBJECT, f"{_pair(said)}, on {python}")
        return
    cure = bring_runtime(python, said, situation)
    advice = f"Nothing can be detected without one. {cure.advice}".strip()
    yield problem(SUBJECT, f"{python} has no TensorFlow Lite runtime", advice, cure.command)


def _library(situation: Situation, answer: Answer, said: dict[str, object], library: str) -> Iterator[Finding]:
    package, version = installed_package()
    old = bool(version) and "tf2" not in version.lower()
    cure = right_build()
    if "error" in said:
        reason = str(said["error"])
        if "No such file" not in reason:
            message = f"{library} cannot be loaded: {reason}"
            advice = f"It must be built for this machine and system. {cure.advice}".strip()
            yield problem(SUBJECT, message, advice, cure.command)
        elif needs_one(situation):
            yield problem(SUBJECT, f"{library} is not installed", cure.advice, cure.command)
        else:
            yield ok(SUBJECT, f"{library} is not installed, and no Edge TPU needs it")
    elif answer.code != 0:
        message = f"the process that loads {library} {answer.ended}, beside {_pair(said)}"
        advice = cure.advice or "Install the libedgetpu that was built for this version of the runtime."
        yield problem(SUBJECT, message, advice, cure.command)
    else:
        found = _RUNTIME_NUMBER.search(str(said.get("version", "")))
        number = f", runtime version {found[1]}" if found else ""
        packaged = f", package {version}" if version else ""
        yield ok(SUBJECT, f"{library} loads{number}{packaged}")
    if old:
        message = f"libedgetpu {version} is Google's old build, which crashes with every runtime since TensorFlow 2.12"
        instead = instead_of(package)
        yield warning(SUBJECT, message, instead.advice, instead.command)


def needs_one(situation: Situation) -> bool:
    """Whether an Edge TPU is there, or is asked for and has a model of its own."""
    from edgedet.accelerators.devices import find

    return bool(find(situation.root)) or is_asked_for(situation)


def is_asked_for(situation: Situation) -> bool:
    """Whether the configuration counts on one: as an accelerator, with a model file for it, or with nothing else."""
    if situation.loaded is None:
        return False
    accelerators = situation.loaded.settings.detector.accelerators
    choice = None if situation.model is None else situation.model.choice
    has_file = choice is not None and choice.edgetpu is not None and choice.edgetpu.is_file()
    return "edgetpu" in accelerators and (has_file or "cpu" not in accelerators)


def installed_package() -> tuple[str, str]:
    """Name and version of libedgetpu's Debian package; both empty: there is none."""
    for package in _PACKAGES:
        answer = ask(["dpkg-query", "-W", "-f", "${db:Status-Status} ${Version}", package], 5.0)
        if answer is not None and answer.code == 0 and answer.out.startswith("installed "):
            return package, answer.out.removeprefix("installed ")
    return "", ""


def _pair(said: dict[str, object]) -> str:
    runtimes = said.get("runtimes")
    if not isinstance(runtimes, dict) or not runtimes:
        return "no runtime"
    return " and ".join(f"{name} {version}" for name, version in runtimes.items())
