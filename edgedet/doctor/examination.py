"""All subjects at once, each in a thread of its own, and an end to it even where one hangs in the kernel."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from edgedet.doctor import broker, camera, clock, disk, edgetpu, library, model, power, unit
from edgedet.doctor.finding import Finding, problem

if TYPE_CHECKING:
    from edgedet.doctor.situation import Situation

Answer = TypeVar("Answer")

LIMIT_S = 20.0
"""For everything together: what has not answered by then is named, and not waited for."""


@dataclass(frozen=True, slots=True)
class Subject:
    """One thing to look at."""

    name: str
    look: Callable[[], Iterable[Finding]]


def subjects(situation: Situation) -> list[Subject]:
    """What there is to look at, in the order in which it is told."""
    cameras = [Subject(name, partial(camera.examine, situation, name)) for name in camera.names(situation)]
    others: dict[str, Callable[[Situation], Iterable[Finding]]] = {
        edgetpu.SUBJECT: edgetpu.examine,
        library.SUBJECT: library.examine,
        model.SUBJECT: model.examine,
        broker.SUBJECT: broker.examine,
        power.SUBJECT: power.examine,
        clock.SUBJECT: clock.examine,
        disk.SUBJECT: disk.examine,
        unit.SUBJECT: unit.examine,
    }
    return [*cameras, *(Subject(name, partial(look, situation)) for name, look in others.items())]


def examine(
    asked: list[Subject], on_done: Callable[[str], None] = lambda _name: None, limit_s: float = LIMIT_S
) -> Iterator[Finding]:
    """Look at all of it; `on_done` hears each subject's name when its findings are there.

    The threads are daemons and not joined: one that hangs ends with the process, and takes its child along, which the
    kernel kills when its parent's thread ends (PR_SET_PDEATHSIG).
    """
    answers: queue.SimpleQueue[tuple[str, list[Finding]]] = queue.SimpleQueue()
    for subject in asked:
        threading.Thread(target=_look, args=(subject, answers), name=subject.name, daemon=True).start()
    found: dict[str, list[Finding]] = {}
    until_s = time.monotonic() + limit_s
    while len(found) < len(asked):
        try:
            name, findings = answers.get(timeout=max(0.0, until_s - time.monotonic()))
        except queue.Empty:
            break
        found[name] = findings
        on_done(name)
    for subject in asked:
        yield from found.get(subject.name, [_silent(subject.name, limit_s)])


def answer_of(work: Callable[[], Answer], limit_s: float) -> Answer | None:
    """What `work` returns or raises, if it does within the limit; None: it hangs, and is left behind."""
    done: queue.SimpleQueue[tuple[Answer | None, Exception | None]] = queue.SimpleQueue()
    threading.Thread(target=lambda: done.put(_attempt(work)), daemon=True).start()
    try:
        answer, error = done.get(timeout=limit_s)
    except queue.Empty:
        return None
    if error is not None:
        raise error
    return answer


def _attempt(work: Callable[[], Answer]) -> tuple[Answer | None, Exception | None]:
    """What came of it: what ends a thread is lost unless somebody hands it on."""
    try:
        return work(), None
    except Exception as error:  # noqa: BLE001 - whatever it is, the other subjects must go on, and it must be told
        return None, error


def _look(subject: Subject, answers: queue.SimpleQueue[tuple[str, list[Finding]]]) -> None:
    findings, error = _attempt(lambda: list(subject.look()))
    if findings is None:
        findings = [_unseen(subject.name, error)]
    answers.put((subject.name, findings))


def _unseen(name: str, error: Exception | None) -> Finding:
    if isinstance(error, PermissionError) and error.filename is not None:
        return problem(name, f"{error.filename} is closed to this user", "Look as root.", "sudo edgedet doctor")
    said = f"{type(error).__name__}: {error}"
    return problem(name, f"cannot be looked at: {said}", "Please report this.", "edgedet --version")


def _silent(name: str, limit_s: float) -> Finding:
    advice = "Something below it hangs: a disk, a network file system or a driver. The kernel's log may say which."
    return problem(name, f"did not answer within {limit_s:g} s", advice, "dmesg | tail -n 20")
