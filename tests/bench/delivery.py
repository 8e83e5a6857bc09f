"""How many events a second go through the delivery, with a real mosquitto and a subscriber beside it.

    python tests/bench/delivery.py [--events 10000] [--mode spill] [--cameras 2]

A control goes first: as many messages of the same size straight through the MQTT output's own queue. What matters is
the share of it that is left: the figures themselves are the machine's.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

from edgedet.clock import Clock
from edgedet.outputs.connection import Connection
from edgedet.outputs.delivery import EventDelivery
from edgedet.outputs.messages import Publication
from edgedet.outputs.mqtt import MqttOutput
from edgedet.outputs.spool.entry import Policy
from edgedet.outputs.topics import Topics
from edgedet.types import Box, Event, EventKind

TOPICS = Topics("bench")
BURST = 100
"""Events that are handed over before the loop gets a turn."""


def event(number: int) -> Event:
    now = time.monotonic_ns()
    box = Box(0.1, 0.2, 0.3, 0.4)
    return Event(f"life-{number % 50}", EventKind.UPDATE, "person", number, 0.5, 0.75, box, now, now)


async def control(port: int, events: int) -> float:
    """Messages a second without numbers, spool and stamps."""
    async with MqttOutput(Connection(port=port, host="127.0.0.1", client_id="control"), TOPICS) as output:
        while not output.status.connected:
            await asyncio.sleep(0.01)
        message = Publication(TOPICS.events("porch"), bytes(590), qos=1)
        began = time.perf_counter()
        for _ in range(events // BURST):
            for _ in range(BURST):
                output.send(message)
            while output.statistics().waiting > BURST:
                await asyncio.sleep(0)
        return events / (time.perf_counter() - began)


async def delivered(port: int, folder: Path, events: int, cameras: int, policy: Policy) -> tuple[float, float]:
    """Events a second from the first `put` to the last PUBACK, and milliseconds of processor time each."""
    names = [f"camera{number}" for number in range(cameras)]
    async with (
        EventDelivery(folder, TOPICS, Clock(), policy, cameras=names) as delivery,
        MqttOutput(Connection(port=port, host="127.0.0.1"), TOPICS, events=delivery) as output,
    ):
        while not output.status.connected:
            await asyncio.sleep(0.01)
        began, busy = time.perf_counter(), time.process_time()
        for turn in range(events // BURST):
            for number in range(BURST):
                delivery.put(names[number % cameras], event(turn * BURST + number))
            while delivery.statistics().spooled > BURST:
                await asyncio.sleep(0)
        while delivery.statistics().spooled:
            await asyncio.sleep(0)
        return events / (time.perf_counter() - began), (time.process_time() - busy) * 1000 / events


async def measure(events: int, cameras: int, policy: Policy) -> None:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from integration.broker import Broker

    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        with Broker(folder) as broker:
            for _ in range(3):
                bare = await control(broker.port, events)
                rate, each_ms = await delivered(broker.port, folder / "state", events, cameras, policy)
                print(
                    f"{policy.mode}: {rate:,.0f} events/s, {each_ms:.3f} ms of processor each; "
                    f"bare MQTT {bare:,.0f}/s, {rate / bare:.0%} of it; load {os.getloadavg()[0]:.1f}"
                )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--cameras", type=int, default=2)
    parser.add_argument("--mode", choices=("spill", "strict", "off"), default="spill")
    options = parser.parse_args()
    asyncio.run(measure(options.events, options.cameras, Policy(mode=options.mode)))


if __name__ == "__main__":
    main()
