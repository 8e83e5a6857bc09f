"""The doctor's own rules: what counts as wrong, what is left alone, and that nothing makes it wait for ever."""

from __future__ import annotations

import errno
import os
import platform
import re
import subprocess
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from edgedet.doctor import camera, clock, configuration, disk, edgetpu, hidden, library, model, mosquitto, power, unit
from edgedet.doctor.asking import ask, explain_signal
from edgedet.doctor.examination import Subject, answer_of, examine, subjects
from edgedet.doctor.finding import Finding, Level, as_asked, as_root, ok
from edgedet.doctor.runtime_cure import bring_runtime
from edgedet.doctor.situation import SERVICE_USER, Account, Situation, service_account
from edgedet.outputs.homeassistant import birth_topic
from edgedet.outputs.topics import Topics
from edgedet.settings.model_choice import BUNDLED_MODEL

NOBODY = Account("nobody", 65534, frozenset({65534}))


@pytest.fixture
def bare(tmp_path: Path) -> Situation:
    """A machine without anything, and without a configuration."""
    return Situation(None, None, None, None, tmp_path / "state", service_account(), tmp_path / "root", 5.0)


def put(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def test_a_laptop_without_any_of_it_has_no_problem(bare: Situation) -> None:
    findings = list(examine(subjects(bare)))
    assert {finding.level for finding in findings} <= {Level.OK, Level.WARNING}
    assert [finding for finding in findings if finding.level is Level.WARNING and finding.subject != "clock"] == []
    names = {finding.subject for finding in findings}
    assert names == {
        "camera", "edge tpu", "edge tpu library", "model", "broker", "power and heat", "clock", "disk", "service"
    }  # fmt: skip


def test_every_warning_and_every_problem_has_a_command(tmp_path: Path) -> None:
    file = tmp_path / "edgedet.yaml"
    file.write_text(
        "version: 1\nstate_dir: state\nmqtt: {url: 'mqtt://127.0.0.1:1', password_file: none}\n"
        "detector: {accelerators: [edgetpu], edgetpu: {library: none.so}}\n"
        "cameras:\n  a:\n    source: {type: v4l2, device: /dev/none}\n"
        "  b:\n    source: {type: picamera2, python: none}\n"
    )
    findings = list(examine(subjects(configuration.read(file, service_account()).situation)))
    wrong = [finding for finding in findings if finding.level is not Level.OK]
    assert {"camera a", "camera b", "model", "broker"} <= {finding.subject for finding in wrong}
    assert [finding for finding in wrong if not finding.command] == []


def test_what_hangs_is_named_and_not_waited_for() -> None:
    for_ever = threading.Event()
    asked = [
        Subject("stuck", lambda: [ok("stuck", str(for_ever.wait()))]),
        Subject("well", lambda: [ok("well", "fine")]),
    ]
    heard: list[str] = []
    stuck, well = examine(asked, heard.append, limit_s=0.2)
    for_ever.set()
    assert (stuck.subject, stuck.level) == ("stuck", Level.PROBLEM)
    assert "did not answer within 0.2 s" in stuck.message
    assert stuck.command
    assert (well.level, heard) == (Level.OK, ["well"])


def test_a_mistake_of_our_own_in_one_subject_does_not_keep_the_others_from_being_told() -> None:
    def broken() -> list[object]:
        raise ZeroDivisionError("by zero")

    asked = [Subject("broken", broken), Subject("well", lambda: [ok("well", "fine")])]  # type: ignore[arg-type]
    first, second = examine(asked)
    assert "ZeroDivisionError: by zero" in first.message
    assert second.level is Level.OK


def test_a_configuration_that_cannot_be_read_is_given_up_and_one_that_is_wrong_is_raised() -> None:
    for_ever = threading.Event()
    assert answer_of(for_ever.wait, 0.05) is None
    for_ever.set()
    with pytest.raises(ValueError, match="wrong"):
        answer_of(lambda: int("wrong"), 5.0)


def test_a_program_that_does_not_end_is_killed_with_its_children(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    answer = ask(["sh", "-c", f"sleep 1000 & echo $! > {mark}; wait"], 0.5)
    assert answer is not None
    assert (answer.code, answer.ended) == (None, "did not answer in time")
    deadline = time.monotonic() + 20
    while (status := Path(f"/proc/{int(mark.read_text())}/stat")).exists() and ") Z " not in status.read_text():
        assert time.monotonic() < deadline, "the child of the killed program lives on"
        time.sleep(0.01)


def test_a_program_that_is_not_there_and_one_that_dies_are_told_apart() -> None:
    assert ask(["/no/such/program"], 5.0) is None
    answer = ask(["sh", "-c", "echo last words >&2; kill -SEGV $$"], 5.0)
    assert answer is not None
    assert answer.error == "last words"
    assert answer.ended == "died of SIGSEGV (its code was built for something else than it was loaded with)"
    assert explain_signal("ended with status 3") == "ended with status 3"


@pytest.mark.parametrize(
    ("uid", "caller", "command"),
    [
        (0, None, "chmod 600 a && printf 'x' > b"),
        (0, "pi", "sudo chmod 600 a && sudo sh -c 'printf '\"'\"'x'\"'\"' > b'"),
        (1000, None, "sudo chmod 600 a && sudo sh -c 'printf '\"'\"'x'\"'\"' > b'"),
    ],
)
def test_only_roots_own_shell_needs_no_sudo_and_what_a_shell_would_open_is_opened_by_roots(
    monkeypatch: pytest.MonkeyPatch, uid: int, caller: str | None, command: str
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    monkeypatch.delenv("SUDO_USER", raising=False)
    if caller is not None:
        monkeypatch.setenv("SUDO_USER", caller)
    assert as_root("chmod 600 a", "printf 'x' > b") == command


@pytest.mark.parametrize(("uid", "command"), [(0, "sudo edgedet check"), (1000, "edgedet check")])
def test_a_command_needs_sudo_where_the_doctor_was_called_with_it(
    monkeypatch: pytest.MonkeyPatch, uid: int, command: str
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    monkeypatch.setenv("SUDO_USER", "pi")
    assert as_asked("edgedet check") == command


def test_rights_are_those_of_the_account_and_of_its_groups(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.touch()
    owner, group = file.stat().st_uid, file.stat().st_gid
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == owner and str(folder).startswith("/tmp/pytest"):
            folder.chmod(0o755)
    mine, member = Account("me", owner or 1, frozenset()), Account("member", 4242, frozenset({group}))
    stranger = Account("stranger", 4242, frozenset({4243}))
    file.chmod(0o640)
    assert member.may(file, 4)
    assert not member.may(file, 2)
    assert not stranger.may(file, 4)
    assert not stranger.may(tmp_path / "none", 4)
    assert Account("root", 0, frozenset()).may(file, 6)
    file.chmod(0o604)
    # The group's bits count for its members even where they are less than everybody's.
    assert not member.may(file, 4)
    assert stranger.may(file, 4)
    assert mine.name == "me"


@pytest.mark.parametrize(
    ("now_s", "synchronised", "level", "said"),
    [
        (2_000_000_000.0, True, Level.OK, "is set and kept right (2033-05-18)"),
        (2_000_000_000.0, False, Level.WARNING, "nobody keeps it right"),
        (86_400.0, False, Level.WARNING, "1970-01-02, which is past"),
        (86_400.0, True, Level.WARNING, "1970-01-02, which is past"),
    ],
)
def test_a_clock_that_nobody_set_is_named_and_set_over_the_network(
    bare: Situation, monkeypatch: pytest.MonkeyPatch, now_s: float, *, synchronised: bool, level: Level, said: str
) -> None:
    monkeypatch.delenv("container", raising=False)
    put(bare.root, {"usr/lib/systemd/system/systemd-timesyncd.service": ""})
    (found,) = clock.examine(bare, synchronised=lambda: synchronised, now_s=lambda: now_s)
    assert (found.level, said in found.message) == (level, True)
    # It sets this machine's clock, so it is not run here.
    assert found.command.endswith("timedatectl set-ntp true") is (level is not Level.OK)
    assert "apt-get" not in found.command


def test_a_system_without_a_time_service_gets_one(bare: Situation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("container", raising=False)
    (found,) = clock.examine(bare, synchronised=lambda: False)
    assert "apt-get install -y systemd-timesyncd" in found.command


def test_in_a_container_the_clock_is_the_host_s_business(bare: Situation) -> None:
    put(bare.root, {"run/.containerenv": ""})
    (found,) = clock.examine(bare, synchronised=lambda: False)
    assert found.level is Level.OK


def test_a_container_whose_root_is_read_only_is_known_by_its_environment(
    bare: Situation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("container", "podman")
    (found,) = clock.examine(bare, synchronised=lambda: False)
    assert found.level is Level.OK


def test_a_wrong_clock_is_a_problem_where_certificates_are_checked(bare: Situation, tmp_path: Path) -> None:
    file = tmp_path / "edgedet.yaml"
    file.write_text("version: 1\nmqtt: {url: 'mqtts://broker'}\ncameras: {a: {source: {type: synthetic}}}\n")
    where = replace(configuration.read(file, service_account()).situation, root=bare.root)
    (found,) = clock.examine(where, synchronised=lambda: False, now_s=lambda: 86_400.0)
    assert found.level is Level.PROBLEM
    assert "mqtts:// cannot connect" in found.message


ALARM = "sys/class/hwmon/hwmon1/in0_lcrit_alarm"
PI = {
    "sys/class/hwmon/hwmon1/name": "rpi_volt\n",
    ALARM: "0\n",
    "sys/devices/platform/soc/soc:firmware/get_throttled": "0\n",
    "sys/class/thermal/thermal_zone0/temp": "48000\n",
    "proc/meminfo": "MemAvailable:  2097152 kB\n",
}


def test_under_voltage_is_a_problem_until_the_supply_is_changed_and_a_warning_until_the_next_start(
    bare: Situation,
) -> None:
    put(bare.root, PI | {ALARM: "1\n", "sys/devices/platform/soc/soc:firmware/get_throttled": "50005\n"})
    found, throttled = power.examine(bare)
    assert found.level is Level.PROBLEM
    assert "too weak right now" in found.message
    # No command changes a power supply: this one shows what the Pi says of it.
    assert found.command == "vcgencmd get_throttled"
    assert "slowed down at 48 °C" in throttled.message
    put(bare.root, {ALARM: "0\n", "sys/devices/platform/soc/soc:firmware/get_throttled": "50000\n"})
    found, _ = power.examine(bare)
    assert (found.level, "since the Pi was switched on" in found.message) == (Level.WARNING, True)
    put(bare.root, PI)
    assert [finding.level for finding in power.examine(bare)] == [Level.OK, Level.OK]


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"sys/class/thermal/thermal_zone0/temp": "84000\n"}, "84 °C"),
        ({"sys/devices/platform/soc/soc:firmware/get_throttled": "80008\n"}, "soft temperature limit at 48 °C"),
        ({"sys/devices/platform/soc/soc:firmware/get_throttled": "40000\n"}, "was slowed down"),
        ({"proc/meminfo": "MemAvailable:  20480 kB\n"}, "only 20 MB of memory"),
        ({"proc/net/wireless": "a\nb\n wlan0: 0000   20.  -82.  -256  0 0\n"}, "-82 dBm"),
    ],
)
def test_heat_want_of_memory_and_weak_wifi_are_warnings(bare: Situation, files: dict[str, str], said: str) -> None:
    put(bare.root, PI | files)
    (found,) = (finding for finding in power.examine(bare) if finding.level is not Level.OK)
    assert (found.level, said in found.message) == (Level.WARNING, True)


def test_a_pi_without_picamera2_is_told_how_to_get_it(bare: Situation, monkeypatch: pytest.MonkeyPatch) -> None:
    put(bare.root, {"sys/firmware/devicetree/base/model": "Raspberry Pi 4 Model B Rev 1.4\0"})
    monkeypatch.setattr(camera, "_SYSTEM_PYTHON", "/no/python")
    found, _ = camera.examine(bare, "camera")
    assert found.level is Level.WARNING
    assert found.command.endswith("apt-get install -y python3-picamera2")


def test_a_dead_pcie_one_is_named(bare: Situation) -> None:
    put(bare.root, {"sys/class/apex/apex_0/temp": "-87900\n", "dev/apex_0": ""})
    found = next(iter(edgetpu.examine(bare)))
    assert found.level is Level.PROBLEM
    assert "which cannot be" in found.message


@pytest.fixture
def old_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Google's package, as Debian's database has it."""
    programs = tmp_path / "bin"
    put(programs, {"dpkg-query": "#!/bin/sh\necho installed 16.0\n"})
    (programs / "dpkg-query").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")


def on(monkeypatch: pytest.MonkeyPatch, release: str, machine: str) -> None:
    monkeypatch.setattr(platform, "freedesktop_os_release", lambda: {"VERSION_CODENAME": release})
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.delenv("SUDO_USER", raising=False)


@pytest.mark.usefixtures("old_build")
@pytest.mark.parametrize(
    ("release", "machine", "package"),
    [
        ("trixie", "aarch64", "trixie_arm64"),
        ("bookworm", "aarch64", "bookworm_arm64"),
        ("bookworm", "x86_64", "bookworm_amd64"),
    ],
)
def test_google_s_old_build_of_the_library_is_replaced_where_a_right_one_is_known(
    bare: Situation, monkeypatch: pytest.MonkeyPatch, release: str, machine: str, package: str
) -> None:
    on(monkeypatch, release, machine)
    (warned,) = (finding for finding in library.examine(bare) if finding.level is Level.WARNING)
    assert warned.message.startswith("libedgetpu 16.0 is Google's old build, ")
    file = f"libedgetpu1-std_16.0tf2.19.1-1.{package}.deb"
    assert re.search(rf"wget https://\S+/{file} && echo '[0-9a-f]{{64}}  {file}' \| sha256sum -c && ", warned.command)
    assert warned.command.endswith(f"apt-get install -y ./{file}")


@pytest.mark.usefixtures("old_build")
@pytest.mark.parametrize(("release", "machine"), [("trixie", "x86_64"), ("noble", "aarch64"), ("", "riscv64")])
def test_google_s_old_build_is_taken_away_where_no_right_one_is_known(
    bare: Situation, monkeypatch: pytest.MonkeyPatch, release: str, machine: str
) -> None:
    on(monkeypatch, release, machine)
    (warned,) = (finding for finding in library.examine(bare) if finding.level is Level.WARNING)
    assert warned.command == "apt-get remove -y libedgetpu1-std"
    assert "no build is known" in warned.advice


def test_no_package_that_crashes_or_does_not_exist_is_installed_where_no_right_one_is_known(
    bare: Situation, monkeypatch: pytest.MonkeyPatch
) -> None:
    on(monkeypatch, "trixie", "x86_64")
    put(bare.root, {f"sys/bus/usb/devices/2-1/{name}": text for name, text in CORAL.items()})
    monkeypatch.setattr(library, "LIBRARY", "libno-such-thing.so.1")
    (found,) = (finding for finding in library.examine(bare) if finding.level is Level.PROBLEM)
    assert "is not installed" in found.message
    assert "of trixie on amd64 no build is known" in found.advice
    assert "apt-get" not in found.command


@pytest.mark.parametrize(
    ("told", "command"),
    [
        ({"prefix": "/usr/lib/edgedet/venv", "pip": False}, "apt-get install -y --reinstall ./edgedet_"),
        ({"prefix": "/", "pip": True}, "/x/python -m pip install ai-edge-litert"),
        ({"prefix": "/", "pip": False}, "/x/python -m ensurepip && sudo /x/python -m pip install ai-edge-litert"),
        ({"prefix": "/usr", "pip": True, "managed": True}, "deploy/install.sh"),
    ],
)
def test_an_interpreter_gets_a_runtime_in_the_way_that_it_is_looked_after(
    bare: Situation, monkeypatch: pytest.MonkeyPatch, told: dict[str, object], command: str
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert bring_runtime("/x/python", told, bare).command.startswith(f"sudo {command}")


def test_a_user_s_own_environment_takes_no_files_of_root_s(bare: Situation, tmp_path: Path) -> None:
    if os.geteuid() == 0:
        os.chown(tmp_path, NOBODY.uid, NOBODY.uid)
    cure = bring_runtime("/x/python", {"prefix": str(tmp_path), "pip": True}, bare)
    assert cure.command == "/x/python -m pip install ai-edge-litert"


@pytest.mark.parametrize(
    "detector", ["detector: {python: /usr/bin/python3, accelerators: [cpu]}", "detector:\n  python: '/usr/bin/python3'"]
)
def test_the_system_s_python_is_left_out_of_the_detector_by_the_command(
    bare: Situation, tmp_path: Path, detector: str
) -> None:
    file = tmp_path / "edgedet.yaml"
    file.write_text(f"version: 1\n{detector}\ncameras: {{a: {{source: {{type: synthetic}}}}}}\n")
    situation = replace(configuration.read(file, service_account()).situation, root=bare.root)
    (found,) = (finding for finding in library.examine(situation) if "no TensorFlow Lite runtime" in finding.message)
    assert "takes nothing by pip" in found.advice
    subprocess.run(["sh", "-c", found.command.replace("sudo ", "")], check=True)
    situation = replace(configuration.read(file, service_account()).situation, root=bare.root)
    assert [each.level for each in library.examine(situation) if "TensorFlow Lite runtime" in each.message] == []
    assert situation.loaded is not None
    assert situation.loaded.settings.detector.python is None


@pytest.mark.parametrize(
    ("said", "level", "told"),
    [
        ("LoadState=not-found\nActiveState=inactive", Level.OK, "is not installed"),
        ("LoadState=loaded\nActiveState=active\nStatusText=3 cameras\nNRestarts=0", Level.OK, "runs: 3 cameras"),
        ("LoadState=loaded\nActiveState=active\nNRestarts=12", Level.WARNING, "started again 12 times"),
        ("LoadState=loaded\nActiveState=activating\nSubState=auto-restart", Level.WARNING, "auto-restart"),
        ("LoadState=loaded\nActiveState=inactive", Level.WARNING, "does not run"),
        ("LoadState=loaded\nActiveState=failed\nExecMainStatus=78", Level.PROBLEM, "its configuration is wrong"),
        ("LoadState=masked\nActiveState=inactive", Level.WARNING, "is masked"),
        ("LoadState=bad-setting\nActiveState=inactive", Level.PROBLEM, "a line of it is wrong"),
        ("LoadState=loaded\nActiveState=activating\nExecMainStatus=217", Level.PROBLEM, "its user is missing"),
        ("LoadState=loaded\nActiveState=active\nUnitFileState=disabled", Level.WARNING, "it is disabled"),
    ],
)
def test_the_unit_s_state_is_put_into_words(
    bare: Situation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, level: Level, told: str
) -> None:
    programs = tmp_path / "bin"
    put(programs, {"systemctl": f"#!/bin/sh\ncat <<'END'\n{said}\nEND\n"})
    (programs / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    *_, found = unit.examine(bare)
    assert (found.level, told in found.message) == (level, True)
    assert bool(found.command) is (level is not Level.OK)


@dataclass
class Manager:
    """In the place of systemctl: an active unit with the status line of the moment."""

    folder: Path

    def says(self, *lines: str) -> None:
        """One line for each time that it is asked; the last one from then on."""
        for number, line in enumerate(lines):
            put(self.folder, {f"{number}": f"LoadState=loaded\nActiveState=active\nStatusText={line}\n"})
        put(self.folder, {"next": "0"})
        put(
            self.folder,
            {
                "systemctl": f"#!/bin/sh\ncd {self.folder}\nread -r n < next\ncat $n\n"
                f"[ $n -ge {len(lines) - 1} ] || echo $((n + 1)) > next\n"
            },
        )
        (self.folder / "systemctl").chmod(0o755)


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Manager:
    monkeypatch.setenv("PATH", f"{tmp_path / 'manager'}:{os.environ['PATH']}")
    monkeypatch.delenv("SUDO_USER", raising=False)
    return Manager(tmp_path / "manager")


@pytest.fixture
def with_porch(bare: Situation, tmp_path: Path) -> Situation:
    """A machine whose configuration has a camera that only one program can have."""
    put(bare.root, {"dev/video0": ""})
    (bare.root / "dev/video0").chmod(0o666)
    file = tmp_path / "edgedet.yaml"
    file.write_text("version: 1\ncameras: {porch: {source: {type: v4l2, device: /dev/video0}}}\n")
    return replace(configuration.read(file, service_account()).situation, root=bare.root, patience_s=5.0)


BLIND = "blind: 0 of 1 cameras watching; porch: camera_absent; detector: detector_down"


def test_what_the_service_says_of_a_camera_that_it_has_is_the_camera_s_finding(
    with_porch: Situation, manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager.says(BLIND)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    (found,) = camera.examine(with_porch, "camera porch")
    assert found.level is Level.PROBLEM
    assert found.message.startswith("the running service says camera_absent: The camera is not found: look at its")
    file = with_porch.config
    assert found.command == f"systemctl stop edgedet; edgedet doctor -c {file}; systemctl start edgedet"
    manager.says("ok: 1 of 1 cameras watching, 5.0 fps on cpu")
    (found,) = camera.examine(with_porch, "camera porch")
    assert (found.level, "nothing wrong with it" in found.message) == (Level.OK, True)


def test_a_camera_that_gives_frames_here_and_none_to_the_service_is_told_as_the_service_has_it(
    bare: Situation, tmp_path: Path, manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "edgedet.yaml"
    file.write_text("version: 1\ncameras: {porch: {source: {type: synthetic}}}\n")
    monkeypatch.setattr(camera, "DEFAULT_PATH", file)
    situation = replace(configuration.read(file, service_account()).situation, root=bare.root)
    manager.says("blind: 0 of 1 cameras watching; porch: camera_stalled")
    frames, told = camera.examine(situation, "camera porch")
    assert (frames.level, told.level) == (Level.OK, Level.PROBLEM)
    assert "camera_stalled" in told.message
    # Of another file than the service's, its word says nothing.
    monkeypatch.setattr(camera, "DEFAULT_PATH", Path("/etc/edgedet/edgedet.yaml"))
    (frames,) = camera.examine(situation, "camera porch")
    assert frames.level is Level.OK


def test_a_camera_of_which_the_line_has_no_room_is_not_said_to_be_well(with_porch: Situation, manager: Manager) -> None:
    manager.says("degraded: 1 of 5 cameras watching; a: camera_busy; b: camera_busy; c: camera_busy; 1 more")
    (found,) = camera.examine(with_porch, "camera porch")
    assert (found.level, found.command) == (
        Level.WARNING,
        "journalctl -u edgedet EDGEDET_CAMERA=porch -n 30 --no-pager",
    )


def test_what_has_just_been_started_is_waited_for_before_it_is_called_well(
    with_porch: Situation, manager: Manager
) -> None:
    manager.says(
        "blind: 0 of 1 cameras watching; porch: starting", "blind: 0 of 1 cameras watching; porch: starting", BLIND
    )
    (found,) = camera.examine(with_porch, "camera porch")
    assert "camera_absent" in found.message
    manager.says("blind: 0 of 1 cameras watching; porch: starting")
    (found,) = camera.examine(replace(with_porch, patience_s=0.1), "camera porch")
    assert (found.level, "says starting" in found.message) == (Level.WARNING, True)


def test_a_service_that_is_blind_is_a_problem_and_one_that_is_degraded_a_warning(
    with_porch: Situation, manager: Manager
) -> None:
    manager.says(BLIND)
    (found,) = unit.examine(with_porch)
    assert (found.level, BLIND in found.message) == (Level.PROBLEM, True)
    assert "camera_absent: The camera is not found" in found.advice
    assert "detector_down: No detector answers" in found.advice
    assert "systemctl stop edgedet; " in found.command
    manager.says("degraded: 1 of 1 cameras watching, 5.0 fps on cpu; system: undervoltage")
    (found,) = unit.examine(with_porch)
    assert (found.level, found.command) == (Level.WARNING, "vcgencmd get_throttled")
    manager.says("ok: 1 of 1 cameras watching, 5.0 fps on cpu")
    (found,) = unit.examine(with_porch)
    assert found.level is Level.OK


def test_a_detector_that_is_down_is_told_with_the_model_and_an_edge_tpu_that_hangs_with_the_edge_tpu(
    with_porch: Situation, manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model, "DEFAULT_PATH", with_porch.config)
    put(with_porch.root, {f"sys/bus/usb/devices/2-1/{name}": text for name, text in CORAL.items()})
    put(with_porch.root, {"dev/bus/usb/002/003": ""})
    (with_porch.root / "dev/bus/usb/002/003").chmod(0o666)
    manager.says("blind: 0 of 1 cameras watching; detector: detector_down; detector: edgetpu_hung")
    (down,) = (finding for finding in model.examine(with_a_model(with_porch)) if "detector_down" in finding.message)
    assert down.command == "journalctl -u edgedet EDGEDET_COMPONENT=detector -n 30 --no-pager"
    *_, hung = edgetpu.examine(with_porch)
    assert (hung.level, "says edgetpu_hung: " in hung.message) == (Level.PROBLEM, True)


CORAL = {"idVendor": "1a6e", "idProduct": "089a", "busnum": "2", "devnum": "3", "speed": "5000"}


def with_a_model(situation: Situation) -> Situation:
    assert situation.config is not None
    situation.config.write_text(situation.config.read_text() + f"detector: {{model: {BUNDLED_MODEL}}}\n")
    return replace(configuration.read(situation.config, service_account()).situation, root=situation.root)


@pytest.mark.parametrize(("product", "fresh"), [("1a6e:089a", True), ("18d1:9302", False)])
def test_an_edge_tpu_is_told_with_its_id_before_and_after_its_first_use(
    bare: Situation, product: str, *, fresh: bool
) -> None:
    vendor, _, number = product.partition(":")
    told = CORAL | {"idVendor": vendor, "idProduct": number}
    put(bare.root, {f"sys/bus/usb/devices/2-1/{name}": text for name, text in told.items()})
    put(bare.root, {"dev/bus/usb/002/003": ""})
    connected = next(iter(edgetpu.examine(bare)))
    assert f"id {product}" in connected.message
    assert ("not used since it got power" in connected.message) is fresh


def test_what_is_added_to_an_acl_is_what_the_example_gives_a_device() -> None:
    example = Path(__file__).parents[2] / "config" / "examples" / "mosquitto.acl"
    _, _, block = example.read_text().partition("user edgedet-porch-pi\n")
    given = [line for line in block.partition("user ")[0].splitlines() if line.startswith("topic ")]
    topics = Topics("porch-pi", birth=birth_topic())
    assert set(mosquitto.rules(topics, "homeassistant/device/edgedet_porch-pi/config")) == set(given)
    assert "homeassistant" not in "".join(mosquitto.rules(Topics("porch-pi"), None))


def test_systemd_that_hangs_is_taken_for_none(bare: Situation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = tmp_path / "bin"
    put(programs, {"systemctl": "#!/bin/sh\nexec sleep 1000\n"})
    (programs / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    assert unit.properties(replace(bare, patience_s=0.3)) is None


def test_a_state_directory_that_the_service_cannot_make_is_made_by_the_command(bare: Situation) -> None:
    (found,) = disk.examine(replace(bare, state_dir=Path("/var/lib/none/edgedet"), account=NOBODY))
    assert found.level is Level.WARNING
    assert "install -d -m 750 -o nobody /var/lib/none/edgedet" in found.command


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files to somebody else: for root only")
def test_a_file_of_root_s_in_the_state_directory_is_named_and_given_to_the_service(bare: Situation) -> None:
    with TemporaryDirectory(prefix="edgedet-", dir="/tmp") as place:
        state = Path(place) / "state"
        put(state, {"spool.db": "", "models/m.tflite": "", "lost+found/x": ""})
        for path in (state.parent, state):
            path.chmod(0o755)
        os.chown(state, NOBODY.uid, NOBODY.uid)
        situation = replace(bare, state_dir=state, account=NOBODY)
        (found,) = disk.examine(situation)
        assert (found.level, found.message) == (Level.PROBLEM, f"nobody may not write to {state}/spool.db")
        subprocess.run(["sh", "-c", found.command.replace("sudo ", "")], check=True)
        (found,) = disk.examine(situation)
        assert found.level is Level.OK


def test_a_clip_or_a_model_in_a_home_is_hidden_from_the_service_though_others_see_it(
    bare: Situation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "edgedet.yaml"
    file.write_text(
        "version: 1\ndetector: {accelerators: [cpu]}\nmodels: {mine: {cpu: /home/pi/mine.tflite}}\n"
        "cameras: {yard: {source: {type: video, path: /home/pi/clip.mp4}}}\n"
    )
    monkeypatch.setattr(hidden, "DEFAULT_PATH", file)
    service = replace(NOBODY, name=SERVICE_USER)
    situation = replace(configuration.read(file, service).situation, root=bare.root)
    (found, *_) = model.examine(situation)
    assert (found.level, "hidden from the service" in found.message) == (Level.PROBLEM, True)
    (found,) = camera.examine(situation, "camera yard")
    assert (found.level, "hidden from the service" in found.message) == (Level.PROBLEM, True)
    assert "cp -r /home/pi/clip.mp4 /srv/ && " in found.command
    assert r"sed -i 's#/home/pi/clip\.mp4#/srv/clip.mp4#' " in found.command


def test_an_interpreter_in_a_home_is_to_be_moved_with_the_environment_that_it_belongs_to(
    bare: Situation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    put(home / "pi" / "tflite", {"pyvenv.cfg": "", "bin/python": ""})
    file = tmp_path / "edgedet.yaml"
    python = f"python: {home}/pi/tflite/bin/python"
    file.write_text(
        f"version: 1\ndetector: {{{python}}}\ncameras: {{yard: {{source: {{type: picamera2, {python}}}}}}}\n"
    )
    monkeypatch.setattr(hidden, "DEFAULT_PATH", file)
    monkeypatch.setattr(hidden, "_HOMES", (home,))
    service = replace(NOBODY, name=SERVICE_USER)
    situation = replace(configuration.read(file, service).situation, root=bare.root)
    for (found,) in (library.examine(situation), camera.examine(situation, "camera yard")):
        assert found.message == f"{home}/pi/tflite/bin/python is hidden from the service, as all homes are"
        assert f"cp -r {home}/pi/tflite /srv/ && " in found.command
        assert found.command.count("/srv/tflite#") == 1


def test_what_is_closed_to_whoever_asks_is_to_be_looked_at_as_root() -> None:
    def look() -> list[Finding]:
        raise PermissionError(errno.EACCES, "Permission denied", "/closed/state")

    (found,) = examine([Subject("disk", look)])
    assert (found.message, found.command) == ("/closed/state is closed to this user", "sudo edgedet doctor")


def test_a_folder_that_the_service_may_not_enter_is_opened_with_the_configuration_in_it(tmp_path: Path) -> None:
    file = tmp_path / "closed" / "edgedet.yaml"
    put(file.parent, {file.name: "version: 1\ncameras: {yard: {source: {type: synthetic}}}\n"})
    for folder in reversed(file.parent.parents):
        if folder.stat().st_uid == os.geteuid() and folder.is_relative_to(tmp_path.parent.parent.parent):
            folder.chmod(0o755)
    file.parent.chmod(0o700)
    service = Account(SERVICE_USER, 65534, frozenset({65534}))
    (found,) = configuration.read(file, service).findings
    assert found.message == f"{SERVICE_USER} may not read {file}"
    assert f"chgrp {SERVICE_USER} {file.parent} &&" in found.command
    assert f"chmod g+x {file.parent} &&" in found.command
