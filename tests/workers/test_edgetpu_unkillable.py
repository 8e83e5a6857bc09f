"""A worker that cannot be killed, since it waits in the kernel: its device is busy until it has gone."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edgedet.workers.detector import DetectorSpec
from software_edgetpu.library import SoftwareEdgeTpu
from stuck_in_kernel import StuckInKernel
from workers.preferring import running


@pytest.fixture
def stuck(edgetpu: SoftwareEdgeTpu) -> Iterator[StuckInKernel]:
    if os.getuid() != 0 or not Path("/dev/fuse").exists():
        pytest.skip("no process can be made to wait in the kernel here: that takes root and /dev/fuse")
    with StuckInKernel() as place:
        edgetpu.library.with_name(f"{edgetpu.library.name}.stuck").symlink_to(place.path)
        yield place


def state_of(pid: int) -> str:
    """R, S, D, Z, ...; empty: there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return ""


async def test_the_device_of_a_worker_that_cannot_be_killed_is_busy_until_it_has_gone(
    on_edgetpu: DetectorSpec, edgetpu: SoftwareEdgeTpu, stuck: StuckInKernel, scene: bytes
) -> None:
    async with running(on_edgetpu, scene) as bench:
        await bench.until_on("edgetpu")
        await bench.ask()
        pid = bench.detector.state.pid
        assert pid is not None
        edgetpu.script(invoke="stuck")
        begun = time.monotonic()
        assert (await bench.ask()).backend == "cpu"
        assert time.monotonic() - begun < on_edgetpu.deadline_s + 3.0
        await bench.until(lambda state: state.doubt is not None and state.doubt.code == "edgetpu_busy")
        doubt = bench.detector.state.doubt
        assert doubt is not None
        assert f"process {pid}" in doubt.message
        edgetpu.script(invoke="ok")
        opened = len(edgetpu.opened)
        for _ in range(20):
            assert (await bench.ask()).backend == "cpu"
            await asyncio.sleep(0.1)
        assert stuck.entered.is_set()
        assert state_of(pid) in "DZ"  # Z: its first thread has gone, another one waits
        assert len(edgetpu.opened) == opened
        stuck.let_go()
        await bench.until_on("edgetpu")
        assert state_of(pid) == ""
        assert (await bench.ask()).backend == "edgetpu"
        assert bench.detector.state.doubt is None


async def test_a_worker_that_cannot_be_killed_while_it_loads_is_left_alone_too(
    on_edgetpu: DetectorSpec, edgetpu: SoftwareEdgeTpu, stuck: StuckInKernel, scene: bytes
) -> None:
    edgetpu.script(create="stuck")
    async with running(replace(on_edgetpu, load_deadline_s=2.0), scene) as bench:
        assert await bench.until_doubted() in ("edgetpu_hung", "edgetpu_busy")
        await bench.until(lambda state: state.doubt is not None and state.doubt.code == "edgetpu_busy")
        attempts = bench.detector.state.restarts
        edgetpu.script(create="ok")
        await asyncio.sleep(1.0)
        assert bench.detector.state.restarts == attempts
        stuck.let_go()
        await bench.until_on("edgetpu")


async def test_the_end_of_the_daemon_does_not_wait_for_it(
    on_edgetpu: DetectorSpec, edgetpu: SoftwareEdgeTpu, stuck: StuckInKernel, scene: bytes
) -> None:
    async with running(on_edgetpu, scene) as bench:
        await bench.until_on("edgetpu")
        edgetpu.script(invoke="stuck")
        await bench.ask()
        await bench.until(lambda state: state.doubt is not None and state.doubt.code == "edgetpu_busy")
        begun = time.monotonic()
    assert time.monotonic() - begun < 2.5
