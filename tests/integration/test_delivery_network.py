"""A network that swallows packets without a word: no FIN, no RST, nothing for the kernel to report."""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.broker import Broker
from integration.delivering import Delivery, Listener, heard_all

HERE, THERE = "10.213.77.1", "10.213.77.2"
NOWHERE = "02:00:00:00:00:99"


def ip(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["ip", *words], capture_output=True, text=True, check=False)


class Network:
    """A pair of wires into a network namespace, in which the delivering process runs."""

    def __init__(self) -> None:
        self.name = f"edgedet{os.getpid() % 10_000}"
        self.wire = f"ed{os.getpid() % 10_000}"

    def make(self) -> str | None:
        """Why it cannot be made."""
        steps = (
            ("netns", "add", self.name),
            ("link", "add", self.wire, "type", "veth", "peer", "name", "wire", "netns", self.name),
            ("addr", "add", f"{HERE}/24", "dev", self.wire),
            ("link", "set", self.wire, "up"),
            ("-n", self.name, "addr", "add", f"{THERE}/24", "dev", "wire"),
            ("-n", self.name, "link", "set", "wire", "up"),
        )
        for step in steps:
            if (done := ip(*step)).returncode:
                return done.stderr.strip()
        return None

    def swallow(self) -> None:
        """Send what goes either way to a card that does not exist."""
        ip("neigh", "replace", THERE, "lladdr", NOWHERE, "dev", self.wire, "nud", "permanent")
        ip("-n", self.name, "neigh", "replace", HERE, "lladdr", NOWHERE, "dev", "wire", "nud", "permanent")

    def pass_on(self) -> None:
        ip("neigh", "del", THERE, "dev", self.wire)
        ip("-n", self.name, "neigh", "del", HERE, "dev", "wire")

    def remove(self) -> None:
        ip("link", "del", self.wire)
        ip("netns", "del", self.name)


@pytest.fixture
def network() -> Iterator[Network]:
    made = Network()
    try:
        reason = made.make()
        if reason is not None:
            pytest.skip(f"only root may make a network namespace: {reason}")
        yield made
    finally:
        made.remove()


async def test_a_network_that_swallows_packets_is_found_out_within_one_and_a_half_keep_alives(
    network: Network, tmp_path: Path
) -> None:
    keepalive_s = 4
    folder = tmp_path / "broker"
    folder.mkdir()
    broker = Broker(folder, extra="max_queued_messages 0")
    broker._extra += f"\nlistener {broker.port} {HERE}\n"
    with broker, Listener(broker.port) as listener:
        delivery = Delivery(
            broker.port,
            tmp_path / "state",
            tmp_path / "events.log",
            prefix=("ip", "netns", "exec", network.name),
            host=HERE,
            keepalive_s=keepalive_s,
        )
        async with delivery:
            await delivery.until_connected()
            await delivery.do("put", 100, 100)
            network.swallow()
            cut = time.monotonic()
            await delivery.do("put", 50, 50)
            while (await delivery.do("stat"))["connected"]:
                await asyncio.sleep(0.05)
            found_s = time.monotonic() - cut
            # A second more than is promised: it is a busy machine.
            assert found_s < 1.5 * keepalive_s + 1
            waiting = await delivery.do("put", 200, 100)
            assert waiting["spooled"] >= 200
            assert waiting["rate"] > 95
            network.pass_on()
            await delivery.until_delivered()
            await heard_all(listener, delivery)
        listener.check_promises()
