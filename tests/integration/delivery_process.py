"""A process that delivers events as the daemon does, and keeps a log of what happened. Run by `delivering.py`.

Lines on standard input: `put COUNT PER_SECOND`, `open COUNT` (lives without end), `hurry TIMES` (time runs so many
times faster from now on), `stat`, `quit`. What it is asked for, and that it is ready, it answers with lines of JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from itertools import count
from pathlib import Path

from edgedet.clock import Clock
from edgedet.outputs.connection import Connection
from edgedet.outputs.delivery import EventDelivery, Trouble
from edgedet.outputs.mqtt import MqttOutput
from edgedet.outputs.pace import Pace
from edgedet.outputs.spool.entry import Policy
from edgedet.outputs.topics import Topics
from edgedet.types import Box, EndReason, Event, EventKind

CAMERAS = ("porch", "yard")


def event(key: str, kind: EventKind) -> Event:
    now = time.monotonic_ns()
    ended = now if kind is EventKind.END else None
    reason = EndReason.LEFT if kind is EventKind.END else None
    box = Box(0.1, 0.2, 0.3, 0.4)
    return Event(
        key, kind, "person", 1, 0.5, 0.6, box, now, now, ended, reason, zones=("drive",), entered_zones=("drive",)
    )


def resident_kb() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


class SimulatedTime:
    """Both clocks, as fast as they are until they are made to hurry."""

    def __init__(self) -> None:
        self._speed = 1.0
        self._since_ns = time.monotonic_ns()
        self._mono_ns = self._since_ns
        self._ahead_ns = time.time_ns() - self._since_ns

    def hurry(self, times: float) -> None:
        self._mono_ns, self._since_ns, self._speed = self.mono_ns(), time.monotonic_ns(), times

    def mono_ns(self) -> int:
        return self._mono_ns + int((time.monotonic_ns() - self._since_ns) * self._speed)

    def wall_ns(self) -> int:
        return self.mono_ns() + self._ahead_ns


class Driver:
    def __init__(self, options: dict[str, object]) -> None:
        folder = Path(str(options["folder"]))
        self.log = Path(str(options["log"])).open("a")  # noqa: SIM115  # until the process ends, mostly by a kill
        self.rate = 0.0
        self.trouble: Trouble | None = None
        self.number = count(int(str(options.get("first", 0))))
        topics = Topics("pi")
        self.time = SimulatedTime()
        clock = Clock(mono_ns=self.time.mono_ns, wall_ns=self.time.wall_ns) if options.get("simulated") else Clock()
        self.delivery = EventDelivery(
            folder,
            topics,
            clock,
            Policy(
                mode=options.get("mode", "spill"),
                max_events=int(str(options.get("max_events", 100_000))),
                max_age_s=float(str(options.get("max_age_s", 72 * 3600))),
            ),
            cameras=CAMERAS,
            on_change=self.troubled,
        )
        connection = Connection(
            host=str(options.get("host", "127.0.0.1")),
            port=int(str(options["port"])),
            keepalive_s=int(str(options.get("keepalive_s", 2))),
            client_id="edgedet-test",
        )
        first_delay_s = float(str(options.get("first_delay_s", 0.1)))
        pace = Pace(first_delay_s=first_delay_s, longest_delay_s=first_delay_s + 0.4, answer_s=2.0)
        self.output = MqttOutput(connection, topics, pace=pace, events=self.delivery)

    def troubled(self, trouble: Trouble | None) -> None:
        self.trouble = trouble

    def put(self, kind: EventKind) -> None:
        number = next(self.number)
        key, camera = f"{kind}-{number}", CAMERAS[number % 2]
        # As the judge's log: on disk before the event is handed over.
        self.log.write(f"{key} {camera} {time.monotonic_ns()}\n")
        self.log.flush()
        self.delivery.put(camera, event(key, kind))

    async def put_many(self, number: int, per_second: float) -> None:
        began = time.monotonic()
        for done in range(number):
            self.put(EventKind.END)
            if (ahead := began + (done + 1) / per_second - time.monotonic()) > 0:
                await asyncio.sleep(ahead)
        self.rate = number / (time.monotonic() - began)
        os.fsync(self.log.fileno())

    async def obey(self, words: list[str]) -> None:
        if words[0] == "put":
            await self.put_many(int(words[1]), float(words[2]))
        elif words[0] == "hurry":
            self.time.hurry(float(words[1]))
        elif words[0] == "open":
            for _ in range(int(words[1])):
                self.put(EventKind.NEW)
        counts = self.delivery.statistics()
        self.say(
            {
                "done": words[0],
                "rate": self.rate,
                "spooled": counts.spooled,
                "dropped": counts.dropped,
                "trouble": None if self.trouble is None else self.trouble.code,
                "connected": self.output.status.connected,
                "reconnects": self.output.statistics().reconnects,
                "status": self.output.status.message,
                "resident_kb": resident_kb(),
            }
        )

    def say(self, told: dict[str, object]) -> None:
        print(json.dumps(told), flush=True)

    async def run(self) -> None:
        lines = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
        async with self.delivery, self.output:
            self.say({"ready": True})
            while (words := (await lines.readline()).decode().split()) and words[0] != "quit":
                await self.obey(words)


if __name__ == "__main__":
    driver = Driver(json.loads(sys.argv[1]))
    asyncio.run(driver.run())
