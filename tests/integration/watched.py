"""A daemon under observation: what it publishes and when, and what its processes do meanwhile."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from integration.broker import Broker, Subscriber, eventually
from integration.edgedet_process import RunningDaemon

BASE = "edgedet/dev"
DEADLINE_S = 1.0
FPS = 10


@dataclass(frozen=True)
class Looked:
    """One frame that was looked at, as it was published."""

    at_ns: int
    frame: int
    backend: str


class Watched:
    """The device `dev` with all that a subscriber hears of it."""

    def __init__(self, broker: Broker, heard: Subscriber, run: RunningDaemon) -> None:
        self.broker = broker
        self.heard = heard
        self.run = run

    async def until(self, holds: Callable[[], bool]) -> None:
        """Let the loop run until `holds`; fails with the daemon's last words."""
        await eventually(holds, lambda: f"the log ends so:\n{self.run.log[-3000:]}")

    @property
    def health(self) -> dict[str, Any]:
        return self.healths[-1] if self.healths else {"state": "", "reasons": [], "detector": {"backend": ""}}

    @property
    def healths(self) -> list[dict[str, Any]]:
        return [json.loads(payload) for payload in self.heard.of(f"{BASE}/health")]

    @property
    def stats(self) -> list[dict[str, Any]]:
        return [json.loads(payload) for payload in self.heard.of(f"{BASE}/stats")]

    @property
    def codes(self) -> list[str]:
        return [reason["code"] for reason in self.health["reasons"]]

    def looked(self, camera: str = "porch", since_ns: int = 0) -> list[Looked]:
        """What was published as looked at since then, oldest first."""
        found = []
        for message in self.heard.messages:
            if message.topic == f"{BASE}/{camera}/detections" and message.at_ns >= since_ns:
                body = json.loads(message.payload)
                found.append(Looked(message.at_ns, body["frame"], body["backend"]))
        return found

    async def first_looked(self, since_ns: int, backend: str, camera: str = "porch") -> Looked:
        """The first frame of that backend that is published after the time given."""

        def found() -> list[Looked]:
            return [each for each in self.looked(camera, since_ns) if each.backend == backend]

        await self.until(lambda: bool(found()))
        return found()[0]

    async def until_well_on(self, backend: str) -> None:
        """Until `health` is ok with that backend and one more frame of it has come."""
        await self.until(lambda: self.health["state"] == "ok" and self.health["detector"]["backend"] == backend)
        await self.first_looked(time.monotonic_ns(), backend)

    async def state_at_ns(self, camera: str, state: str, since_ns: int) -> int:
        """When the camera was first said to be in that state after the time given."""
        wanted = (f"{BASE}/{camera}/state", state.encode())

        def found() -> list[int]:
            heard = list(self.heard.messages)
            return [each.at_ns for each in heard if (each.topic, each.payload) == wanted and each.at_ns >= since_ns]

        await self.until(lambda: bool(found()))
        return found()[0]

    async def rate(self, seconds: float, camera: str = "porch") -> float:
        """Frames a second that are looked at, from now on."""
        begun_ns = time.monotonic_ns()
        await asyncio.sleep(seconds)
        ended_ns = time.monotonic_ns()
        count = sum(each.at_ns <= ended_ns for each in self.looked(camera, begun_ns))
        return count * 1e9 / (ended_ns - begun_ns)

    def assert_the_broker_noticed_nothing(self) -> None:
        """One connection from the start to now, and no last will."""
        # Not the connection of its own over which it asks once what the broker keeps.
        lines = [line for line in self.broker.log.splitlines() if re.search(r"edgedet-dev(?!-)", line)]
        assert sum("New client connected" in line for line in lines) == 1
        assert not [line for line in lines if "disconnected" in line or "timeout" in line or "closed" in line]
        assert set(self.heard.of(f"{BASE}/availability")) == {b"online"}
        assert self.run.child.poll() is None


Start = Callable[..., AbstractAsyncContextManager[Watched]]
"""`start(detector="", mqtt="", command=(), fps=FPS, model=BUNDLED_MODEL)`: more keys of the configuration, each text
beginning with a comma; what is run in place of `python -m edgedet`; the camera's frames a second; the CPU's model."""


def using(pids: list[int], library: Path) -> list[int]:
    """Those processes that have the library loaded."""
    return [pid for pid in pids if str(library) in _text(Path(f"/proc/{pid}/maps"))]


async def gone_at_ns(pid: int, patience_s: float = 20.0) -> int:
    """CLOCK_MONOTONIC of when the process was seen to be dead, buried or not."""
    deadline = time.monotonic() + patience_s
    while (state := _text(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()) and state[0] != "Z":
        assert time.monotonic() < deadline, f"process {pid} still lives after {patience_s:g} s"
        await asyncio.sleep(0.005)
    return time.monotonic_ns()


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""
