"""The Edge TPU is lost, the CPU answers, and the way back: with real workers on a software Edge TPU."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from edgedet.accelerators.devices import EdgeTpu
from edgedet.settings.model_choice import BUNDLED_MODEL
from edgedet.workers.backoff import Backoff
from edgedet.workers.detector import DetectorSpec
from software_edgetpu.library import SoftwareEdgeTpu
from workers.preferring import SOON, running

PLUGGED = EdgeTpu("usb:0", "2-1", Path("/dev/bus/usb/002/003"))


async def test_the_edge_tpu_answers_while_it_can(on_edgetpu: DetectorSpec, scene: bytes) -> None:
    async with running(on_edgetpu, scene) as bench:
        await bench.until_on("edgetpu")
        assert (await bench.ask()).backend == "edgetpu"
        assert (bench.detector.state.doubt, bench.detector.state.fallbacks) == (None, 0)


async def test_an_absent_edge_tpu_is_said_and_the_cpu_answers_until_it_comes(
    on_edgetpu: DetectorSpec, edgetpu: SoftwareEdgeTpu, scene: bytes
) -> None:
    edgetpu.unplug()
    async with running(on_edgetpu, scene) as bench:
        assert await bench.until_doubted() == "edgetpu_absent"
        assert (await bench.ask()).backend == "cpu"
        edgetpu.plug_in("usb:0")
        await bench.until_on("edgetpu")
        assert (await bench.ask()).backend == "edgetpu"
        assert bench.detector.state.doubt is None
        assert bench.detector.state.fallbacks == 0


async def test_one_that_the_kernel_sees_coming_is_not_waited_for(
    on_edgetpu: DetectorSpec, edgetpu: SoftwareEdgeTpu, scene: bytes
) -> None:
    edgetpu.unplug()
    async with running(on_edgetpu, scene, reprobe_s=3600.0) as bench:
        assert await bench.until_doubted() == "edgetpu_absent"
        edgetpu.plug_in("usb:0")
        bench.kernel.append(PLUGGED)
        await bench.until_on("edgetpu")


async def test_one_that_keeps_failing_gets_its_chance_when_it_is_plugged_in_again(
    on_edgetpu: DetectorSpec, edgetpu: SoftwareEdgeTpu, scene: bytes
) -> None:
    edgetpu.script(prepare="error")
    async with running(on_edgetpu, scene, seldom=Backoff(first_s=3600.0)) as bench:
        bench.kernel.append(PLUGGED)
        assert await bench.until_doubted() == "edgetpu_runtime_mismatch"
        bench.kernel.clear()
        await asyncio.sleep(1.5)
        edgetpu.script(prepare="ok")
        bench.kernel.append(PLUGGED)
        await bench.until_on("edgetpu")


@pytest.mark.parametrize(
    ("fault", "code"), [("hang", "edgetpu_hung"), ("abort", "edgetpu_crashed"), ("error", "edgetpu_lost")]
)
async def test_after_a_loss_the_cpu_has_answered_within_three_seconds_and_the_edge_tpu_comes_back(
    on_edgetpu: DetectorSpec, edgetpu: SoftwareEdgeTpu, scene: bytes, fault: str, code: str
) -> None:
    async with running(on_edgetpu, scene, seldom=Backoff(first_s=1.0)) as bench:
        await bench.until_on("edgetpu")
        await bench.ask()
        edgetpu.script(invoke=fault)
        begun = time.monotonic()
        answer = await bench.ask()
        took_s = time.monotonic() - begun
        assert answer.backend == "cpu"
        assert took_s < on_edgetpu.deadline_s * 2 + 3.0
        assert await bench.until_doubted() == code
        assert bench.detector.state.fallbacks == 1
        edgetpu.script(invoke="ok")
        await bench.until_on("edgetpu")
        assert (await bench.ask()).backend == "edgetpu"
        assert bench.detector.state.doubt is None


async def test_while_the_edge_tpu_blocks_in_loading_the_cpu_answers_and_the_loop_runs_on(
    on_edgetpu: DetectorSpec, edgetpu: SoftwareEdgeTpu, scene: bytes
) -> None:
    edgetpu.script(create="hang")
    async with running(on_edgetpu, scene) as bench:
        answers = [(await bench.ask()).backend for _ in range(20)]
        assert set(answers) == {"cpu"}
        assert bench.detector.state.doubt is None
        longest = 0.0
        for _ in range(50):
            begun = time.monotonic()
            await asyncio.sleep(0.01)
            longest = max(longest, time.monotonic() - begun - 0.01)
        assert longest < 0.5


async def test_a_device_that_flaps_leaves_nothing_behind(
    on_edgetpu: DetectorSpec, edgetpu: SoftwareEdgeTpu, scene: bytes
) -> None:
    open_files: list[int] = []
    async with running(on_edgetpu, scene) as bench:
        for _ in range(5):
            await bench.until_on("edgetpu")
            edgetpu.script(invoke="segv")
            assert (await bench.ask()).backend == "cpu"
            edgetpu.script(invoke="ok")
            assert len(bench.detector.pids) <= 2
            await bench.until_on("edgetpu")
            open_files.append(len(list(Path("/proc/self/fd").iterdir())))
        assert open_files[-1] == open_files[1]
        assert bench.detector.state.fallbacks == 5


async def test_a_device_that_keeps_failing_is_tried_more_and_more_rarely_and_that_is_said_once(
    on_edgetpu: DetectorSpec, edgetpu: SoftwareEdgeTpu, scene: bytes
) -> None:
    edgetpu.script(create="segv")
    async with running(on_edgetpu, scene, seldom=Backoff(first_s=0.2, factor=100.0)) as bench:
        await bench.until(lambda state: state.restarts == 1)
        await asyncio.sleep(1.5)
        assert bench.detector.state.restarts == 1
        assert await bench.until_doubted() == "edgetpu_runtime_mismatch"
    assert len({state.doubt for state in bench.states if state.doubt}) == 1


async def test_one_that_has_answered_is_not_told_to_have_the_wrong_library_when_it_crashes_at_load(
    on_edgetpu: DetectorSpec, edgetpu: SoftwareEdgeTpu, scene: bytes
) -> None:
    async with running(on_edgetpu, scene, seldom=Backoff(first_s=0.2)) as bench:
        await bench.until_on("edgetpu")
        edgetpu.script(create="segv")
        bench.detector.restart("the test wants a fresh one")
        await bench.until(lambda state: state.restarts >= 2)
        codes = {state.doubt.code for state in bench.states if state.doubt}
        assert codes == {"edgetpu_crashed"}
        edgetpu.script(create="ok")
        await bench.until_on("edgetpu")


async def test_the_cpu_is_replaced_too_while_the_edge_tpu_is_away(
    on_edgetpu: DetectorSpec, edgetpu: SoftwareEdgeTpu, scene: bytes
) -> None:
    import signal

    edgetpu.unplug()
    async with running(on_edgetpu, scene) as bench:
        await bench.until_on("cpu")
        (pid,) = bench.detector.pids
        os.kill(pid, signal.SIGKILL)
        await bench.until_on("none")
        await bench.until_on("cpu")
        assert (await bench.ask()).backend == "cpu"


async def test_an_edge_tpu_that_answers_wrongly_after_a_reset_is_not_believed(
    on_edgetpu: DetectorSpec, edgetpu: SoftwareEdgeTpu, scene: bytes
) -> None:
    async with running(replace(on_edgetpu, twin=BUNDLED_MODEL), scene, seldom=SOON) as bench:
        await bench.until_on("edgetpu")
        edgetpu.script(invoke="segv")
        assert (await bench.ask()).backend == "cpu"
        edgetpu.script(invoke="ok", answers="zero")
        await bench.until(lambda state: state.doubt is not None and state.doubt.code == "edgetpu_wrong_answers")
        assert (await bench.ask()).backend == "cpu"
        edgetpu.script(answers="twin")
        await bench.until_on("edgetpu")


async def test_one_that_keeps_failing_is_opened_with_its_firmware_loaded_anew(
    on_edgetpu: DetectorSpec, edgetpu: SoftwareEdgeTpu, scene: bytes
) -> None:
    edgetpu.script(prepare="error")
    async with running(on_edgetpu, scene) as bench:
        await bench.until(lambda _state: len(edgetpu.opened) >= 3)
        assert [line.partition(" -> ")[2] for line in edgetpu.opened[:3]] == [
            "usb:0",
            "usb:0",
            "usb:0 Usb.AlwaysDfu=True",
        ]
        assert bench.detector.recovery.reloads >= 1
        edgetpu.script(prepare="ok")
        await bench.until_on("edgetpu")
