"""The unit at work under a systemd that is really booted: Debian 12 (252) and 13 (257), installed from the package."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from clips import write_clip
from system.booted import Booted, until
from system.places import CONFIG, LAST_WORDS, PASSWORD, UNIT

pytestmark = pytest.mark.timeout(400)

PYTHON = "/usr/lib/edgedet/venv/bin/python3"
HANG = """\
# Put into the daemon's Python by the test: SIGUSR1 makes the main thread wait for ever, as a deadlock would; so does
# the import of a module that the environment names.
import os, signal, sys, time
def hangs_for_ever(*_):
    while True:
        time.sleep(60)
class Imports:
    def find_spec(self, name, *_):
        if name == os.environ.get("HANGS_AT_IMPORT_OF"):
            hangs_for_ever()
signal.signal(signal.SIGUSR1, hangs_for_ever)
sys.meta_path.insert(0, Imports())
"""
DRIVERS = {"mc", "videodev", "usbcore", "apex"}
RESET_SOCKET = "edgedet-reset-edgetpu.socket"


@pytest.fixture
def service(machine: Booted) -> Booted:
    """The machine with edgedet running on a synthetic camera."""
    _configure(machine)
    machine.run("systemctl", "start", UNIT)
    return machine


@pytest.fixture
def service_that_can_hang(machine: Booted) -> Iterator[Booted]:
    """The same; its main thread waits for ever from a SIGUSR1 on."""
    (site,) = machine.root.glob("usr/lib/edgedet/venv/lib/python3*/site-packages")
    added = {"hang_on_signal.py": HANG, "hang_on_signal.pth": "import hang_on_signal\n"}
    for name, text in added.items():
        (site / name).write_text(text)
    _configure(machine)
    machine.run("systemctl", "start", UNIT)
    yield machine
    for name in added:
        (site / name).unlink()


def _configure(
    machine: Booted, cameras: str = "  porch: {source: {type: synthetic, size: [320, 240], fps: 10}}\n"
) -> None:
    machine.run(
        "tee",
        CONFIG,
        stdin="version: 1\ndevice: dev\ndetector: {model: demo_model, accelerators: [cpu]}\n"
        f"mqtt: {{url: 'mqtt://127.0.0.1:1883', username: edgedet}}\ncameras:\n{cameras}",
    )


@contextmanager
def _changed(machine: Booted, unit: str, text: str) -> Iterator[None]:
    """A drop-in for the unit."""
    folder = f"/run/systemd/system/{unit}.d"
    machine.run("mkdir", folder)
    machine.run("tee", f"{folder}/test.conf", stdin=text)
    machine.run("systemctl", "daemon-reload")
    try:
        yield
    finally:
        machine.run("rm", "-r", folder)
        machine.run("systemctl", "daemon-reload")


def _main_pid(machine: Booted) -> str:
    return machine.property(UNIT, "MainPID")


def _status(machine: Booted) -> str:
    return machine.property(UNIT, "StatusText")


def _is_watching(machine: Booted, cameras: int = 1) -> bool:
    return f"{cameras} of {cameras} cameras watching" in _status(machine)


def _restarts(machine: Booted) -> int:
    return int(machine.property(UNIT, "NRestarts"))


def _kinds(machine: Booted) -> dict[str, str]:
    """MESSAGE_ID of each kind of entry, as the installed edgedet has it."""
    code = "from edgedet.service.journal import Kind\nfor kind in Kind: print(kind.name, kind.value)"
    return dict(line.split() for line in machine.run(PYTHON, "-c", code).stdout.splitlines())


def _last_words(machine: Booted) -> list[str]:
    files = machine.run("sh", "-c", f"ls {LAST_WORDS}/*.txt 2>/dev/null", check=False).stdout.split()
    return [machine.run("cat", file).stdout for file in files]


def test_it_is_ready_without_a_broker_and_infers_within_its_hardening(service: Booted) -> None:
    assert service.property(UNIT, "ActiveState") == "active"
    until(
        lambda: re.search(r"1 of 1 cameras watching, [1-9][\d.]* fps on cpu", _status(service)), "frames are looked at"
    )
    assert "broker: broker_unreachable" in _status(service)
    assert service.property(UNIT, "NoNewPrivileges") == "yes"
    status = service.run("cat", f"/proc/{_main_pid(service)}/status").stdout
    assert re.search(r"^CapBnd:\s+0+$", status, re.MULTILINE)
    assert re.search(r"^Seccomp:\s+2$", status, re.MULTILINE)
    groups = service.run("id", "-Gn", "edgedet").stdout.split()
    assert {"video", "render", "plugdev", "apex"} <= set(groups)


def test_video_is_decoded_and_pictures_are_kept_within_its_hardening(service: Booted) -> None:
    write_clip(service.root / "srv/clip.mp4", frames=60, size=(640, 480))
    scene = "{type: synthetic, size: [640, 480], fps: 10}"
    video = "{type: video, path: /srv/clip.mp4, loop: true, realtime: true}"
    _configure(service, f"  porch: {{source: {scene}, snapshots: {{enabled: true}}}}\n  clip: {{source: {video}}}\n")
    service.run("systemctl", "reload", UNIT)
    until(lambda: _is_watching(service, 2), "the video is decoded and looked at")

    def pictures() -> str:
        return service.run("find", "/var/lib/edgedet", "-name", "*.jpg").stdout.strip()

    until(pictures, "a picture of an object is on the disk")


def test_systemd_finds_the_unit_well_shut_in(machine: Booted) -> None:
    found = machine.run("systemd-analyze", "security", "--no-pager", "--threshold=20", UNIT, check=False)
    assert found.returncode == 0, found.stdout[-500:]


def test_systemd_understands_every_line_of_the_unit(machine: Booted) -> None:
    found = machine.run("systemd-analyze", "verify", "--man=no", UNIT)
    assert found.stderr == ""


def test_the_drivers_of_its_devices_are_asked_for_before_it_starts_and_may_be_missing(machine: Booted) -> None:
    _configure(machine)
    # Not skipped for want of a capability that a container lacks; what loads modules fails then, as it is not here.
    asked = "[Unit]\nConditionCapability=\n[Service]\nExecStartPre=mkdir -p /run/asked-for/%i\n"
    with _changed(machine, "modprobe@.service", asked):
        machine.run("systemctl", "start", UNIT)
    assert set(machine.run("ls", "/run/asked-for").stdout.split()) == DRIVERS
    started = int(machine.property(UNIT, "ExecMainStartTimestampMonotonic"))
    for driver in DRIVERS:
        assert 0 < int(machine.property(f"modprobe@{driver}.service", "InactiveEnterTimestampMonotonic")) <= started
    assert machine.run("systemctl", "--failed", "--no-legend").stdout == ""


def test_the_socket_of_the_reset_helper_goes_with_its_unit(machine: Booted) -> None:
    (path,) = re.findall(r"/\S+", machine.property(RESET_SOCKET, "Listen"))
    assert machine.run("stat", "-c", "%F %U:%G %a", path).stdout == "socket root:edgedet 660\n"
    machine.run("systemctl", "stop", RESET_SOCKET)
    try:
        assert machine.run("test", "-e", path, check=False).returncode == 1
    finally:
        machine.run("systemctl", "start", RESET_SOCKET)


def test_the_journal_can_be_asked_by_code_camera_and_kind(service: Booted) -> None:
    kinds = _kinds(service)

    def unreachable() -> list[dict[str, str]]:
        return service.journal("--unit", UNIT, "EDGEDET_CODE=broker_unreachable")

    until(unreachable, "the broker is told about")
    entry = unreachable()[0]
    assert entry["EDGEDET_COMPONENT"] == "broker"
    assert entry["MESSAGE_ID"] == kinds["TROUBLE"]
    assert entry["PRIORITY"] == "4"
    assert entry["SYSLOG_IDENTIFIER"] == "edgedet"
    until(lambda: service.journal("EDGEDET_CAMERA=porch", f"MESSAGE_ID={kinds['OBJECT']}"), "an object is told about")
    assert service.journal(f"MESSAGE_ID={kinds['STARTED']}")


def test_a_reload_takes_a_good_configuration_without_a_restart(service: Booted) -> None:
    until(lambda: _is_watching(service), "the first camera watches")
    before = _main_pid(service)
    camera = "{source: {type: synthetic, size: [320, 240], fps: 10}}"
    _configure(service, f"  porch: {camera}\n  yard: {camera}\n")
    service.run("systemctl", "reload", UNIT)
    until(lambda: _is_watching(service, 2), "the second camera watches")
    assert _main_pid(service) == before


def _rejections(machine: Booted, kind: str) -> list[str]:
    """What the journal says of refused configurations, by kind."""
    found = machine.journal("--unit", UNIT, "EDGEDET_CODE=config_rejected", f"MESSAGE_ID={_kinds(machine)[kind]}")
    assert {entry["EDGEDET_COMPONENT"] for entry in found} <= {"configuration"}
    return [entry["MESSAGE"] for entry in found]


def test_a_reload_of_a_bad_configuration_fails_and_is_told_until_a_good_one_comes(service: Booted) -> None:
    until(lambda: _is_watching(service), "the camera watches")
    before = _main_pid(service)
    _configure(service, "  porch: {source: {type: synthetic}, colour: blue}\n")
    assert service.run("systemctl", "reload", UNIT, check=False).returncode != 0
    until(lambda: "configuration: config_rejected" in _status(service), "health has it", 20)
    told = _rejections(service, "REFUSED")[0]
    assert re.search(rf"{CONFIG}:6:\d+: ", told)
    assert "colour" in told
    (trouble,) = _rejections(service, "TROUBLE")
    assert told in trouble
    assert (_main_pid(service), service.property(UNIT, "ActiveState")) == (before, "active")
    assert _is_watching(service)
    _configure(service)
    service.run("systemctl", "reload", UNIT)
    until(lambda: "config_rejected" not in _status(service), "health has it no more", 20)
    assert _rejections(service, "TROUBLE_OVER")
    assert _main_pid(service) == before


def test_workers_that_are_killed_come_back_and_the_daemon_stays(service: Booted) -> None:
    until(lambda: _is_watching(service), "the camera watches")
    before = _main_pid(service)
    children = service.run("cat", f"/proc/{before}/task/{before}/children").stdout.split()
    assert len(children) == 2
    service.run("sh", "-c", f"kill -KILL {' '.join(children)}")
    until(lambda: not _is_watching(service), "the loss is noticed", 20)
    until(lambda: _is_watching(service), "the camera watches again")
    assert _main_pid(service) == before
    now = service.run("cat", f"/proc/{before}/task/{before}/children").stdout.split()
    assert len(now) == 2
    assert not set(now) & set(children)


def test_a_killed_daemon_is_started_again_and_its_last_lines_are_kept(service: Booted) -> None:
    until(lambda: _is_watching(service), "the camera watches")
    before, restarts = _main_pid(service), _restarts(service)
    service.run("sh", "-c", f"kill -KILL {before}")
    until(lambda: _restarts(service) > restarts and _is_watching(service), "it watches again")
    assert _main_pid(service) != before
    (words,) = _last_words(service)
    assert "ended: signal (killed KILL)" in words
    assert "broker_unreachable" in words
    assert service.journal(f"MESSAGE_ID={_kinds(service)['KEPT']}")


def test_ends_that_follow_each_other_are_answered_by_pauses(service: Booted) -> None:
    for restarts in range(1, 4):
        pid = _main_pid(service)
        service.run("sh", "-c", f"kill -KILL {pid}")
        until(lambda restarts=restarts: _restarts(service) == restarts, "it is started again")
        if restarts < 3:
            until(lambda pid=pid: _main_pid(service) not in {"0", pid} and _is_watching(service), "it watches again")
    until(lambda: "ended several times within minutes" in _status(service), "it waits before it starts", 20)
    until(lambda: _is_watching(service), "it watches again")


def test_a_main_loop_that_hangs_is_started_again_and_its_stacks_are_kept(
    service_that_can_hang: Booted,
) -> None:
    service = service_that_can_hang
    until(lambda: _is_watching(service), "the camera watches")
    before, restarts = _main_pid(service), _restarts(service)
    began = time.monotonic()
    service.run("sh", "-c", f"kill -USR1 {before}")
    until(lambda: _restarts(service) > restarts, "systemd starts it again", 40)
    took_s = time.monotonic() - began
    assert took_s <= 20
    until(lambda: _is_watching(service), "it watches again")
    (words,) = _last_words(service)
    assert "ended: watchdog" in words
    assert "hangs_for_ever" in words
    assert "broker_unreachable" in words


def test_a_daemon_that_hangs_as_it_stops_is_ended_and_its_stacks_are_kept(service_that_can_hang: Booted) -> None:
    service = service_that_can_hang
    until(lambda: _is_watching(service), "the camera watches")
    with _changed(service, UNIT, "[Service]\nTimeoutStopSec=5\n"):
        service.run("sh", "-c", f"kill -USR1 {_main_pid(service)}")
        service.run("systemctl", "stop", UNIT)
    (words,) = _last_words(service)
    assert "ended: timeout (killed ABRT)" in words
    assert "hangs_for_ever" in words
    assert "broker_unreachable" in words


def test_a_daemon_that_hangs_as_it_starts_is_ended_and_its_stacks_are_kept(service_that_can_hang: Booted) -> None:
    service = service_that_can_hang
    service.run("systemctl", "stop", UNIT)
    hangs = "[Service]\nTimeoutStartSec=5\nRestart=no\nEnvironment=HANGS_AT_IMPORT_OF=edgedet.app.daemon\n"
    with _changed(service, UNIT, hangs):
        assert service.run("systemctl", "start", UNIT, check=False).returncode != 0
    (words,) = _last_words(service)
    assert "ended: timeout (killed ABRT)" in words
    assert "hangs_for_ever" in words


def test_a_wrong_configuration_is_not_started_again(service: Booted) -> None:
    service.run("systemctl", "stop", UNIT)
    restarts = _restarts(service)
    _configure(service, "  porch: {source: {type: synthetic}, colour: blue}\n")
    assert service.run("systemctl", "start", UNIT, check=False).returncode != 0
    assert service.property(UNIT, "ExecMainStatus") == "78"
    time.sleep(5)
    assert (service.property(UNIT, "ActiveState"), _restarts(service)) == ("failed", restarts)
    assert _rejections(service, "REFUSED")
    assert _last_words(service) == []


def test_a_stop_is_clean_and_keeps_nothing(service: Booted) -> None:
    until(lambda: _is_watching(service), "the camera watches")
    began = time.monotonic()
    service.run("systemctl", "stop", UNIT)
    assert time.monotonic() - began < 10
    assert (service.property(UNIT, "Result"), service.property(UNIT, "ActiveState")) == ("success", "inactive")
    assert _last_words(service) == []
    assert service.run("test", "-e", "/run/edgedet", check=False).returncode != 0


def test_the_password_comes_as_a_credential_that_only_root_can_read(service: Booted) -> None:
    service.run("sh", "-c", f"umask 077; echo secret >{PASSWORD}")
    service.run(
        "sh", "-c", "touch /tmp/passwd && chmod 644 /tmp/passwd && mosquitto_passwd -b /tmp/passwd edgedet secret"
    )
    service.run(
        "tee", "/tmp/broker.conf", stdin="listener 1883 127.0.0.1\nallow_anonymous false\npassword_file /tmp/passwd\n"
    )
    service.run("systemd-run", "--unit=broker", "mosquitto", "-c", "/tmp/broker.conf")
    try:
        service.run("systemctl", "restart", UNIT)
        until(lambda: _status(service).startswith("ok: 1 of 1 cameras watching"), "the broker lets it in")
    finally:
        service.run("systemctl", "stop", "broker")
