"""The Edge TPU: is it there, how is it connected, may it be opened, and does it answer."""

from __future__ import annotations

import asyncio
import dataclasses
import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING

from edgedet.accelerators.devices import EdgeTpu, find, holder_of
from edgedet.app import composition
from edgedet.doctor import library, library_builds, service_word, unit
from edgedet.doctor.asking import explain_signal
from edgedet.doctor.finding import Finding, as_asked, as_root, ok, problem, warning
from edgedet.doctor.situation import group_name
from edgedet.errors import AcceleratorError, EdgedetError
from edgedet.types import ViewSize
from edgedet.workers.detector import DetectorSpec, DetectorWorker

if TYPE_CHECKING:
    from edgedet.doctor.situation import Account, Situation

SUBJECT = "edge tpu"
_READ_WRITE = 6
_USB_RULE = 'SUBSYSTEM=="usb", ENV{DEVTYPE}=="usb_device", ATTR{idVendor}=="%s", MODE="0660", GROUP="plugdev"'
_PCIE_RULE = 'SUBSYSTEM=="apex", MODE="0660", GROUP="apex"'
_VENDORS = ("1a6e", "18d1")


def examine(situation: Situation) -> Iterator[Finding]:
    """Say what the kernel shows, then try it."""
    loaded = situation.loaded
    if loaded is not None and "edgetpu" not in loaded.settings.detector.accelerators:
        yield ok(SUBJECT, "not asked for: detector.accelerators has no edgetpu")
        return
    seen = find(situation.root)
    allowed = True
    for tpu in seen:
        yield from _connected(tpu)
        refused = _refused(tpu, situation)
        if refused is not None:
            allowed = False
            yield refused
    if not allowed:
        return
    held = _held(situation, seen)
    if held is not None:
        yield held
        named = service_word.named_of(unit.settled_status(situation), "detector", "edgetpu_")
        if named is not None:
            yield service_word.of_part(SUBJECT, named, situation)
    elif loaded is not None and situation.model is not None and library.is_asked_for(situation):
        yield from _tried(situation, seen)
    elif not seen:
        yield ok(SUBJECT, "none is here; the CPU does the work")
    else:
        advice = "See docs/models.md: a model needs a file that was compiled for it, X_edgetpu.tflite beside X.tflite."
        yield ok(SUBJECT, f"{len(seen)} not tried: no model is given that was compiled for it. {advice}")


def _connected(tpu: EdgeTpu) -> Iterator[Finding]:
    speed = f", {tpu.usb_mbps} Mbit/s" if tpu.usb_mbps else ""
    heat = "" if tpu.temp_c is None else f", {tpu.temp_c:.0f} °C"
    fresh = "" if tpu.used_before else ", not used since it got power"
    number = f", id {tpu.usb_id}" if tpu.usb_id else ""
    if tpu.fault:
        yield problem(SUBJECT, f"{tpu.name}: {tpu.fault}", "Switch the machine off and on.", "dmesg | grep -i apex")
    elif tpu.slow_port:
        advice = "Plug it into a blue port, with the cable that came with it, and look again."
        message = f"{tpu.name} is on USB 2 ({tpu.usb_mbps} Mbit/s{number}), which makes it several times slower"
        yield warning(SUBJECT, message, advice, "lsusb -t")
    elif tpu.is_hot():
        message = f"{tpu.name} is at {tpu.temp_c:.0f} °C and slows itself down"
        show = f"head /sys/class/apex/{tpu.port}/*temp*"
        yield warning(SUBJECT, message, "Give it air or a cooler.", show)
    else:
        yield ok(SUBJECT, f"{tpu.name} is at {tpu.port} ({tpu.node}{number}{speed}{heat}{fresh})")


def _refused(tpu: EdgeTpu, situation: Situation) -> Finding | None:
    node = situation.root / tpu.node.relative_to("/")
    account = situation.account
    if not node.exists():
        message = f"{tpu.name}: {tpu.node} does not exist, though the kernel shows the device"
        return problem(SUBJECT, message, "In a container, hand /dev/bus/usb in.", as_root("udevadm trigger"))
    if account.may(node, _READ_WRITE):
        return None
    status = node.stat()
    message = f"{account.name} may not open {tpu.name} ({tpu.node}, mode {status.st_mode & 0o777:03o})"
    if status.st_mode & 0o060 == 0o060 and status.st_gid != 0:
        group = group_name(status.st_gid)
        return problem(SUBJECT, message, "Then log in again, or restart the service.", _join(group, account))
    on_usb = tpu.name.startswith("usb")
    wanted = "plugdev" if on_usb else "apex"
    rules = [_USB_RULE % vendor for vendor in _VENDORS] if on_usb else [_PCIE_RULE]
    write = f"printf '%s\\n' {shlex.join(rules)} > /etc/udev/rules.d/60-edgetpu.rules"
    advice = f"udev gives it to nobody but root: a rule gives it to the group {wanted}."
    steps = (*_joining(wanted, account), write, "udevadm control --reload", "udevadm trigger")
    return problem(SUBJECT, message, advice, as_root(*steps))


def _join(group: str, account: Account) -> str:
    return as_root(*_joining(group, account))


def _joining(group: str, account: Account) -> tuple[str, ...]:
    return f"groupadd -f {shlex.quote(group)}", f"usermod -aG {shlex.quote(group)} {shlex.quote(account.name)}"


def _held(situation: Situation, seen: tuple[EdgeTpu, ...]) -> Finding | None:
    """Opening a device resets its USB port: one that works for somebody is left alone."""
    for tpu in seen:
        holder = holder_of(tpu, situation.root)
        if holder is not None:
            return ok(SUBJECT, f"{tpu.name} is in use by {holder.name} (process {holder.pid}), so it is not tried")
    if seen and unit.is_running(situation):
        return ok(SUBJECT, "the running service has it, so it is not tried")
    return None


def _tried(situation: Situation, seen: tuple[EdgeTpu, ...]) -> Iterator[Finding]:
    loaded, model = situation.loaded, situation.model
    if loaded is None or model is None or model.choice.edgetpu is None:
        return
    file = model.choice.edgetpu
    if not file.is_file():
        yield ok(SUBJECT, f"not tried: {file} is not there")
        return
    cpu = model.choice.cpu
    twin = cpu if cpu is not None and cpu.is_file() else None
    spec = composition.edgetpu_spec(loaded.settings.detector, file, ViewSize(model.width, model.height), twin)
    limit_s = min(spec.load_deadline_s, situation.load_s)
    try:
        warm_up_ms = asyncio.run(load_once(dataclasses.replace(spec, load_deadline_s=limit_s)))
    except AcceleratorError as error:
        yield _explained(error, seen)
    except EdgedetError as error:
        yield problem(SUBJECT, error.message, error.hint, as_asked(f"edgedet models inspect {shlex.quote(str(file))}"))
    else:
        compared = ", and computes what the CPU does" if twin else ""
        yield ok(SUBJECT, f"it answers: {warm_up_ms:.1f} ms an inference{compared}")


async def load_once(spec: DetectorSpec) -> float:
    """Load a model in a worker, run it, and end the worker; the median milliseconds of an inference.

    Raises:
        EdgedetError: it does not work, or not in time.
    """
    async with DetectorWorker(spec, lambda _error: None) as worker:
        return worker.warm_up_ms


def _explained(error: AcceleratorError, seen: tuple[EdgeTpu, ...]) -> Finding:
    """The command goes by the code: what the library needs, what the device needs."""
    message = explain_signal(error.message)
    usb = next((tpu for tpu in seen if tpu.name.startswith("usb")), None)
    command = "lsusb"
    called = f"`health` calls it {error.code}."
    if error.code == "edgetpu_runtime_mismatch" or "is not installed" in error.message:
        cure = library_builds.right_build()
        return problem(SUBJECT, message, f"{error.hint} {called} {cure.advice}".strip(), cure.command)
    if error.code in {"edgetpu_hung", "edgetpu_lost", "edgetpu_crashed"} and usb is not None:
        switch = f"/sys/bus/usb/devices/{usb.port}/authorized"
        command = as_root(f"echo 0 > {switch}", "sleep 1", f"echo 1 > {switch}")
    elif error.code == "edgetpu_wrong_answers":
        command = "vcgencmd get_throttled"
    return problem(SUBJECT, message, f"{error.hint} {called}".strip(), command)
