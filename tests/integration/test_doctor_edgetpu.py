"""`edgedet doctor` and an Edge TPU that is missing, crashes, hangs, is slow, or may not be opened."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edgedet.doctor.configuration import read
from edgedet.doctor.examination import examine, subjects
from edgedet.doctor.finding import Finding, Level
from edgedet.doctor.situation import Account, Situation, service_account
from edgedet.settings.model_choice import BUNDLED_MODEL
from software_edgetpu.compiled import compiled_from
from software_edgetpu.library import SoftwareEdgeTpu
from software_edgetpu.twin import Twin

NOBODY = Account("nobody", 65534, frozenset({65534}))
PATIENCE_S = 15.0


@pytest.fixture
def device(built_edgetpu: Path, folder: Path) -> Iterator[SoftwareEdgeTpu]:
    """A software Edge TPU that computes what the bundled model does."""
    made = SoftwareEdgeTpu(built_edgetpu, folder)
    with Twin(BUNDLED_MODEL) as twin:
        made.script(twin=str(twin.path))
        yield made


def plug_in(root: Path, *, speed: str = "5000", mode: int = 0o666) -> Path:
    """What the kernel shows of a Coral on USB, below `root`; returns its folder in sysfs."""
    shown = root / "sys/bus/usb/devices/2-1"
    shown.mkdir(parents=True)
    told = {"idVendor": "18d1", "idProduct": "9302", "busnum": "2", "devnum": "3", "speed": speed}
    for name, text in told.items():
        (shown / name).write_text(f"{text}\n")
    node = root / "dev/bus/usb/002/003"
    node.parent.mkdir(parents=True)
    node.touch()
    node.chmod(mode)
    return shown


def situation(folder: Path, library: Path, account: Account | None = None, patience_s: float = PATIENCE_S) -> Situation:
    shutil.copy(BUNDLED_MODEL, folder / "m.tflite")
    compiled_from(BUNDLED_MODEL, folder / "m_edgetpu.tflite")
    file = folder / "edgedet.yaml"
    file.write_text(
        f"version: 1\nstate_dir: {folder / 'state'}\n"
        f"detector: {{model: {folder / 'm.tflite'}, edgetpu: {{library: {library}}}}}\n"
        "cameras:\n  porch:\n    source: {type: synthetic}\n"
    )
    found = read(file, account or service_account(), folder / "root").situation
    return replace(found, patience_s=patience_s)


def look(where: Situation, *names: str) -> list[Finding]:
    return list(examine([each for each in subjects(where) if each.name in (names or ("edge tpu", "edge tpu library"))]))


def wrong(findings: list[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.level is not Level.OK]


def test_one_that_works_is_tried_compared_and_told_with_its_versions(device: SoftwareEdgeTpu, folder: Path) -> None:
    plug_in(folder / "root")
    findings = look(situation(folder, device.library))
    assert wrong(findings) == []
    said = "\n".join(finding.message for finding in findings)
    assert "usb:0 is at 2-1 (/dev/bus/usb/002/003, id 18d1:9302, 5000 Mbit/s)" in said
    assert "and computes what the CPU does" in said
    assert "ai-edge-litert 2" in said
    assert "runtime version 14" in said


def test_a_library_that_is_not_installed_is_named_and_right_once_it_is(device: SoftwareEdgeTpu, folder: Path) -> None:
    kept = device.library.rename(folder / "packaged.so")
    where = situation(folder, device.library)
    first, second = wrong(look(where))
    assert "is not installed" in first.message
    assert second.message == f"{device.library} is not installed"
    assert first.command == second.command
    # In the place of apt-get and wget, which would take the network and a Raspberry Pi.
    assert "libedgetpu1-std" in first.command
    kept.rename(device.library)
    assert wrong(look(where)) == []


def test_a_library_that_crashes_as_it_opens_the_device_is_explained_with_both_versions(
    device: SoftwareEdgeTpu, folder: Path
) -> None:
    where = situation(folder, device.library)
    device.script(create="segv")
    (found,) = wrong(look(where))
    assert "died of SIGSEGV" in found.message
    assert "ai-edge-litert 2" in found.message
    assert "(its code was built for something else than it was loaded with)" in found.message
    assert "edgetpu_runtime_mismatch" in found.advice
    assert "libedgetpu1-std" in found.command
    device.script(create="ok")
    assert wrong(look(where)) == []


def test_a_library_that_gives_up_is_explained_by_what_that_mostly_means(device: SoftwareEdgeTpu, folder: Path) -> None:
    plug_in(folder / "root")
    device.script(create="abort")
    (found,) = wrong(look(situation(folder, device.library)))
    assert "SIGABRT (it gave up by itself: libedgetpu does that when a transfer over USB fails)" in found.message
    # The stand-in has no port that the kernel could take anew, so this command is not run.
    assert "/sys/bus/usb/devices/2-1/authorized" in found.command


def test_one_that_hangs_is_ended_and_named(device: SoftwareEdgeTpu, folder: Path) -> None:
    device.script(create="hang")
    (found,) = wrong(look(situation(folder, device.library, patience_s=2.0), "edge tpu"))
    assert "took longer than 3 s" in found.message
    assert "edgetpu_hung" in found.advice


def test_one_that_computes_nonsense_is_named(device: SoftwareEdgeTpu, folder: Path) -> None:
    device.script(answers="permuted")
    (found,) = wrong(look(situation(folder, device.library)))
    assert "edgetpu_wrong_answers" in found.advice


def test_one_that_is_gone_is_a_problem_because_the_model_was_compiled_for_it(
    device: SoftwareEdgeTpu, folder: Path
) -> None:
    where = situation(folder, device.library)
    device.unplug()
    (found,) = wrong(look(where))
    assert "no Edge TPU" in found.message
    assert found.command == "lsusb"
    device.plug_in("usb:0")
    assert wrong(look(where)) == []


def test_one_on_usb_2_is_a_warning_until_it_is_on_another_port(device: SoftwareEdgeTpu, folder: Path) -> None:
    shown = plug_in(folder / "root", speed="480")
    where = situation(folder, device.library)
    (found,) = wrong(look(where))
    assert found.level is Level.WARNING
    assert "is on USB 2 (480 Mbit/s, id 18d1:9302)" in found.message
    # No command moves a plug: `lsusb -t` shows the ports.
    assert found.command == "lsusb -t"
    (shown / "speed").write_text("5000\n")
    assert wrong(look(where)) == []


def test_a_pcie_one_that_slows_itself_down_for_its_heat_is_a_warning(device: SoftwareEdgeTpu, folder: Path) -> None:
    shown = folder / "root/sys/class/apex/apex_0"
    shown.mkdir(parents=True)
    (shown / "temp").write_text("91000\n")
    (shown / "trip_point0_temp").write_text("84800\n")
    node = folder / "root/dev/apex_0"
    node.parent.mkdir()
    node.touch()
    node.chmod(0o666)
    where = situation(folder, device.library)
    (found,) = wrong(look(where))
    assert (found.level, "pci:0 is at 91 °C" in found.message) == (Level.WARNING, True)
    (shown / "temp").write_text("84000\n")
    assert wrong(look(where)) == []


def test_one_that_another_process_has_open_is_left_alone(device: SoftwareEdgeTpu, folder: Path) -> None:
    plug_in(folder / "root")
    process = folder / "root/proc/4711"
    (process / "fd").mkdir(parents=True)
    (process / "comm").write_text("frigate\n")
    (process / "fd/7").symlink_to(folder / "root/dev/bus/usb/002/003")
    findings = look(situation(folder, device.library), "edge tpu")
    assert "in use by frigate (process 4711)" in findings[-1].message
    assert device.opened == []


@pytest.mark.skipif(os.geteuid() != 0, reason="giving a device to a group is for root only")
@pytest.mark.parametrize("has_rule", [True, False])
def test_one_that_the_service_may_not_open_is_named_and_opened_by_the_command(
    device: SoftwareEdgeTpu, folder: Path, *, has_rule: bool
) -> None:
    plug_in(folder / "root", mode=0o660 if has_rule else 0o600)
    node = folder / "root/dev/bus/usb/002/003"
    if has_rule:
        shutil.chown(node, group="plugdev")
    found, *_ = wrong(look(situation(folder, device.library, NOBODY)))
    assert f"nobody may not open usb:0 (/dev/bus/usb/002/003, mode {'660' if has_rule else '600'})" in found.message
    # On a copy of /etc, and with what udev would do with the rule when it is triggered.
    shutil.copytree("/etc", folder / "etc", symlinks=True)
    programs = folder / "bin"
    programs.mkdir()
    rules = folder / "etc/udev/rules.d/60-edgetpu.rules"
    rules.parent.mkdir(parents=True, exist_ok=True)
    (programs / "udevadm").write_text(
        f'#!/bin/sh\ngrep -q \'ATTR{{idVendor}}=="18d1".*GROUP="plugdev"\' {rules} && chgrp plugdev {node} && '
        f"chmod 660 {node}\n"
    )
    (programs / "udevadm").chmod(0o755)
    script = f"mount --bind {folder / 'etc'} /etc && {found.command} && id -G nobody"
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}:/usr/sbin"}
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    after = Account("nobody", 65534, frozenset(int(group) for group in done.stdout.split()))
    assert wrong(look(situation(folder, device.library, after))) == []


def test_where_everything_hangs_each_thing_is_ended_in_its_own_time_and_named(
    device: SoftwareEdgeTpu, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = folder / "bin"
    programs.mkdir()
    for name in ("systemctl", "dpkg-query", "python"):
        (programs / name).write_text("#!/bin/sh\nexec sleep 1000\n")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    device.script(create="hang")
    where = situation(folder, device.library)
    assert where.config is not None
    with socket.socket() as silent:
        # It takes connections and says nothing, to a broker's client as to a camera's.
        silent.bind(("127.0.0.1", 0))
        silent.listen(8)
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        text = where.config.read_text().replace("cameras:\n", f"mqtt: {{url: 'mqtt://{address}'}}\ncameras:\n")
        where.config.write_text(
            f"{text}  pi:\n    source: {{type: picamera2, python: {programs / 'python'}}}\n"
            f"  net:\n    source: {{type: rtsp, url: 'rtsp://{address}/x', open_timeout_s: 100}}\n"
        )
        found = read(where.config, service_account(), folder / "root").situation
        findings = list(examine(subjects(replace(found, patience_s=3.0))))
    named = {finding.subject for finding in wrong(findings)}
    assert {"camera pi", "camera net", "edge tpu", "broker"} <= named
    assert not [finding for finding in findings if "did not answer within" in finding.message]
