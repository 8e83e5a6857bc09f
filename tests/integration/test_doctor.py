"""`edgedet doctor` on things that are really wrong: it names each, and the command that it prints mends it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from paho.mqtt.enums import MQTTProtocolVersion

from edgedet.doctor import broker as broker_subject
from edgedet.doctor import broker_trial
from edgedet.doctor.configuration import read
from edgedet.doctor.examination import examine, subjects
from edgedet.doctor.finding import Finding, Level
from edgedet.doctor.situation import Account, service_account
from edgedet.outputs.opening import open_link
from edgedet.outputs.topics import Topics
from edgedet.settings.model_choice import BUNDLED_MODEL
from integration.broker import PATIENCE_S, Broker, Subscriber, find_program, free_port
from integration.edgedet_process import Finished, run_edgedet
from scripted_camera import STAND_IN, Script, interpreter
from software_edgetpu.compiled import compiled_from

NOBODY = Account("nobody", 65534, frozenset({65534}))
as_root_only = pytest.mark.skipif(os.geteuid() != 0, reason="what belongs to other users is for root only")


def write(
    folder: Path,
    *,
    mqtt: str = "url: mqtt://localhost",
    model: Path | str = BUNDLED_MODEL,
    more: str = "",
    source: str = "type: synthetic",
) -> Path:
    state = folder / "state"
    state.mkdir(exist_ok=True)
    file = folder / "edgedet.yaml"
    file.write_text(
        f"version: 1\ndevice: dev\nstate_dir: {state}\nmqtt: {{{mqtt}}}\n"
        f"detector: {{model: {model}, accelerators: [cpu]}}\n"
        f"cameras:\n  porch:\n    source: {{{source}}}\n{more}"
    )
    return file


def doctor(file: Path) -> tuple[Finished, list[dict[str, str]]]:
    done = run_edgedet("doctor", "-c", file, "--json")
    return done, json.loads(done.out)["findings"]


def look(file: Path, subject: str, account: Account | None = None) -> list[Finding]:
    """One subject, with a root of the test's own in place of the machine's."""
    reading = read(file, account or service_account(), file.parent / "root")
    if subject in {"configuration", "model"} and reading.findings[0].level is not Level.OK:
        return list(reading.findings)
    return list(examine([each for each in subjects(reading.situation) if each.name == subject]))


def wrong(findings: list[Finding]) -> Finding:
    (found,) = (finding for finding in findings if finding.level is not Level.OK)
    return found


def run(command: str, *, typed: str = "", path: Path | None = None) -> None:
    """What a user does with a printed command; `path` has programs that stand in for the machine's."""
    search = os.environ["PATH"] if path is None else f"{path}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": search}
    subprocess.run(["sh", "-ec", command], input=typed, text=True, env=environment, check=True, timeout=60)


def process_with(argument: str) -> int:
    """The process that was started with this argument."""
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if argument in line.read_bytes().decode(errors="replace").split("\0"):
                return int(line.parent.name)
        except OSError:
            continue
    pytest.fail(f"no process has the argument {argument}")


def test_a_healthy_configuration_has_no_problem_and_exits_with_0(folder: Path) -> None:
    with Broker(folder) as broker:
        done, findings = doctor(write(folder, mqtt=f"url: '{broker.url}'"))
    assert done.code == 0, findings
    said = {(finding["subject"], finding["level"]) for finding in findings}
    assert {("camera porch", "ok"), ("model", "ok"), ("broker", "ok"), ("disk", "ok")} <= said


def test_a_broker_that_is_down_is_named_and_the_printed_command_starts_one(folder: Path) -> None:
    find_program("mosquitto")
    port = free_port()
    file = write(folder, mqtt=f"url: 'mqtt://127.0.0.1:{port}'")
    found = wrong(look(file, "broker"))
    assert "Connection refused" in found.message
    run(found.command)
    started = process_with(str(port))
    try:
        deadline = time.monotonic() + PATIENCE_S
        while any(finding.level is not Level.OK for finding in look(file, "broker")):
            assert time.monotonic() < deadline, "the broker that was started does not answer"
    finally:
        os.kill(started, 9)


def test_a_wrong_password_is_named_and_the_printed_command_takes_the_right_one(folder: Path) -> None:
    secret = folder / "password"
    secret.write_text("wrong\n")
    secret.chmod(0o600)
    with Broker(folder, users={"dev": "right"}) as broker:
        file = write(folder, mqtt=f"url: '{broker.url}', username: dev, password_file: {secret}")
        found = wrong(look(file, "broker"))
        assert "as 'dev'" in found.message
        assert "wrong" not in found.message
        run(found.command, typed="right\n")
        assert [finding.level for finding in look(file, "broker")] == [Level.OK]
    assert secret.stat().st_mode & 0o777 == 0o600


@contextmanager
def guarded(folder: Path, acl: str, *, user: str = "dev") -> Iterator[tuple[Broker, Path]]:
    """A broker of this machine with an ACL, and the configuration of the device `dev` on it."""
    with Broker(folder, users={"dev": "word"} if user else None, acl=acl) as broker:
        configuration = folder / "root/etc/mosquitto/mosquitto.conf"
        configuration.parent.mkdir(parents=True)
        pid_file = folder / "mosquitto.pid"
        pid_file.write_text(str(process_with(str(folder / "mosquitto.conf"))))
        configuration.write_text(f"acl_file {folder / 'acl'}\npid_file {pid_file}\n")
        secret = folder / "password"
        secret.write_text("word\n")
        secret.chmod(0o600)
        who = f", username: {user}, password_file: {secret}" if user else ""
        yield broker, write(folder, mqtt=f"url: '{broker.url}'{who}")


def announce(folder: Path) -> None:
    """What the service leaves behind once it has told Home Assistant of itself."""
    topics = ["homeassistant/device/edgedet_dev/config"]
    (folder / "state/published.json").write_text(json.dumps({"topics": topics, "components": {}}))


def until_well(file: Path, acl: Path) -> Finding:
    deadline = time.monotonic() + PATIENCE_S
    while len(found := look(file, "broker")) != 1 or found[0].level is not Level.OK:
        assert time.monotonic() < deadline, (found, acl.read_text())
    return found[0]


@pytest.mark.parametrize("user", ["dev", ""])
def test_an_acl_that_does_not_allow_us_to_publish_is_named_and_mended_for_home_assistant_too(
    folder: Path, user: str
) -> None:
    with guarded(folder, "user other\ntopic read nothing\n", user=user) as (_, file):
        announce(folder)
        found = wrong(look(file, "broker"))
        assert "does not let it publish below edgedet/dev" in found.message
        run(found.command)
        assert until_well(file, folder / "acl").message.endswith("hands it its commands")
        assert "user other" in (folder / "acl").read_text()


def test_an_acl_without_home_assistant_s_topic_is_named_once_the_service_has_tried_it_and_mended(folder: Path) -> None:
    with guarded(folder, "user dev\ntopic readwrite edgedet/dev/#\n") as (_, file):
        (found,) = look(file, "broker")
        assert "telling Home Assistant was not tried" in found.message
        announce(folder)
        found = wrong(look(file, "broker"))
        assert "to Home Assistant (homeassistant/device/edgedet_dev/config): not authorized" in found.message
        run(found.command)
        until_well(file, folder / "acl")


def test_an_acl_that_hands_us_no_commands_is_a_warning_until_the_command_has_mended_it(folder: Path) -> None:
    with guarded(folder, "user dev\ntopic write edgedet/dev/#\n") as (_, file):
        found = wrong(look(file, "broker"))
        assert (found.level, "does not let it hear its commands" in found.message) == (Level.WARNING, True)
        run(found.command)
        until_well(file, folder / "acl")


@pytest.mark.parametrize("acl", ["user other\n", "user dev\ntopic write edgedet/dev/#\n"])
def test_mqtt_3_1_1_which_hides_a_refusal_is_not_believed_until_what_was_published_comes_back(
    folder: Path, monkeypatch: pytest.MonkeyPatch, acl: str
) -> None:
    monkeypatch.setattr(broker_trial, "open_link", partial(open_link, versions=[MQTTProtocolVersion.MQTTv311]))
    with guarded(folder, acl) as (_, file):
        found = wrong(look(file, "broker"))
        assert (found.level, "none came back" in found.message) == (Level.PROBLEM, True)
        assert "MQTT 3.1.1 does not say which" in found.advice
        run(found.command)
        assert "MQTT 3.1.1 does not say" in until_well(file, folder / "acl").message


def test_looking_at_the_broker_leaves_and_switches_nothing(folder: Path) -> None:
    with Broker(folder) as broker, Subscriber(broker.port) as heard:
        file = write(folder, mqtt=f"url: '{broker.url}'")
        announce(folder)
        look(file, "broker")
        heard.publish("edgedet/dev/end", "")
        deadline = time.monotonic() + PATIENCE_S
        while heard.last("edgedet/dev/end") is None:
            assert time.monotonic() < deadline
        with Subscriber(broker.port) as late:
            late.publish("edgedet/dev/end", "")
            while late.last("edgedet/dev/end") is None:
                assert time.monotonic() < deadline
            assert [message.topic for message in late.messages] == ["edgedet/dev/end"]
    topics = Topics("dev")
    assert [message.topic for message in heard.messages if topics.parse_command(message.topic)] == []


def test_a_service_that_is_refused_where_we_are_not_is_named_and_restarted_by_the_command(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = folder / "bin"
    programs.mkdir()
    line = folder / "line"
    line.write_text("degraded: 1 of 1 cameras watching; broker: broker_refused")
    # In the place of systemd, and of a daemon that reads its password at the start only.
    (programs / "systemctl").write_text(
        f'#!/bin/sh\ncase "$1" in\n'
        f'show) printf "LoadState=loaded\\nActiveState=active\\nStatusText=%s\\n" "$(cat {line})";;\n'
        f'restart) echo "ok: 1 of 1 cameras watching" > {line};;\nesac\n'
    )
    (programs / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    with Broker(folder) as broker:
        file = write(folder, mqtt=f"url: '{broker.url}'")
        monkeypatch.setattr(broker_subject, "DEFAULT_PATH", file)
        found = wrong(look(file, "broker"))
        assert "the running service says broker_refused: The MQTT broker says no" in found.message
        run(found.command.replace("sudo ", ""))
        assert {finding.level for finding in look(file, "broker")} == {Level.OK}


def test_a_broker_that_accepts_and_never_answers_is_named_in_time(folder: Path) -> None:
    with Broker(folder) as broker:
        broker.freeze()
        found = wrong(look(write(folder, mqtt=f"url: '{broker.url}'"), "broker"))
        broker.thaw()
    assert "does not answer within" in found.message
    # Whose port it is: starting another broker would not help.
    assert f"ss -ltnp sport = :{broker.port}" in found.command


def test_a_broker_whose_name_nobody_knows_is_named_with_what_shows_that(folder: Path) -> None:
    found = wrong(look(write(folder, mqtt="url: 'mqtt://no-such-broker.invalid'"), "broker"))
    assert found.level is Level.PROBLEM
    # Which name was meant, only its user knows.
    assert found.command.startswith("getent ahosts no-such-broker.invalid; ")


@as_root_only
def test_a_password_that_the_service_may_not_read_is_named_and_given_to_it(folder: Path) -> None:
    secret = folder / "password"
    secret.write_text("word\n")
    secret.chmod(0o600)
    with Broker(folder, users={"dev": "word"}) as broker:
        file = write(folder, mqtt=f"url: '{broker.url}', username: dev, password_file: {secret}")
        found = wrong(look(file, "broker", NOBODY))
        assert found.message == f"nobody may not read {secret}"
        run(found.command)
        assert [finding.level for finding in look(file, "broker", NOBODY)] == [Level.OK]


def test_a_password_that_everybody_can_read_is_a_wrong_configuration_that_the_command_mends(folder: Path) -> None:
    with Broker(folder) as broker:
        file = write(folder, mqtt=f"url: 'mqtt://user:pass-word@127.0.0.1:{broker.port}'")
        file.chmod(0o644)
        done, findings = doctor(file)
        assert done.code == 1
        assert findings[0]["level"] == "problem"
        assert "every user of this machine can read it" in findings[0]["message"]
        assert "pass-word" not in done.out + done.err
        run(findings[0]["command"])
        done, _ = doctor(file)
        assert done.code == 0


def test_password_files_that_everybody_can_read_are_warned_about_and_the_printed_commands_close_them(
    folder: Path,
) -> None:
    for name in ("broker-password", "yard-password"):
        (folder / name).write_text("word\n")
        (folder / name).chmod(0o644)
    source = f"{{type: rtsp, url: 'rtsp://127.0.0.1:{free_port()}/x', password_file: {folder / 'yard-password'}}}"
    file = write(folder, mqtt=f"url: 'mqtt://127.0.0.1', password_file: {folder / 'broker-password'}")
    file.write_text(f"{file.read_text()}  yard: {{source: {source}}}\n")
    found = [each for each in read(file, service_account()).findings if each.level is not Level.OK]
    assert [each.level for each in found] == [Level.WARNING, Level.WARNING]
    for each, name in zip(found, ("broker-password", "yard-password"), strict=True):
        assert each.message == f"every user of this machine can read {folder / name}, a password"
        run(each.command)
    assert [each.level for each in read(file, service_account()).findings] == [Level.OK]


def test_the_services_own_password_that_everybody_can_read_is_warned_about_and_closed(folder: Path) -> None:
    secret = folder / "root/etc/edgedet/mqtt-password"
    secret.parent.mkdir(parents=True)
    secret.write_text("word\n")
    secret.chmod(0o644)
    with Broker(folder, users={"dev": "word"}) as broker:
        file = write(folder, mqtt=f"url: '{broker.url}', username: dev")
        found = wrong(look(file, "broker"))
        assert (found.level, found.message) == (
            Level.WARNING,
            f"every user of this machine can read {secret}, a password",
        )
        run(found.command)
        assert [each.level for each in look(file, "broker")] == [Level.OK]


def test_a_wrong_configuration_is_told_with_its_place_and_the_machine_is_still_looked_at(folder: Path) -> None:
    file = write(folder, more="    detekt: {}\n")
    done, findings = doctor(file)
    assert done.code == 1
    assert f"{file}:9:5: cameras.porch.detekt" in findings[0]["message"]
    assert {"clock", "power and heat", "disk"} <= {finding["subject"] for finding in findings}


def test_a_configuration_that_is_not_there_is_named_and_a_first_one_is_written_by_the_command(folder: Path) -> None:
    file = folder / "etc" / "edgedet.yaml"
    done, findings = doctor(file)
    assert done.code == 1
    run(findings[0]["command"])
    _, findings = doctor(file)
    assert findings[0] == {
        "subject": "configuration", "level": "ok", "message": f"{file} is right", "advice": "", "command": ""
    }  # fmt: skip


@pytest.mark.parametrize("with_twin", [False, True])
def test_a_file_for_the_cpu_that_is_given_for_the_edge_tpu_is_named_and_moved(folder: Path, *, with_twin: bool) -> None:
    shutil.copy(BUNDLED_MODEL, folder / "a.tflite")
    shutil.copy(BUNDLED_MODEL, folder / "b.tflite")
    twin = f"    cpu: {folder / 'b.tflite'}\n" if with_twin else ""
    file = write(folder, model="street", more=f"models:\n  street:\n    edgetpu: {folder / 'a.tflite'}\n{twin}")
    found = wrong(look(file, "model"))
    assert "is not compiled for the Edge TPU" in found.message
    run(found.command)
    assert {finding.level for finding in look(file, "model")} == {Level.OK}


def test_without_a_model_there_is_a_problem_and_a_command_that_gets_one(folder: Path) -> None:
    file = write(folder, model="auto")
    found = wrong(look(file, "model"))
    assert found.message == "there is no model"
    assert found.command == f"edgedet models pull mobiledet -c {file}"
    # That takes the network; this puts a model of ours to the same place.
    done = run_edgedet("models", "add", "mobiledet", "--cpu", BUNDLED_MODEL, "-c", file)
    assert done.code == 0, done.err
    assert {finding.level for finding in look(file, "model")} == {Level.OK}


def test_a_model_file_that_is_missing_is_named_with_the_command_that_fetches_it(folder: Path) -> None:
    models = folder / "state" / "models"
    file = write(folder, model=models / "mobiledet.tflite")
    found = wrong(look(file, "model"))
    assert found.message == f"{models / 'mobiledet.tflite'} is not there"
    assert found.command == f"edgedet models pull mobiledet -c {file}"


def test_a_model_that_maps_poorly_to_the_edge_tpu_is_a_warning(folder: Path, test_data: Path) -> None:
    poor = test_data / "models" / "yolov8n_poorly_mapped_edgetpu.tflite"
    file = write(folder, model=poor)
    file.write_text(file.read_text().replace("[cpu]", "[edgetpu, cpu]"))
    warned = [finding for finding in look(file, "model") if finding.level is Level.WARNING]
    assert any("59 convolutions stay on the CPU" in finding.message for finding in warned)
    # Mending it is an export and a compilation on a PC: the command says what is left to the CPU.
    assert {finding.command for finding in warned} == {f"edgedet models inspect {poor}"}


@as_root_only
def test_a_model_that_the_service_may_not_read_is_named_and_opened(folder: Path) -> None:
    model = folder / "models" / "m.tflite"
    model.parent.mkdir(mode=0o700)
    shutil.copy(BUNDLED_MODEL, model)
    model.chmod(0o600)
    file = write(folder, model=model)
    found = wrong(look(file, "model", NOBODY))
    assert found.message == f"nobody may not read {model}"
    run(found.command)
    assert {finding.level for finding in look(file, "model", NOBODY)} == {Level.OK}


@as_root_only
def test_a_state_directory_of_somebody_else_is_named_and_given_to_the_service(folder: Path) -> None:
    file = write(folder)
    (folder / "state").chmod(0o755)
    found = wrong(look(file, "disk", NOBODY))
    assert found.message == f"nobody may not write to {folder / 'state'}"
    run(found.command)
    assert [finding.level for finding in look(file, "disk", NOBODY)] == [Level.OK]


@pytest.fixture
def mounted(folder: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a small disk of its own as the state directory."""
    state = folder / "state"

    def mount(options: str) -> Path:
        state.mkdir(exist_ok=True)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(state)], check=False)
        if done.returncode:
            pytest.skip("mounting a small disk is for root only")
        return state

    yield mount
    subprocess.run(["umount", str(state)], check=False, stderr=subprocess.DEVNULL)


def test_a_disk_that_is_read_only_is_named_and_made_writable(folder: Path, mounted: Callable[[str], Path]) -> None:
    mounted("size=80m,ro")
    file = write(folder)
    found = wrong(look(file, "disk"))
    assert "read-only" in found.message
    run(found.command)
    assert [finding.level for finding in look(file, "disk")] == [Level.OK]


def test_a_full_disk_is_named_and_the_older_pictures_make_room(folder: Path, mounted: Callable[[str], Path]) -> None:
    pictures = mounted("size=160m") / "snapshots" / "porch"
    pictures.mkdir(parents=True)
    for number in range(8):
        (pictures / f"{number} .jpg").write_bytes(bytes(20_000_000 if number < 7 else 27_000_000))
        os.utime(pictures / f"{number} .jpg", (number, number))
    file = write(folder)
    found = wrong(look(file, "disk"))
    assert "left in" in found.message
    run(found.command)
    assert [finding.level for finding in look(file, "disk")] == [Level.OK]
    assert sorted(left.name for left in pictures.iterdir()) == ["4 .jpg", "5 .jpg", "6 .jpg", "7 .jpg"]


def test_an_interpreter_without_picamera2_is_named_and_right_once_it_is_installed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = folder / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    file = write(folder, source=f"type: picamera2, size: [64, 64], python: {python}")
    found = wrong(look(file, "camera porch"))
    assert f"{python} cannot load picamera2: ModuleNotFoundError" in found.message
    assert found.command.removeprefix("sudo ") == "apt-get install -y python3-picamera2"
    # In the place of apt-get: the scripted picamera2 comes into that interpreter, for `-c` and for a file.
    monkeypatch.setenv("EDGEDET_SCRIPTED_CAMERA", str(folder / "script.json"))
    Script(folder / "script.json")
    with_it = f"import sys; sys.path.insert(0, '{STAND_IN}')"
    (folder / "with-picamera2").write_text(
        f'#!/bin/sh\n[ "$2" = -c ] && exec {sys.executable} -I -c "{with_it}; $3"\nexec {interpreter(folder)} "$@"\n'
    )
    programs = folder / "bin"
    programs.mkdir()
    (programs / "apt-get").write_text(f'#!/bin/sh\ncp "{folder / "with-picamera2"}" "{python}"\n')
    (programs / "apt-get").chmod(0o755)
    run(found.command.removeprefix("sudo "), path=programs)
    (after,) = look(file, "camera porch")
    assert after.level is Level.OK, after
    assert after.message.endswith(f"by {python}")


@pytest.mark.parametrize(("status", "checks"), [("1", False), ("78", True)])
def test_a_unit_that_has_failed_is_named_and_started_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch, status: str, *, checks: bool
) -> None:
    programs = folder / "bin"
    programs.mkdir()
    state = folder / "unit"
    state.write_text("failed")
    # In the place of systemd: what it says of a unit, and what becomes of that when it is told to start it.
    (programs / "systemctl").write_text(
        f'#!/bin/sh\ncase "$1" in\n'
        f'show) printf "LoadState=loaded\\nActiveState=%s\\nResult=exit-code\\nExecMainStatus={status}\\n" '
        f'"$(cat {state})";;\n'
        f"restart) echo active > {state};;\nesac\n"
    )
    (programs / "edgedet").write_text(f"#!/bin/sh\nexec {shutil.which('true')}\n")
    for program in programs.iterdir():
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    file = write(folder)
    found = wrong(look(file, "service"))
    assert "edgedet.service has" in found.message
    assert (f"edgedet check -c {file}" in found.command) is checks
    run(found.command.replace("sudo ", ""))
    assert [finding.level for finding in look(file, "service")] == [Level.OK]


def test_a_model_of_the_edge_tpu_alone_is_not_run_on_the_cpu(folder: Path) -> None:
    compiled = compiled_from(BUNDLED_MODEL, folder / "m_edgetpu.tflite")
    findings = look(write(folder, model=compiled), "model")
    assert all("runs it" not in finding.message for finding in findings)


def test_in_a_pipe_each_finding_is_a_plain_line_with_its_command_below(folder: Path) -> None:
    done = run_edgedet("doctor", "-c", write(folder, mqtt=f"url: 'mqtt://127.0.0.1:{free_port()}'"))
    assert done.code == 1
    assert "\x1b" not in done.out
    lines = done.out.splitlines()
    (number,) = (number for number, line in enumerate(lines) if line.startswith("problem  broker: no broker at"))
    assert lines[number + 2].strip().startswith("$ ")
    assert lines[-1].startswith("1 problem")
