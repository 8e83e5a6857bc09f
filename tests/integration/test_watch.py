"""`edgedet watch` as a process: in a pipe, on a terminal, with and without a broker."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgedet.settings.model_choice import BUNDLED_MODEL
from integration.broker import Broker, Subscriber, eventually, free_port
from integration.edgedet_process import RunningDaemon, run_edgedet

PATIENCE_S = 20.0


class Watching:
    """`edgedet watch` at work; its output is read from a file or from a terminal."""

    def __init__(self, child: subprocess.Popen[bytes], out: Path | int) -> None:
        self.child = child
        self._out = out
        self._read = b""

    @property
    def shown(self) -> str:
        if isinstance(self._out, Path):
            return self._out.read_text()
        with contextlib.suppress(BlockingIOError, OSError):  # EIO: the other side has been closed
            while chunk := os.read(self._out, 65536):
                self._read += chunk
        return self._read.decode(errors="replace")

    async def shows(self, *texts: str) -> None:
        await eventually(lambda: all(text in self.shown for text in texts), lambda: self.shown[-3000:])

    def interrupt(self) -> int:
        self.child.send_signal(signal.SIGINT)
        return self.child.wait(PATIENCE_S)


@contextlib.contextmanager
def watching(port: int, folder: Path, *options: str, terminal: bool = False) -> Iterator[Watching]:
    with running("--url", f"mqtt://127.0.0.1:{port}", *options, folder=folder, terminal=terminal) as found:
        yield found


@contextlib.contextmanager
def running(
    *options: str | Path, folder: Path, terminal: bool = False, environment: dict[str, str] | None = None
) -> Iterator[Watching]:
    command = [sys.executable, "-m", "edgedet", "watch", *map(str, options)]
    variables = {**os.environ, **(environment or {})}
    if terminal:
        ours, theirs = pty.openpty()
        os.set_blocking(ours, False)
        variables |= {"TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40"}
        child = subprocess.Popen(command, stdout=theirs, stderr=theirs, stdin=theirs, env=variables)
        os.close(theirs)
        found = Watching(child, ours)
    else:
        out = folder / "out"
        with out.open("wb") as stream:
            child = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT, env=variables)
        found = Watching(child, out)
    try:
        yield found
    finally:
        if child.poll() is None:
            child.kill()
            child.wait(PATIENCE_S)
        if terminal:
            os.close(ours)


def publish_a_quiet_day(somebody: Subscriber, device: str, count: str) -> None:
    base = f"edgedet/{device}"
    somebody.publish(f"{base}/availability", "online", retain=True)
    somebody.publish(f"{base}/porch/state", "watching", retain=True)
    somebody.publish(f"{base}/porch/objects/person", count, retain=True)
    somebody.publish(f"{base}/health", json.dumps({"state": "ok", "reasons": []}), retain=True)


async def test_two_devices_are_shown_at_once_on_a_terminal_which_is_left_as_it_was(
    broker: Broker, tmp_path: Path
) -> None:
    with Subscriber(broker.port) as somebody, watching(broker.port, tmp_path, terminal=True) as watch:
        await watch.shows("Nothing is published here yet")
        publish_a_quiet_day(somebody, "north", "1")
        publish_a_quiet_day(somebody, "south", "3")
        await watch.shows("2 devices", "north", "south", "1 person", "3 person")
        assert await asyncio.to_thread(watch.interrupt) == 130
        assert watch.shown.count("\x1b[?1049h") == watch.shown.count("\x1b[?1049l") == 1
        assert watch.shown.rstrip().endswith(("\x1b[?25h", "\x1b[?1049l"))
        assert "Traceback" not in watch.shown


async def test_two_daemons_are_shown_at_once(broker: Broker, tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        for device in ("north", "south"):
            config = tmp_path / f"{device}.yaml"
            config.write_text(
                f"version: 1\ndevice: {device}\nstate_dir: {tmp_path / device}\n"
                f"mqtt: {{url: 'mqtt://127.0.0.1:{broker.port}', stats_interval_s: 1}}\n"
                f"detector: {{model: {BUNDLED_MODEL}, accelerators: [cpu]}}\n"
                "cameras: {street: {source: {type: synthetic, size: [320, 240], fps: 5}, detect: {min_score: 0.3}}}\n"
            )
            stack.enter_context(RunningDaemon(config, tmp_path / f"{device}.log"))
        watch = stack.enter_context(watching(broker.port, tmp_path))
        for device in ("north", "south"):
            await watch.shows(
                f"{device} online", f"{device} health ok", f"{device} street is watching", f"{device} street person ",
                f"{device} street new person", "frames a second",
            )  # fmt: skip


async def test_in_a_pipe_every_change_is_a_line(broker: Broker, tmp_path: Path) -> None:
    with Subscriber(broker.port) as somebody, watching(broker.port, tmp_path) as watch:
        publish_a_quiet_day(somebody, "north", "1")
        await watch.shows("north online", "north porch is watching", "north porch person 1", "north health ok")
        somebody.publish("edgedet/north/porch/state", "blind", retain=True)
        await watch.shows("north porch is blind")
        assert await asyncio.to_thread(watch.interrupt) == 130
        assert "\x1b" not in watch.shown
        assert "Traceback" not in watch.shown


async def test_of_one_device_nothing_else_is_listened_to(broker: Broker, tmp_path: Path) -> None:
    with Subscriber(broker.port) as somebody, watching(broker.port, tmp_path, "--device", "south") as watch:
        publish_a_quiet_day(somebody, "north", "1")
        publish_a_quiet_day(somebody, "south", "1")
        await watch.shows("south health ok")
        assert "north" not in watch.shown


async def test_a_broker_that_goes_is_waited_for(broker: Broker, tmp_path: Path) -> None:
    with watching(broker.port, tmp_path) as watch:
        with Subscriber(broker.port) as somebody:
            publish_a_quiet_day(somebody, "north", "1")
            await watch.shows("north health ok")
        await asyncio.to_thread(broker.kill)
        await watch.shows("the broker is gone; trying again")
        await asyncio.to_thread(broker.start)
        await watch.shows("connected again")
        with Subscriber(broker.port) as somebody:
            somebody.publish("edgedet/north/porch/objects/person", "7", retain=True)
            await watch.shows("north porch person 7")


@pytest.mark.parametrize(
    ("url", "code", "complaint"),
    [
        ("mqtt://me:hunter2@127.0.0.1:{port}", 1, "no broker at mqtt://127.0.0.1:{port}: Connection refused"),
        ("http://me:hunter2@127.0.0.1", 2, "is no URL of a broker"),
    ],
    ids=["nobody there", "no URL"],
)
def test_without_a_broker_there_is_one_clear_complaint_and_no_password_in_it(
    url: str, code: int, complaint: str
) -> None:
    port = free_port()
    done = run_edgedet("watch", "--url", url.format(port=port))
    assert (done.code, done.out) == (code, "")
    assert complaint.format(port=port) in done.err
    assert len(done.err.strip().splitlines()) <= 2
    assert "hunter2" not in done.err


def test_a_broker_that_refuses_says_so(tmp_path: Path) -> None:
    with Broker(tmp_path, users={"me": "right-one"}) as broker:
        done = run_edgedet("watch", "--url", f"mqtt://me:wrong-one@127.0.0.1:{broker.port}")
    assert done.code == 1
    assert "refuses the connection: not authorized" in done.err
    assert "wrong-one" not in done.err


@pytest.fixture
def closed_broker(tmp_path: Path) -> Iterator[Broker]:
    """One that lets nobody in without a password."""
    with Broker(tmp_path, users={"me": "right-one"}) as running:
        yield running


def write_configuration(broker: Broker, folder: Path, password: str) -> Path:
    (folder / "password").write_text(f"{password}\n")
    config = folder / "edgedet.yaml"
    config.write_text(
        "version: 1\n"
        f"mqtt: {{url: '{broker.url}', username: me, password_file: password, topic_prefix: house/edgedet}}\n"
        "cameras: {street: {source: {type: synthetic}}}\n"
    )
    return config


async def test_a_configuration_gets_in_where_a_password_is_asked_for(closed_broker: Broker, tmp_path: Path) -> None:
    config = write_configuration(closed_broker, tmp_path, "right-one")
    with (
        Subscriber(closed_broker.port, username="me", password="right-one") as somebody,
        running("-c", config, folder=tmp_path) as watch,
    ):
        somebody.publish("house/edgedet/north/availability", "online", retain=True)
        somebody.publish("edgedet/south/availability", "online", retain=True)
        await watch.shows("north online")
        assert "south" not in watch.shown
        assert await asyncio.to_thread(watch.interrupt) == 130
        assert "right-one" not in watch.shown


async def test_the_environment_s_password_wins_over_the_configuration_s(closed_broker: Broker, tmp_path: Path) -> None:
    config = write_configuration(closed_broker, tmp_path, "wrong-one")
    with (
        Subscriber(closed_broker.port, username="me", password="right-one") as somebody,
        running("-c", config, folder=tmp_path, environment={"EDGEDET_MQTT_PASSWORD": "right-one"}) as watch,
    ):
        somebody.publish("house/edgedet/north/availability", "online", retain=True)
        await watch.shows("north online")
    done = run_edgedet("watch", "-c", config)
    assert done.code == 1
    assert "refuses the connection: not authorized" in done.err
    assert "wrong-one" not in done.err


def test_a_configuration_that_is_wrong_is_refused_with_its_place(tmp_path: Path) -> None:
    config = tmp_path / "edgedet.yaml"
    config.write_text("version: 1\nmqtt: {url: 'http://here'}\ncameras: {street: {source: {type: synthetic}}}\n")
    done = run_edgedet("watch", "-c", config)
    assert (done.code, done.out) == (78, "")
    assert f"{config}:2:13: mqtt.url: " in done.err


@pytest.mark.parametrize(("option", "value"), [("--device", "a/+"), ("--device", "#"), ("--prefix", "a/#")])
def test_what_would_be_another_topic_is_refused(option: str, value: str) -> None:
    done = run_edgedet("watch", option, value)
    assert done.code == 2
    assert "Traceback" not in done.err
