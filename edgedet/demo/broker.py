"""A broker of the demo's own: a real one, in a process of its own, that can be taken away and brought back."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from edgedet.errors import UsageError, WorkerError

_PATIENCE_S = 10.0
_MORE_PLACES = "/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin"
"""Where distributions keep mosquitto, though not on every user's path."""
_DIES_WITH_US = "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 9); os.execv(sys.argv[1], sys.argv[1:])"
"""PR_SET_PDEATHSIG: no broker is left behind when the demo is killed."""


class Broker:
    """A broker process on a loopback port that stays the same through restarts."""

    def __init__(self, kind: str, command: list[str], port: int) -> None:
        self.kind = kind
        """`mosquitto` or `amqtt`."""
        self.port = port
        self._command = command
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        """For clients on this machine."""
        return f"mqtt://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int | None:
        """Of the running process."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    async def start(self) -> None:
        """Start it and wait until it takes connections.

        Raises:
            WorkerError: it ended at once, or nothing listens after some seconds.
        """
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            # Ctrl-C is for the demo: the daemon still has something to say to the broker before it goes.
            start_new_session=True,
        )
        loop = asyncio.get_running_loop()
        give_up = loop.time() + _PATIENCE_S
        while loop.time() < give_up and self._process.returncode is None:
            try:
                _reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                await asyncio.sleep(0.05)
                continue
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            return
        raise WorkerError(f"the broker ({self.kind}) does not start", hint="Give one that runs already: --url mqtt://…")

    async def kill(self) -> None:
        """Take it away, as a power cut would: no goodbye to anybody, nothing kept."""
        process = self._process
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGKILL)
            await process.wait()

    async def restart(self) -> None:
        """Bring it back on the same port, empty.

        Raises:
            WorkerError: see `start`.
        """
        await self.kill()
        await self.start()


@contextlib.asynccontextmanager
async def own_broker() -> AsyncIterator[Broker]:
    """A running mosquitto, else amqtt.

    Raises:
        UsageError: neither is installed.
        WorkerError: it does not start.
    """
    with tempfile.TemporaryDirectory(prefix="edgedet-demo-") as folder:
        port = _free_port()
        broker = _mosquitto(Path(folder), port) or _amqtt(port)
        if broker is None:
            raise UsageError(
                "the demo needs an MQTT broker, and finds neither mosquitto nor amqtt",
                hint="Install one (apt install mosquitto, or pip install 'edgedet[demo]'), or give --url mqtt://HOST.",
            )
        try:
            await broker.start()
            yield broker
        finally:
            await broker.kill()


def _mosquitto(folder: Path, port: int) -> Broker | None:
    program = shutil.which("mosquitto", path=f"{os.environ.get('PATH', os.defpath)}:{_MORE_PLACES}")
    if program is None:
        return None
    lines = [f"listener {port} 127.0.0.1", "allow_anonymous true", "persistence false", "log_dest none"]
    if os.geteuid() == 0:
        # It would become the user mosquitto, and a process that changes its user no longer dies with its parent.
        lines.append("user root")
    settings = folder / "mosquitto.conf"
    settings.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return Broker("mosquitto", [sys.executable, "-I", "-c", _DIES_WITH_US, program, "-c", str(settings)], port)


def _amqtt(port: int) -> Broker | None:
    if importlib.util.find_spec("amqtt") is None:
        return None
    return Broker("amqtt", [sys.executable, "-m", "edgedet.demo.amqtt_broker", str(port)], port)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
