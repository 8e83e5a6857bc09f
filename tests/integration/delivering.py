"""The parts of a delivery: a broker that remembers, a process that delivers, who hears. Each can be killed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import jsonschema
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edgedet.outputs.payloads import json_schema
from integration.broker import Broker
from integration.subscribed import PATIENCE_S, Subscribed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

PROGRAM = Path(__file__).with_name("delivery_process.py")
WINDOW = 20


class RememberingBroker(Broker):
    """Keeps the sessions of its subscribers over a kill: what it took and did not pass on is not what is judged.

    Without a window towards subscribers a message is in their socket before its sender gets the PUBACK.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(
            folder,
            extra=f"persistence true\npersistence_location {folder}/\nmax_inflight_messages 0\nmax_queued_messages 0\n",
        )

    async def remember(self) -> None:
        """Write sessions to disk now."""
        self._running.send_signal(signal.SIGUSR1)
        file = self._folder / "mosquitto.db"
        await until(file.exists, "the broker wrote its sessions")
        await asyncio.sleep(0.2)


class Listener(Subscribed):
    """A subscriber with a session that outlives its connection: keeps every event that it hears, in order.

    One that acknowledges nothing (`qos` 0) hears all that a killed broker has written: where acknowledgements lie
    unread in the broker's socket, the kernel throws away what is on its way to the listener.
    """

    def __init__(self, port: int, *, host: str = "127.0.0.1", qos: int = 1) -> None:
        self.events: list[dict[str, Any]] = []
        client = paho.Client(CallbackAPIVersion.VERSION2, client_id="listener", protocol=MQTTProtocolVersion.MQTTv5)
        super().__init__(client, port, "edgedet/pi/+/events", host=host, qos=qos)

    def __enter__(self) -> Self:
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = 3600
        self.connect(clean_start=False, properties=properties)
        return self

    def heard(self, message: paho.MQTTMessage) -> None:
        self.events.append(json.loads(message.payload))

    def camera(self, name: str) -> list[dict[str, Any]]:
        """What a consumer keeps that drops repeats."""
        kept: dict[int, dict[str, Any]] = {}
        for told in self.events:
            if told["camera"] == name:
                kept.setdefault(told["seq"], told)
        return list(kept.values())

    @property
    def ids(self) -> set[str]:
        return {told["id"] for told in self.events if told["id"] is not None}

    def seqs(self, camera: str) -> list[int]:
        return [told["seq"] for told in self.camera(camera)]

    @property
    def repeats(self) -> int:
        return len(self.events) - len({(told["camera"], told["seq"]) for told in self.events})

    def check_promises(self) -> None:
        """In order, no number used twice, no number without an explanation, every message as its schema says."""
        schema = jsonschema.Draft202012Validator(json_schema("event"))
        for camera in {told["camera"] for told in self.events}:
            seqs = self.seqs(camera)
            assert seqs == sorted(seqs), f"{camera}: out of order: {seqs}"
            meanings = {(told["seq"], told["type"], told["id"]) for told in self.events if told["camera"] == camera}
            twice = [seq for seq, times in Counter(seq for seq, _, _ in meanings).items() if times > 1]
            assert not twice, f"{camera}: used twice: {twice}"
            gaps = [(told["from_seq"], told["to_seq"]) for told in self.camera(camera) if told["type"] == "gap"]
            for one, following in pairwise(seqs):
                told = any(first <= one + 1 and last >= following - 1 for first, last in gaps)
                assert told or following == one + 1, f"{camera}: nobody explains {one + 1} to {following - 1}"
        for told in self.events[:50] + self.events[-50:]:
            schema.validate(told)


class Delivery:
    """The process that delivers."""

    def __init__(self, port: int, folder: Path, log: Path, *, prefix: Sequence[str] = (), **options: object) -> None:
        self._options = {"port": port, "folder": str(folder), "log": str(log), **options}
        self._environment = dict(os.environ)
        self._prefix = tuple(prefix)
        self._log = log
        self._child: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._child is not None and self._child.returncode is None:
            self._child.kill()
            await self._child.wait()

    async def start(self, **environment: str) -> dict[str, Any]:
        options = {**self._options, "first": len(self.logged())}
        self._child = await asyncio.create_subprocess_exec(
            *self._prefix,
            sys.executable,
            str(PROGRAM),
            json.dumps(options),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**self._environment, **environment},
        )
        return await self._answer()

    @property
    def child(self) -> asyncio.subprocess.Process:
        assert self._child is not None, "start it first"
        return self._child

    async def do(self, *words: object) -> dict[str, Any]:
        self.tell(*words)
        return await self._answer()

    def tell(self, *words: object) -> None:
        """Ask for something without waiting for it."""
        assert self.child.stdin is not None
        self.child.stdin.write((" ".join(map(str, words)) + "\n").encode())

    async def kill(self) -> None:
        self.child.kill()
        await self.child.wait()

    async def quit(self) -> None:
        self.tell("quit")
        assert await asyncio.wait_for(self.child.wait(), PATIENCE_S) == 0

    async def until_connected(self) -> None:
        while not (await self.do("stat"))["connected"]:
            await asyncio.sleep(0.02)

    async def until_delivered(self) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while (told := await self.do("stat"))["spooled"]:
            assert time.monotonic() < deadline, f"still waiting: {told}"
            await asyncio.sleep(0.05)

    async def until_trouble(self, *codes: str | None) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while (told := await self.do("stat"))["trouble"] not in codes:
            assert time.monotonic() < deadline, f"not {codes}: {told}"
            await asyncio.sleep(0.05)

    def logged(self) -> list[tuple[str, str, int]]:
        """Id, camera and time of every event that happened."""
        if not self._log.exists():
            return []
        lines = [line.split() for line in self._log.read_text().splitlines()]
        return [(key, camera, int(at_ns)) for key, camera, at_ns in lines]

    async def _answer(self) -> dict[str, Any]:
        assert self.child.stdout is not None
        line = await asyncio.wait_for(self.child.stdout.readline(), PATIENCE_S)
        assert line, "the delivering process ended"
        answer: dict[str, Any] = json.loads(line)
        return answer


async def until(holds: Any, what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, f"this did not happen within {PATIENCE_S:g} s: {what}"
        await asyncio.sleep(0.02)


async def heard_all(listener: Listener, delivery: Delivery, *, lost: int = 0) -> None:
    """Wait until the listener knows of everything that was logged, up to so many."""
    wanted = {key for key, _, _ in delivery.logged()}
    with contextlib.suppress(AssertionError):
        await until(lambda: len(wanted - listener.ids) <= lost, "everything arrived")
    missing = wanted - listener.ids
    assert len(missing) <= lost, f"{len(missing)} of {len(wanted)} events are lost, such as {sorted(missing)[:5]}"
