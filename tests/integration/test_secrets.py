"""Passwords go in by file, credential, environment or URL, and come out nowhere."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgedet.settings.model_choice import BUNDLED_MODEL
from integration.broker import Broker, Subscriber, eventually, free_port
from integration.edgedet_process import RunningDaemon, run_edgedet

MQTT_WORD, CAMERA_WORD, WRONG_WORD = "mqtt-Xq7", "camera-Zw9", "wrong-Jk3"


def write_config(folder: Path, mqtt: str, *, rtsp_port: int = 0, mode: int = 0o600) -> Path:
    second = f"  gate: {{source: {{type: rtsp, url: 'rtsp://me:{CAMERA_WORD}@127.0.0.1:{rtsp_port}/live'}}}}\n"
    config = folder / "edgedet.yaml"
    config.write_text(
        f"version: 1\ndevice: dev\nstate_dir: {folder / 'state'}\n"
        f"mqtt: {{{mqtt}, stats_interval_s: 1}}\n"
        f"detector: {{model: {BUNDLED_MODEL}, accelerators: [cpu]}}\n"
        f"cameras:\n  porch: {{source: {{type: synthetic, size: [320, 240], fps: 5}}}}\n{second if rtsp_port else ''}"
    )
    config.chmod(mode)
    return config


@contextlib.contextmanager
def running_with(environment: dict[str, str], *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """`edgedet` with more in its environment."""
    command = [sys.executable, "-m", "edgedet", *arguments]
    child = subprocess.Popen(command, env={**os.environ, **environment}, stderr=subprocess.DEVNULL)
    try:
        yield child
    finally:
        if child.poll() is None:
            child.kill()
            child.wait(30.0)


def texts_of_processes(parent: int) -> str:
    """Command lines of a process and its children, as anybody on the machine can read them."""
    found = [Path(f"/proc/{parent}/cmdline").read_bytes()]
    for task in Path(f"/proc/{parent}/task").iterdir():
        found += [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in (task / "children").read_text().split()]
    return b" ".join(found).decode(errors="replace")


def environments_of_children(parent: int) -> list[str]:
    """Of each, as text."""
    tasks = Path(f"/proc/{parent}/task").iterdir()
    children = [pid for task in tasks for pid in (task / "children").read_text().split()]
    found = [Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace") for pid in children]
    assert len(found) >= 2, "a camera's worker and a detector's"
    return found


async def test_no_password_comes_out_in_the_log_on_topics_in_files_or_in_command_lines(tmp_path: Path) -> None:
    with Broker(tmp_path, users={"dev": MQTT_WORD}) as broker:
        config = write_config(tmp_path, f"url: 'mqtt://dev:{MQTT_WORD}@127.0.0.1:{broker.port}'", rtsp_port=free_port())
        with (
            Subscriber(broker.port, username="dev", password=MQTT_WORD) as heard,
            RunningDaemon(config, tmp_path / "log") as run,
        ):
            await heard.until(lambda: heard.last("edgedet/dev/gate/state") == b"blind")
            await heard.until(lambda: bool(heard.of("edgedet/dev/stats")))
            await heard.until(lambda: b"camera_absent" in (heard.last("edgedet/dev/health") or b""))
            shown = texts_of_processes(run.child.pid)
            broker.kill()
            await eventually(lambda: "broker_unreachable" in run.log)
            assert run.stop() == 0
    shown += run.log
    shown += b" ".join(message.payload for message in heard.messages).decode(errors="replace")
    shown += "".join(file.read_text(errors="replace") for file in (tmp_path / "state").rglob("*") if file.is_file())
    assert "rtsp://127.0.0.1" in shown
    assert MQTT_WORD not in shown
    assert CAMERA_WORD not in shown


def test_no_password_comes_out_of_check(tmp_path: Path) -> None:
    config = write_config(tmp_path, f"url: 'mqtt://dev:{MQTT_WORD}@h'", rtsp_port=free_port())
    done = run_edgedet("check", "-c", config)
    assert done.code == 0
    assert "mqtt://h:1883" in done.out
    assert MQTT_WORD not in done.out + done.err
    assert CAMERA_WORD not in done.out + done.err


def test_no_password_comes_out_of_detect(tmp_path: Path) -> None:
    done = run_edgedet("detect", f"rtsp://me:{CAMERA_WORD}@127.0.0.1:{free_port()}/live")
    assert done.code == 1
    assert "rtsp://127.0.0.1" in done.err
    assert CAMERA_WORD not in done.out + done.err


@pytest.mark.parametrize("command", ["run", "check"])
def test_a_password_that_every_user_can_read_keeps_the_daemon_from_starting(tmp_path: Path, command: str) -> None:
    config = write_config(tmp_path, f"url: 'mqtt://dev:{MQTT_WORD}@h'", mode=0o644)
    done = run_edgedet(command, "-c", config)
    assert done.code == 78
    assert f"{config}:4:13: mqtt.url: a password, and every user of this machine can read it" in done.err
    assert MQTT_WORD not in done.err
    assert len(done.err.strip().splitlines()) <= 2


def test_a_password_file_that_every_user_can_read_is_taken_and_told_with_what_closes_it(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text(f"{MQTT_WORD}\n")
    secret.chmod(0o644)
    with Broker(tmp_path, users={"dev": MQTT_WORD}) as broker:
        mqtt = f"url: 'mqtt://127.0.0.1:{broker.port}', username: dev, password_file: {secret}"
        config = write_config(tmp_path, mqtt)
        column = config.read_text().splitlines()[3].index(str(secret)) + 1
        told = f"{config}:4:{column}: mqtt.password_file: every user of this machine can read {secret}, a password"
        done = run_edgedet("check", "-c", config)
        assert done.code == 0
        assert f"warning: {told}" in done.err
        with RunningDaemon(config, tmp_path / "log") as run:
            run.worker("camera_child")
            assert f"WARNING {told}" in run.log
            assert run.stop() == 0
        assert MQTT_WORD not in done.err + run.log
        # What is said to help, helps.
        command = done.err.partition(f"{told}")[2].partition("`")[2].partition("`")[0]
        subprocess.run(["sh", "-ec", command], check=True, timeout=20)
        assert told not in run_edgedet("check", "-c", config).err


@pytest.mark.parametrize("way", ["file", "credential", "environment"])
async def test_the_password_may_come_by_file_by_credential_or_by_the_environment(tmp_path: Path, way: str) -> None:
    secret = tmp_path / "credentials" / "mqtt-password"
    secret.parent.mkdir()
    secret.write_text(f"{MQTT_WORD}\n")
    ways: dict[str, dict[str, str]] = {
        "file": {},
        "credential": {"CREDENTIALS_DIRECTORY": str(secret.parent)},
        "environment": {"EDGEDET_MQTT_PASSWORD": MQTT_WORD},
    }
    environment = ways[way]
    with Broker(tmp_path, users={"dev": MQTT_WORD}) as broker:
        mqtt = f"url: 'mqtt://127.0.0.1:{broker.port}', username: dev"
        config = write_config(tmp_path, mqtt + (f", password_file: {secret}" if way == "file" else ""), mode=0o644)
        with (
            Subscriber(broker.port, username="dev", password=MQTT_WORD) as heard,
            running_with(environment, "run", "-c", str(config)) as child,
        ):
            await heard.until(lambda: heard.last("edgedet/dev/porch/state") == b"watching")
            # What decodes pictures from strangers cannot look the password up.
            assert not any(
                MQTT_WORD in text or str(secret.parent) in text for text in environments_of_children(child.pid)
            )
            child.terminate()
            assert await asyncio.to_thread(child.wait, 30.0) == 0


async def test_a_wrong_password_is_said_once_without_the_password_and_tried_again_quietly(tmp_path: Path) -> None:
    with Broker(tmp_path, users={"dev": MQTT_WORD}) as broker:
        config = write_config(tmp_path, f"url: 'mqtt://dev:{WRONG_WORD}@127.0.0.1:{broker.port}'")
        with RunningDaemon(config, tmp_path / "log") as run:
            await eventually(lambda: broker.log.count("not authorised") >= 3)
            assert run.stop() == 0
    complaints = [line for line in run.log.splitlines() if line.startswith("WARNING broker: broker_")]
    assert len(complaints) == 1
    assert "refuses the connection: not authorized" in complaints[0]
    assert WRONG_WORD not in run.log
