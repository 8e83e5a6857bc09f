"""What the daemon tells a service manager, as one hears it: on `$NOTIFY_SOCKET`, from a process of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edgedet.settings.model_choice import BUNDLED_MODEL

pytestmark = pytest.mark.timeout(240)

PATIENCE_S = 60.0
LOSES_A_TASK = """\
# Found by every Python that has this folder on its path: at SIGUSR1 a task of the daemon's ends without a word.
import asyncio, os, signal
def lose(*_):
    for task in asyncio.all_tasks():
        if task.get_name() == os.environ["TASK_TO_LOSE"]:
            task.cancel()
signal.signal(signal.SIGUSR1, lose)
"""


class Service:
    """`edgedet run` under a service manager that only listens."""

    def __init__(self, folder: Path, model: Path = BUNDLED_MODEL, **environment: str) -> None:
        self.folder = folder
        (folder / "run").mkdir()
        config = folder / "edgedet.yaml"
        config.write_text(
            f"version: 1\ndevice: dev\nstate_dir: {folder / 'state'}\nmqtt: {{url: 'mqtt://127.0.0.1:9'}}\n"
            f"detector: {{model: {model}, accelerators: [cpu]}}\n"
            "cameras: {porch: {source: {type: synthetic, size: [320, 240], fps: 5}}}\n"
        )
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(folder / "notify"))
        self._socket.settimeout(0.1)
        self.told: list[str] = []
        self._log = (folder / "log").open("wb")
        given = {"NOTIFY_SOCKET": str(folder / "notify"), "RUNTIME_DIRECTORY": str(folder / "run"), **environment}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "edgedet", "run", "-c", config], stderr=self._log, env={**os.environ, **given}
        )

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def hear(self, condition: Callable[[list[str]], object], patience_s: float = PATIENCE_S) -> None:
        deadline = time.monotonic() + patience_s
        while not condition(self.told):
            assert time.monotonic() < deadline, f"{self.told[-5:]}\n{self.log}"
            try:
                self.told.append(self._socket.recv(4096).decode())
            except TimeoutError:
                continue

    def end(self) -> None:
        self.process.kill()
        self.process.wait(PATIENCE_S)
        self._socket.close()
        self._log.close()


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    started: list[Service] = []

    def start(**options: object) -> Service:
        started.append(Service(tmp_path, **options))
        return started[-1]

    yield start
    for service in started:
        service.end()


def ready(told: list[str]) -> list[str]:
    return [message for message in told if message.startswith("READY=1")]


def test_it_is_ready_once_it_has_inferred_with_no_broker_there(services: Callable[..., Service]) -> None:
    service = services()
    service.hear(ready)
    assert ready(service.told)[0].startswith("READY=1\nSTATUS=")
    service.hear(lambda told: any("1 of 1 cameras watching" in message for message in told))
    service.process.send_signal(signal.SIGTERM)
    service.hear(lambda told: "STOPPING=1\nSTATUS=stopping" in told)
    assert service.process.wait(PATIENCE_S) == 0


def test_it_is_ready_without_a_model_too_and_says_so(services: Callable[..., Service], tmp_path: Path) -> None:
    service = services(model=tmp_path / "none.tflite")
    service.hear(ready)
    assert "blind: 0 of 1 cameras watching" in ready(service.told)[0]
    assert "model_missing" in ready(service.told)[0]


def test_after_ends_that_follow_each_other_it_waits_and_can_be_stopped_meanwhile(
    services: Callable[..., Service], tmp_path: Path
) -> None:
    (tmp_path / "ends").write_text(f"{time.monotonic()}\n" * 9)
    service = services(RUNTIME_DIRECTORY=str(tmp_path))
    service.hear(lambda told: any("starting in 60 s" in message for message in told))
    assert not ready(service.told)
    service.process.send_signal(signal.SIGTERM)
    assert service.process.wait(10) == 0


def with_also(folder: Path) -> dict[str, str]:
    """The environment of a Python that finds what is in the folder too."""
    return {"PYTHONPATH": os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH"))))}


def test_an_mqtt_output_that_has_ended_ends_the_daemon_so_that_it_is_started_again(
    services: Callable[..., Service], tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(LOSES_A_TASK)
    service = services(TASK_TO_LOSE="mqtt", **with_also(tmp_path))
    service.hear(lambda told: any("1 of 1 cameras watching" in message for message in told))
    service.process.send_signal(signal.SIGUSR1)
    assert service.process.wait(PATIENCE_S) == 1
    assert "the MQTT output has ended by a mistake of its own" in service.log


@pytest.mark.slow
def test_a_loop_that_has_ended_without_a_word_starves_the_watchdog_and_is_named(
    services: Callable[..., Service], tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(LOSES_A_TASK)
    service = services(TASK_TO_LOSE="event-delivery", **with_also(tmp_path))
    service.hear(lambda told: any("1 of 1 cameras watching" in message for message in told))
    service.process.send_signal(signal.SIGUSR1)
    service.hear(lambda _: "No progress: events" in service.log, 90)
    heard = len(service.told)
    with pytest.raises(AssertionError):
        service.hear(lambda told: "WATCHDOG=1" in told[heard:], 5)
    assert "camera-porch: Stack for" in service.log
    assert service.process.poll() is None
