"""The cameras: found, by which interpreter, and does a frame come. Opened in a child only, as the daemon does."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from edgedet.app.composition import source_of
from edgedet.doctor import hidden, service_word, unit
from edgedet.doctor.asking import ask
from edgedet.doctor.finding import Finding, Level, as_asked, as_root, ok, problem, warning
from edgedet.doctor.situation import group_name
from edgedet.errors import EdgedetError, SourceError
from edgedet.settings import DEFAULT_PATH
from edgedet.types import ViewSize
from edgedet.workers.camera import CameraSpec, CameraWorker

if TYPE_CHECKING:
    from edgedet.doctor.situation import Situation
    from edgedet.settings import CameraSettings

_SUBJECT = "camera"
_SYSTEM_PYTHON = "/usr/bin/python3"
_COUNT = "import picamera2; print(len(picamera2.Picamera2.global_camera_info()))"
_ONE_AT_A_TIME = frozenset({"picamera2", "v4l2"})
_VIEW = ViewSize(320, 320)
_READ = 4
_READ_WRITE = 6


def names(situation: Situation) -> list[str]:
    """One subject for each camera of the configuration; without one, the machine's cameras together."""
    if situation.loaded is None:
        return [_SUBJECT]
    return [f"{_SUBJECT} {name}" for name in situation.loaded.settings.cameras]


def examine(situation: Situation, subject: str) -> Iterator[Finding]:
    """Say whether it gives frames."""
    if situation.loaded is None:
        yield from _machine(situation)
        return
    camera = situation.loaded.settings.cameras[_name(subject)]
    kind = camera.source.type
    missing = (
        _interpreter(situation, subject, camera)
        or _permission(situation, subject, camera)
        or _recording(situation, subject, camera)
    )
    if missing is not None:
        yield missing
    elif kind in _ONE_AT_A_TIME and unit.is_running(situation):
        yield _at_the_service(situation, subject, kind)
    else:
        found = _frame(situation, subject, camera)
        yield found
        if found.level is Level.OK and situation.config == DEFAULT_PATH:
            # One that can be opened twice: it may give frames here, and none to the service.
            yield from _told_beside(situation, subject)


def _at_the_service(situation: Situation, subject: str, kind: str) -> Finding:
    """How one is that is not opened, because the service has it."""
    status = unit.settled_status(situation)
    named = service_word.named_of(status, _name(subject), "")
    if named is not None:
        return service_word.of_part(subject, named, situation)
    if status is not None and status.more:
        message = f"the running service has it ({kind}), and more is wrong than its status line has room for"
        return warning(subject, message, "Its log has the rest.", service_word.log(f"EDGEDET_CAMERA={_name(subject)}"))
    said = "`health` says how it does" if status is None else "the service names nothing wrong with it"
    return ok(subject, f"the running service has it ({kind}), so it is not opened; {said}")


def _told_beside(situation: Situation, subject: str) -> Iterator[Finding]:
    named = service_word.named_of(unit.settled_status(situation), _name(subject), "")
    if named is not None:
        yield service_word.of_part(subject, named, situation)


def _name(subject: str) -> str:
    return subject.removeprefix(f"{_SUBJECT} ")


def _machine(situation: Situation) -> Iterator[Finding]:
    """Without a configuration: what could be used."""
    answer = ask([_SYSTEM_PYTHON, "-I", "-c", _COUNT], situation.patience_s)
    if answer is not None and answer.code == 0:
        yield ok(_SUBJECT, f"picamera2 of {_SYSTEM_PYTHON} finds {answer.out.splitlines()[-1]} of the Pi's own")
    elif _is_pi(situation):
        yield warning(_SUBJECT, f"{_SYSTEM_PYTHON} has no picamera2 for the Pi's own cameras", "", _install_picamera2())
    else:
        yield ok(_SUBJECT, "picamera2 is not here; it is for a Raspberry Pi's own cameras")
    nodes = sorted(path.name for path in (situation.root / "dev").glob("video*"))
    yield ok(_SUBJECT, f"Video4Linux has {', '.join(nodes)}" if nodes else "Video4Linux has no camera here")


def _interpreter(situation: Situation, subject: str, camera: CameraSettings) -> Finding | None:
    """What keeps the source's own interpreter from loading its driver."""
    python = getattr(camera.source, "interpreter", None)
    if python is None:
        return None
    in_a_home = hidden.examine_interpreter(situation, subject, Path(python))
    if in_a_home is not None:
        return in_a_home
    driver = camera.source.type
    answer = ask([python, "-I", "-c", f"import {driver}"], situation.patience_s)
    if answer is None:
        advice = "Leave `python:` out of the source, or name an interpreter that exists."
        return problem(subject, f"there is no {python} to load {driver}", advice, f"command -v {_SYSTEM_PYTHON}")
    if answer.code == 0:
        return None
    why = answer.ended if answer.code is None or answer.code < 0 else answer.error
    advice = "It comes with the system's Python; a virtual environment does not see it."
    if not _is_pi(situation):
        advice += " Only Raspberry Pi OS has it: elsewhere, write another `type:` of source."
    return problem(subject, f"{python} cannot load {driver}: {why}", advice, _install_picamera2())


def _permission(situation: Situation, subject: str, camera: CameraSettings) -> Finding | None:
    device = getattr(camera.source, "device", None)
    if device is None:
        return None
    node = situation.root / Path(device).relative_to("/")
    if not node.exists():
        advice = "Is it plugged in? The Pi's own camera is `type: picamera2`."
        return problem(subject, f"{device} does not exist", advice, "ls -l /dev/v4l/by-id")
    if situation.account.may(node, _READ_WRITE):
        return None
    group = group_name(node.stat().st_gid)
    join = as_root(f"usermod -aG {shlex.quote(group)} {shlex.quote(situation.account.name)}")
    return problem(subject, f"{situation.account.name} may not open {device}", "Then restart the service.", join)


def _recording(situation: Situation, subject: str, camera: CameraSettings) -> Finding | None:
    """What keeps the service from a file or folder that whoever asks may well be able to read."""
    told = source_of(camera).get("path")
    account = situation.account
    if not isinstance(told, str) or not hidden.is_for_the_service(situation):
        return None
    path = Path(told)
    in_a_home = hidden.examine(situation, subject, path)
    if in_a_home is not None:
        return in_a_home
    if path.exists() and not account.may(path, _READ):
        closed = account.closed_folder(path)
        above = [] if closed is None else [f"chmod a+x {shlex.quote(str(closed))}"]
        opened = as_root(*above, f"chmod -R a+rX {shlex.quote(told)}")
        return problem(subject, f"{account.name} may not read {told}", "", opened)
    return None


def _frame(situation: Situation, subject: str, camera: CameraSettings) -> Finding:
    source = source_of(camera)
    python = getattr(camera.source, "interpreter", None)
    limit_s = situation.patience_s
    spec = CameraSpec("probe", source, _VIEW, slots=2, open_deadline_s=limit_s, stall_s=limit_s, python=python)
    kind = camera.source.type
    by = f" by {python}" if python else ""
    try:
        width, height = asyncio.run(_first_frame(spec))
    except EdgedetError as error:
        called = f" `health` calls it {error.code}." if isinstance(error, SourceError) else ""
        message = error.message.removeprefix("probe: ")
        return problem(subject, message, f"{error.hint}{called}".strip(), _look_at(camera, source))
    return ok(subject, f"{kind} gives frames of {width}x{height}{by}")


async def _first_frame(spec: CameraSpec) -> tuple[int, int]:
    """Width and height of the full picture.

    Raises:
        EdgedetError: none comes.
    """
    async with CameraWorker(spec, on_note=lambda _note: None) as worker:
        async for frame in worker.frames():
            size = frame.stamp.width, frame.stamp.height
            frame.release()
            return size
    raise SourceError("it ended without a frame", hint="Look at what it is.", code="camera_absent")


def _look_at(camera: CameraSettings, source: dict[str, object]) -> str:
    """No command repairs a cable; this one shows what is there."""
    match camera.source.type:
        case "picamera2":
            return "rpicam-hello --list-cameras"
        case "v4l2":
            return f"fuser -v {shlex.quote(str(source['device']))}; ls -l /dev/v4l/by-id"
        case "rtsp":
            parts = urlsplit(str(source["url"]))
            return f"nc -zv {shlex.quote(parts.hostname or '')} {parts.port or 554}"
        case _:
            return as_asked(f"ls -l {shlex.quote(str(source.get('path', '.')))}")


def _is_pi(situation: Situation) -> bool:
    return (situation.root / "sys/firmware/devicetree/base/model").exists()


def _install_picamera2() -> str:
    return as_root("apt-get install -y python3-picamera2")
