"""One life of a worker child, as its parent sees it: started, talked to, killed, never waited for."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgedet.errors import WorkerLost
from edgedet.workers import memory
from edgedet.workers.protocol import MAX_MESSAGE

_log = logging.getLogger(__name__)

_BOOT = Path(__file__).with_name("boot.py")
_MESSAGES_PER_WAKE = 64
"""So that a worker which floods us cannot keep the loop from its other tasks."""
_STDERR_LINES_KEPT = 20
_CORPSE_PATIENCE_S = 0.2
"""A killed child is collected in a few milliseconds, or it hangs in the kernel, and then nobody waits for it."""

_NOT_FOR_WORKERS = frozenset({"EDGEDET_MQTT_PASSWORD", "CREDENTIALS_DIRECTORY"})
"""What of the environment leads to the broker's password."""
_NOISE = ("INFO: Created TensorFlow Lite XNNPACK delegate", "INFO: Initialized TensorFlow Lite runtime")
"""What the runtime says at every start and what helps nobody."""


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """What to start."""

    name: str
    """For the log and for `ps`."""
    module: str
    """Module with `serve(connection, memory_fd)`."""
    memory_bytes: int
    python: str | None = None
    """Interpreter of the child; None: the daemon's own."""


class WorkerProcess:
    """A child with a socket and a shared memory.

    `on_message` is called in the event loop with every message, `on_lost` once, with the reason, when the child is gone
    or has been killed; after it nothing is called any more. The corpse is collected in the background: a child that
    hangs in the kernel cannot be killed at once, and nobody waits for it.
    """

    def __init__(
        self,
        spec: ChildSpec,
        on_message: Callable[[bytes], None],
        on_lost: Callable[[WorkerLost], None],
    ) -> None:
        self.spec = spec
        self._on_message = on_message
        self._on_lost = on_lost
        self._process: asyncio.subprocess.Process | None = None
        self._socket: socket.socket | None = None
        self._background: set[asyncio.Task[None]] = set()
        self._stderr: deque[str] = deque(maxlen=_STDERR_LINES_KEPT)
        self._lost = False

    @property
    def pid(self) -> int | None:
        """Of the child, while there is one."""
        return None if self._process is None else self._process.pid

    @property
    def collected(self) -> bool:
        """Whether nothing is left of the child: false also for one that was killed and hangs in the kernel."""
        return self._process is None or self._process.returncode is not None

    async def gone(self) -> None:
        """Wait until nothing is left of the child, however long the kernel keeps it."""
        if self._process is not None:
            await self._process.wait()

    async def start(self) -> int:
        """Start the child; returns the descriptor of the shared memory, which is the caller's to close.

        Raises:
            WorkerLost: there is no such interpreter.
        """
        memory_fd = memory.create(self.spec.name, self.spec.memory_bytes)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        python = self.spec.python or sys.executable
        argv = [python, "-I", str(_BOOT), self.spec.module, str(theirs.fileno()), str(memory_fd)]
        try:
            self._process = await asyncio.create_subprocess_exec(
                *argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                pass_fds=(theirs.fileno(), memory_fd),
                # It reads pictures from strangers with native code: what the broker wants to know is not its business.
                env={name: value for name, value in os.environ.items() if name not in _NOT_FOR_WORKERS},
            )
        except OSError as error:
            ours.close()
            os.close(memory_fd)
            raise WorkerLost(
                f"{self.spec.name}: cannot start {python}: {error.strerror}",
                hint="Set `python:` to an interpreter that exists, or leave it out.",
            ) from error
        finally:
            theirs.close()
        self._socket = ours
        asyncio.get_running_loop().add_reader(ours.fileno(), self._on_readable)
        self._in_background(self._keep_stderr(), "stderr")
        return memory_fd

    def send(self, message: bytes) -> None:
        """Give the child a message. What cannot be sent is as good as lost: the child does not read any more."""
        if self._socket is None:
            return
        try:
            self._socket.send(message)
        except BlockingIOError:
            self.kill("it no longer reads its messages")
        except OSError:
            # It has gone; what it said before may still wait to be read, and after that comes the end of the socket.
            return

    def kill(self, reason: str) -> None:
        """SIGKILL, at once and without waiting; `on_lost` gets the reason."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        self._lose(WorkerLost(f"{self.spec.name}: killed: {reason}"))

    async def close(self, patience_s: float = 1.0) -> None:
        """End the child: closing its socket tells it to go, SIGKILL follows when it does not."""
        killed, self._lost = self._lost, True
        self._close_socket()
        if self._process is not None and self._process.returncode is None:
            try:
                await asyncio.wait_for(self._process.wait(), _CORPSE_PATIENCE_S if killed else patience_s)
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    self._process.kill()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._process.wait(), _CORPSE_PATIENCE_S)
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)

    def _on_readable(self) -> None:
        for _ in range(_MESSAGES_PER_WAKE):
            if self._socket is None:
                return
            try:
                message = self._socket.recv(MAX_MESSAGE)
            except BlockingIOError:
                return
            except ConnectionResetError:
                # Told once when the child went without reading all of ours; its own last messages follow.
                continue
            except OSError:
                message = b""
            if not message:
                self._gone()
                return
            self._on_message(message)

    def _gone(self) -> None:
        """The socket is at its end: the child has exited, crashed, or is about to."""
        self._close_socket()
        self._in_background(self._explain(), "explain")

    async def _explain(self) -> None:
        process = self._process
        if process is None:
            return
        try:
            code = await asyncio.wait_for(process.wait(), 0.5)
        except TimeoutError:
            self.kill("it closed its socket and stayed")
            return
        await asyncio.sleep(0)  # lets the last of its standard error arrive
        self._lose(WorkerLost(f"{self.spec.name}: {describe_exit(code)}", hint=self._last_words()))

    def _lose(self, error: WorkerLost) -> None:
        if self._lost:
            return
        self._lost = True
        self._close_socket()
        self._on_lost(error)

    def _close_socket(self) -> None:
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None

    def _last_words(self) -> str:
        return self._stderr[-1] if self._stderr else ""

    async def _keep_stderr(self) -> None:
        process = self._process
        if process is None or process.stderr is None:
            return
        while True:
            try:
                line = await process.stderr.readline()
            except ValueError:  # longer than the reader's limit; the rest of it follows as lines of its own
                continue
            if not line:
                break
            text = line.decode(errors="replace").rstrip()
            if text and not text.startswith(_NOISE):
                self._stderr.append(text)
                _log.debug("%s: %s", self.spec.name, text)
        await process.wait()

    def _in_background(self, coroutine: Coroutine[Any, Any, None], what: str) -> None:
        task = asyncio.get_running_loop().create_task(coroutine, name=f"{self.spec.name}-{what}")
        self._background.add(task)
        task.add_done_callback(self._background.discard)


def describe_exit(code: int) -> str:
    """An exit status in words: `ended with status 3`, `died of SIGSEGV`."""
    if code >= 0:
        return f"ended with status {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"died of {name}"
