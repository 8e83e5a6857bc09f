"""Several Edge TPUs: what befalls one of them leaves the others at work. Real workers on a software Edge TPU."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edgedet.accelerators.devices import EdgeTpu
from edgedet.app.model import Model
from edgedet.pipeline import every_frame
from edgedet.workers.camera import CameraSpec, CameraWorker
from edgedet.workers.detector import DetectorSpec
from edgedet.workers.states import DetectorState
from software_edgetpu.library import SoftwareEdgeTpu
from workers.preferring import LIMITS, Bench, running

FIRST = EdgeTpu("usb:0", "2-1", Path("/dev/bus/usb/002/003"))
SECOND = EdgeTpu("usb:1", "2-2", Path("/dev/bus/usb/002/004"))
OF_NO_COST = {"twin": ""}
"""Answers that take no processor, so that a busy machine changes nothing: an invoke waits, and that is all."""
ONLY_SECOND = replace(SECOND, name="usb:0")


@pytest.fixture
def two(on_edgetpu: DetectorSpec, edgetpu: SoftwareEdgeTpu) -> DetectorSpec:
    edgetpu.plug_in("usb:0", "usb:1")
    return replace(on_edgetpu, devices=("usb:0", "usb:1"), instances=2)


@pytest.fixture
def second_is_taken(edgetpu: SoftwareEdgeTpu) -> Iterator[None]:
    """Another program, this one, has usb:1 open."""
    with edgetpu.library.with_name(f"{edgetpu.library.name}.usb:1").open("w") as held:
        fcntl.lockf(held, fcntl.LOCK_EX)
        yield


def both(state: DetectorState) -> bool:
    return state.backend == "edgetpu" and sorted(state.devices) == ["usb:0", "usb:1"]


def one(state: DetectorState) -> bool:
    return state.backend == "edgetpu" and len(state.devices) == 1


async def rate(bench: Bench, seconds: float = 1.5, under_way: int = 4) -> float:
    """Frames a second, with so many under way at once."""
    done, end = 0, time.monotonic() + seconds

    async def ask() -> None:
        nonlocal done
        while time.monotonic() < end:
            assert (await bench.ask()).backend == "edgetpu"
            done += time.monotonic() < end

    await asyncio.gather(*(ask() for _ in range(under_way)))
    return done / seconds


async def test_both_answer_and_each_has_a_worker_of_its_own(two: DetectorSpec, scene: bytes) -> None:
    async with running(two, scene) as bench:
        await bench.until(both)
        assert len(bench.detector.pids) == 3
        assert bench.detector.slots == 4


async def test_two_are_nearly_twice_as_fast_as_one(two: DetectorSpec, edgetpu: SoftwareEdgeTpu, scene: bytes) -> None:
    edgetpu.script(**OF_NO_COST, invoke_ms=60)
    async with running(replace(two, devices=("usb:0",), instances=1), scene) as bench:
        await bench.until_on("edgetpu")
        alone = await rate(bench)
    async with running(two, scene) as bench:
        await bench.until(both)
        together = await rate(bench)
    assert together > 1.7 * alone


async def test_frames_come_out_in_order_and_none_is_lost_while_one_of_two_dies(
    two: DetectorSpec, edgetpu: SoftwareEdgeTpu, camera_spec: CameraSpec, model: Model, scene: bytes
) -> None:
    edgetpu.script(invoke_ms=10)
    async with running(two, scene) as bench:
        await bench.until(both)
        detector, numbers = bench.detector, list[int]()
        async with CameraWorker(replace(camera_spec, slots=detector.slots + 2), lambda _note: None) as camera:
            stream = every_frame(camera.frames(), detector, lambda: LIMITS, model.labels, detector.slots)
            async with contextlib.aclosing(stream):
                async for seen in stream:
                    numbers.append(seen.frame.stamp.seq)
                    seen.frame.release()
                    if len(numbers) == 15:
                        os.kill(detector.pids[0], signal.SIGSEGV)
        assert numbers == list(range(40))


async def test_one_that_another_program_has_leaves_the_other_at_work(
    two: DetectorSpec, edgetpu: SoftwareEdgeTpu, second_is_taken: None, scene: bytes
) -> None:
    async with running(two, scene) as bench:
        await bench.until(lambda state: one(state) and state.doubt is not None)
        assert bench.detector.state.devices == ("usb:0",)
        assert {(await bench.ask()).backend for _ in range(20)} == {"edgetpu"}
        assert bench.detector.state.fallbacks == 0


@pytest.mark.parametrize("fault", [signal.SIGSTOP, signal.SIGSEGV], ids=["hangs", "crashes"])
async def test_the_other_goes_on_at_its_rate_while_one_is_lost_and_comes_back(
    two: DetectorSpec, edgetpu: SoftwareEdgeTpu, scene: bytes, fault: signal.Signals
) -> None:
    edgetpu.script(**OF_NO_COST, invoke_ms=60)
    async with running(two, scene) as bench:
        await bench.until(both)
        together = await rate(bench)
        edgetpu.script(create="fail")
        os.kill(bench.detector.pids[0], fault)
        left = asyncio.get_running_loop().create_task(rate(bench, 4.0))
        await bench.until(lambda state: one(state) and state.doubt is not None)
        doubt = bench.detector.state.doubt
        assert doubt is not None
        assert "usb:0" in doubt.message
        # Of the four seconds the one that hangs is believed in for its deadline, and holds two frames back meanwhile.
        assert await left > 0.4 * together
        assert all("usb:0" in state.doubt.message for state in bench.states if state.doubt)
        assert bench.detector.state.fallbacks == 0
        edgetpu.script(create="ok")
        await bench.until(both)
        assert bench.detector.state.doubt is None


async def test_one_that_is_pulled_and_plugged_in_again_is_taken_whatever_its_number_is_by_then(
    two: DetectorSpec, edgetpu: SoftwareEdgeTpu, scene: bytes
) -> None:
    attached = list(two.devices)
    async with running(lambda: replace(two, devices=tuple(attached), instances=len(attached)), scene) as bench:
        bench.kernel += [FIRST, SECOND]
        await bench.until(both)
        # The library numbers those that are left anew: the second is usb:0 now.
        bench.kernel[:] = [ONLY_SECOND]
        attached[:] = ["usb:0"]
        edgetpu.plug_in("usb:1")
        os.kill(bench.detector.pids[0], signal.SIGKILL)
        await bench.until(lambda state: one(state) and state.doubt is not None and state.doubt.code == "edgetpu_absent")
        assert {(await bench.ask()).backend for _ in range(10)} == {"edgetpu"}
        bench.kernel[:] = [ONLY_SECOND, replace(FIRST, name="usb:1")]
        attached[:] = ["usb:0", "usb:1"]
        edgetpu.plug_in("usb:1", "usb:0")
        await bench.until(lambda state: len(state.devices) == 2)
        assert bench.detector.state.doubt is None


async def test_a_listed_device_that_is_absent_is_taken_when_it_comes(
    on_edgetpu: DetectorSpec, edgetpu: SoftwareEdgeTpu, scene: bytes
) -> None:
    listed = replace(on_edgetpu, devices=("usb:0", "pci:0"), instances=2)
    async with running(listed, scene) as bench:
        await bench.until(lambda state: state.devices == ("usb:0",) and state.doubt is not None)
        doubt = bench.detector.state.doubt
        assert doubt is not None
        assert "pci:0" in doubt.message
        edgetpu.plug_in("usb:0", "pci:0")
        await bench.until(lambda state: state.devices == ("usb:0", "pci:0"))
        assert bench.detector.state.doubt is None


async def test_a_listed_device_that_is_pulled_in_use_is_missed_and_taken_again(
    on_edgetpu: DetectorSpec, edgetpu: SoftwareEdgeTpu, scene: bytes
) -> None:
    edgetpu.plug_in("usb:0", "pci:0")
    listed = replace(on_edgetpu, devices=("usb:0", "pci:0"), instances=2)
    async with running(listed, scene) as bench:
        await bench.until(lambda state: len(state.devices) == 2)
        edgetpu.plug_in("pci:0")
        os.kill(bench.detector.pids[0], signal.SIGABRT)
        await bench.until(lambda state: state.doubt is not None and state.doubt.code == "edgetpu_absent")
        assert bench.detector.state.devices == ("pci:0",)
        assert {(await bench.ask()).backend for _ in range(10)} == {"edgetpu"}
        edgetpu.plug_in("usb:0", "pci:0")
        await bench.until(lambda state: state.devices == ("usb:0", "pci:0"))
        assert bench.detector.state.doubt is None


async def test_a_second_one_that_is_plugged_in_later_joins(
    on_edgetpu: DetectorSpec, edgetpu: SoftwareEdgeTpu, scene: bytes
) -> None:
    attached = ["usb:0"]
    async with running(lambda: replace(on_edgetpu, devices=tuple(attached)), scene) as bench:
        bench.kernel.append(FIRST)
        await bench.until_on("edgetpu")
        attached.append("usb:1")
        bench.kernel.append(SECOND)
        edgetpu.plug_in("usb:0", "usb:1")
        await bench.until(both)
