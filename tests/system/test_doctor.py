"""`edgedet doctor` on a booted Debian with the package installed: the service's own user, systemd, a real broker."""

from __future__ import annotations

import json

import pytest

from system.booted import Booted, until
from system.places import BROKER, CONFIG, PASSWORD, UNIT

pytestmark = pytest.mark.timeout(400)

Findings = list[dict[str, str]]


@pytest.fixture
def configured(machine: Booted) -> Booted:
    """With a drawn camera and a broker that runs."""
    configure(machine)
    machine.run("systemctl", "start", "mosquitto")
    return machine


def configure(machine: Booted, *, url: str = "mqtt://127.0.0.1", more: str = "") -> None:
    machine.run(
        "tee",
        CONFIG,
        stdin=f"version: 1\ndevice: dev\nmqtt: {{url: '{url}'{more}}}\n"
        "detector: {model: demo_model, accelerators: [cpu]}\n"
        "cameras:\n  porch: {source: {type: synthetic, size: [320, 240], fps: 10}}\n",
    )


def doctor(machine: Booted) -> Findings:
    findings: Findings = json.loads(machine.run("edgedet", "doctor", "--json", check=False).stdout)["findings"]
    return findings


def wrong(findings: Findings, subject: str) -> Findings:
    return [finding for finding in findings if finding["subject"] == subject and finding["level"] != "ok"]


def test_a_broker_that_does_not_run_is_started_by_the_command(configured: Booted) -> None:
    configured.run("systemctl", "stop", "mosquitto")
    (found,) = wrong(doctor(configured), "broker")
    assert found["command"] == "systemctl enable --now mosquitto"
    configured.run("sh", "-c", found["command"])
    until(lambda: not wrong(doctor(configured), "broker"), "the broker takes what edgedet publishes")


def test_a_machine_that_does_not_know_its_own_name_is_told_to_write_it_down(configured: Booted) -> None:
    configure(configured, url="mqtt://localhost")
    # Where systemd's own module for names answers, there is nothing wrong.
    knows = configured.run("getent", "ahosts", "localhost", check=False).returncode == 0
    found = wrong(doctor(configured), "broker")
    assert (found == []) is knows
    for finding in found:
        assert finding["command"] == "echo '127.0.0.1 localhost' >> /etc/hosts"
        configured.run("sh", "-c", finding["command"])
    assert wrong(doctor(configured), "broker") == []


def test_a_service_that_does_not_run_is_started_by_the_command(configured: Booted) -> None:
    (found,) = wrong(doctor(configured), "service")
    assert found["level"] == "warning"
    configured.run("sh", "-c", found["command"])
    (said,) = (finding for finding in doctor(configured) if finding["subject"] == "service")
    assert (said["level"], said["message"].startswith(f"{UNIT} runs")) == ("ok", True)


def test_a_camera_that_the_running_service_cannot_open_is_told_in_the_service_s_words_and_looked_at_closely(
    configured: Booted,
) -> None:
    text = configured.run("cat", CONFIG).stdout
    source = "{type: v4l2, device: /dev/null}"
    configured.run("tee", CONFIG, stdin=text.partition("cameras:")[0] + f"cameras:\n  porch: {{source: {source}}}\n")
    configured.run("systemctl", "start", UNIT)
    findings = doctor(configured)
    (found,) = wrong(findings, "camera porch")
    assert found["message"].startswith("the running service says camera_")
    (service,) = wrong(findings, "service")
    assert (service["level"], "is blind: 0 of 1 cameras watching; porch: camera_" in service["message"]) == (
        "problem",
        True,
    )
    closely = configured.run("sh", "-c", found["command"]).stdout
    assert "problem  camera porch: " in closely
    assert "the running service says" not in closely
    assert configured.property(UNIT, "ActiveState") == "active"


def test_a_service_that_gave_up_over_its_configuration_is_started_once_that_is_right(configured: Booted) -> None:
    configured.run("sh", "-c", f"echo 'colour: red' >> {CONFIG}")
    configured.run("systemctl", "start", UNIT, check=False)
    until(lambda: configured.property(UNIT, "ActiveState") == "failed", "the service gives up")
    findings = doctor(configured)
    (found,) = wrong(findings, "service")
    assert "its configuration is wrong" in found["message"]
    assert "colour" in wrong(findings, "configuration")[0]["message"]
    # The command checks first: while the file is wrong, nothing is started.
    assert configured.run("sh", "-c", found["command"], check=False).returncode == 78
    configure(configured)
    configured.run("sh", "-c", found["command"])
    assert wrong(doctor(configured), "service") == []


def test_a_password_that_all_users_can_read_is_kept_to_the_service(configured: Booted) -> None:
    configure(configured, url="mqtt://dev:pass-word@localhost")
    configured.run("chmod", "644", CONFIG)
    (found,) = wrong(doctor(configured), "configuration")
    configured.run("sh", "-c", found["command"])
    assert configured.run("stat", "--format=%U:%G %a", CONFIG).stdout == "root:edgedet 640\n"
    assert wrong(doctor(configured), "configuration") == []


def test_a_state_directory_of_root_s_is_given_to_the_service(configured: Booted) -> None:
    configured.run("chown", "-R", "root:root", "/var/lib/edgedet")
    (found,) = wrong(doctor(configured), "disk")
    assert found["message"] == "edgedet may not write to /var/lib/edgedet"
    configured.run("sh", "-c", found["command"])
    assert wrong(doctor(configured), "disk") == []


def test_what_root_left_in_the_state_directory_is_given_to_the_service_that_takes_it_by_itself(
    configured: Booted,
) -> None:
    configured.run("systemctl", "start", UNIT)
    configured.run("systemctl", "stop", UNIT)
    configured.run("sh", "-c", "chown -R root:root /var/lib/edgedet/*")
    configured.run("systemctl", "start", UNIT)
    (found,) = wrong(doctor(configured), "disk")
    assert found["message"].startswith("edgedet may not write to /var/lib/edgedet/")
    configured.run("sh", "-c", found["command"])
    assert wrong(doctor(configured), "disk") == []
    until(lambda: "disk_unwritable" not in configured.property(UNIT, "StatusText"), "the daemon writes again")


def test_a_configuration_that_only_root_may_read_is_refused_and_given_to_the_service(configured: Booted) -> None:
    configured.run("chown", "root:root", CONFIG)
    configured.run("chmod", "600", CONFIG)
    configured.run("systemctl", "start", UNIT, check=False)
    assert configured.property(UNIT, "ExecMainStatus") == "78"
    findings = doctor(configured)
    for found in (*wrong(findings, "configuration"), *wrong(findings, "service")):
        configured.run("sh", "-c", found["command"])
    assert [finding for finding in doctor(configured) if finding["level"] == "problem"] == []
    assert configured.property(UNIT, "ActiveState") == "active"


def test_a_configuration_that_is_gone_is_missed_where_the_service_is_installed(configured: Booted) -> None:
    configured.run("rm", CONFIG)
    (found,) = wrong(doctor(configured), "configuration")
    configured.run("sh", "-c", found["command"])
    assert wrong(doctor(configured), "configuration") == []


def test_a_masked_service_is_started_by_the_command(configured: Booted) -> None:
    configured.run("systemctl", "mask", UNIT)
    (found,) = wrong(doctor(configured), "service")
    assert "masked" in found["message"]
    configured.run("sh", "-c", found["command"])
    assert wrong(doctor(configured), "service") == []


def test_a_state_directory_that_the_unit_closes_is_opened_by_the_command(configured: Booted) -> None:
    configured.run("install", "-d", "-o", "edgedet", "/srv/state")
    configured.run("sh", "-c", f"echo 'state_dir: /srv/state' >> {CONFIG}")
    (found,) = wrong(doctor(configured), "disk")
    configured.run("sh", "-c", found["command"])
    assert wrong(doctor(configured), "disk") == []
    configured.run("test", "-e", "/srv/state/spool.db")
    configured.run("rm", "-r", f"/etc/systemd/system/{UNIT}.d")
    configured.run("systemctl", "daemon-reload")


def test_the_service_s_own_password_is_tried_and_written_anew_by_the_command(configured: Booted) -> None:
    configure(configured, more=", username: dev")
    configured.run("install", "-m", "600", "/dev/stdin", PASSWORD, stdin="wrong\n")
    configured.run("mosquitto_passwd", "-b", "-c", "/etc/mosquitto/passwords", "dev", "right")
    configured.run("chown", "mosquitto", "/etc/mosquitto/passwords")
    configured.run(
        "tee", BROKER, stdin="listener 1883\nallow_anonymous false\npassword_file /etc/mosquitto/passwords\n"
    )
    configured.run("systemctl", "restart", "mosquitto")
    (found,) = wrong(doctor(configured), "broker")
    assert "as 'dev'" in found["message"]
    configured.run("sh", "-c", found["command"], stdin="right\n")
    assert configured.run("stat", "--format=%U %a", PASSWORD).stdout == "root 600\n"
    assert wrong(doctor(configured), "broker") == []


@pytest.mark.parametrize(
    ("command", "advice"), [("doctor", "sudo edgedet doctor"), ("check", "run the command again with sudo")]
)
def test_somebody_who_may_not_read_the_configuration_is_told_in_two_lines(
    configured: Booted, command: str, advice: str
) -> None:
    done = configured.run("setpriv", "--reuid=65534", "--clear-groups", "edgedet", command, check=False)
    assert done.returncode != 0
    assert advice in done.stdout + done.stderr
    assert len(done.stderr.splitlines()) == 2


def test_a_model_in_a_home_is_refused_with_its_line_and_moved_by_the_command(configured: Booted) -> None:
    configured.run("mkdir", "-p", "/home/pi")
    configured.run("sh", "-c", "cp $(find /usr/lib/edgedet -name 'demo_model*.tflite') /home/pi/mine.tflite")
    text = configured.run("cat", CONFIG).stdout.replace("demo_model", "/home/pi/mine.tflite")
    configured.run("tee", CONFIG, stdin=text)
    configured.run("systemctl", "start", UNIT, check=False)
    assert configured.property(UNIT, "ExecMainStatus") == "78"
    (refused,) = configured.journal(f"--unit={UNIT}", "MESSAGE_ID=87ba1dff779d480fa8b7d6d3ce56cb4f", "--lines=1")
    assert f"{CONFIG}:4:" in refused["MESSAGE"]
    (found,) = wrong(doctor(configured), "model")
    assert "hidden from the service" in found["message"]
    configured.run("sh", "-c", found["command"])
    assert [finding for finding in doctor(configured) if finding["level"] == "problem"] == []
