"""The ways in which an Edge TPU that keeps failing is got back, one after the other, and what is counted of them."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import signal
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edgedet.accelerators.devices import find
from edgedet.errors import AcceleratorError
from edgedet.workers.detector import DetectorSpec
from edgedet.workers.ladder import Rung, rung_after
from edgedet.workers.reset import ResetHelper
from fake_usb import FakeUsb
from software_edgetpu.library import SoftwareEdgeTpu
from workers.preferring import running


@pytest.fixture
def usb(tmp_path: Path) -> FakeUsb:
    return FakeUsb(tmp_path)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Of the helper's socket."""
    return tmp_path / "reset.socket"


@pytest.fixture
def helper(usb: FakeUsb, place: Path) -> Iterator[ResetHelper]:
    with usb.helper_listening(place):
        yield ResetHelper(place)


def on_usb(spec: DetectorSpec) -> DetectorSpec:
    return replace(spec, devices=("usb:0",))


def how_opened(edgetpu: SoftwareEdgeTpu) -> list[str]:
    return [line.partition(" -> ")[2] for line in edgetpu.opened]


@pytest.mark.parametrize(
    ("failures", "allowed", "rung"),
    [
        (0, "uhubctl", Rung()),
        (1, "uhubctl", Rung()),
        (2, "uhubctl", Rung(reload=True)),
        (9, "off", Rung(reload=True)),
        (4, "authorized", Rung(reload=True, reset="authorized")),
        (9, "authorized", Rung(reload=True, reset="authorized")),
        (4, "uhubctl", Rung(reload=True, reset="authorized")),
        (6, "uhubctl", Rung(reload=True, reset="uhubctl")),
    ],
)
def test_each_failure_leads_up_the_ladder_as_far_as_is_allowed(failures: int, allowed: str, rung: Rung) -> None:
    assert rung_after(failures, "edgetpu_hung", allowed) == rung  # type: ignore[arg-type]


@pytest.mark.parametrize("code", ["edgetpu_absent", "edgetpu_busy", "edgetpu_no_permission", "model_missing"])
def test_what_is_not_the_devices_fault_is_not_mended_by_a_reset(code: str) -> None:
    assert rung_after(9, code, "uhubctl") == Rung()


def test_a_wrong_library_is_no_reason_to_take_a_devices_power() -> None:
    assert rung_after(9, "edgetpu_runtime_mismatch", "uhubctl") == Rung(reload=True)


async def test_a_device_that_only_a_reset_mends_is_reset_and_counted(
    on_edgetpu: DetectorSpec, edgetpu: SoftwareEdgeTpu, usb: FakeUsb, helper: ResetHelper, scene: bytes
) -> None:
    device = usb.plug_in("2-1")
    edgetpu.script(create="abort")

    async def mend() -> None:
        while (device / "authorized").read_text() != "0":
            await asyncio.sleep(0.05)
        edgetpu.script(create="ok")

    mending = asyncio.get_running_loop().create_task(mend())
    async with running(on_usb(on_edgetpu), scene, helper=helper, reset="authorized") as bench:
        bench.kernel += find(usb.root)
        await bench.until_on("edgetpu", 40.0)
        await mending
        assert (device / "authorized").read_text() == "1"
        done = bench.detector.recovery
        assert (done.resets, done.power_cycles, done.probes) == (1, 0, 0)
        assert done.respawns == 4
        assert done.reloads == 3
        assert how_opened(edgetpu)[-1] == "usb:0 Usb.AlwaysDfu=True"
        assert bench.detector.state.doubt is None


async def test_a_device_that_only_a_power_cycle_mends_is_switched_off_and_on(
    on_edgetpu: DetectorSpec, edgetpu: SoftwareEdgeTpu, usb: FakeUsb, helper: ResetHelper, scene: bytes
) -> None:
    usb.plug_in("1-1.4")
    mended = edgetpu.library.with_name("mended")
    edgetpu.script(create="ok")
    control = edgetpu.library.with_name(f"{edgetpu.library.name}.control")
    mended.write_bytes(control.read_bytes())
    edgetpu.script(create="abort")
    usb.install_uhubctl(f"cp {mended} {control}")
    async with running(on_usb(on_edgetpu), scene, helper=helper, reset="uhubctl") as bench:
        bench.kernel += find(usb.root)
        await bench.until_on("edgetpu", 60.0)
        assert usb.switched.read_text() == "-a cycle -d 3 -l 1-1 -p 4\n"
        done = bench.detector.recovery
        assert (done.resets, done.power_cycles) == (2, 1)


async def test_without_leave_nobody_is_asked(
    on_edgetpu: DetectorSpec, edgetpu: SoftwareEdgeTpu, usb: FakeUsb, helper: ResetHelper, scene: bytes
) -> None:
    device = usb.plug_in("2-1")
    edgetpu.script(create="abort")
    async with running(on_usb(on_edgetpu), scene, helper=helper) as bench:
        bench.kernel += find(usb.root)
        await bench.until(lambda state: state.restarts >= 6, 40.0)
        assert (device / "authorized").read_text() == "1\n"
        assert bench.detector.recovery.resets == 0


async def test_a_helper_that_is_not_installed_does_not_end_the_attempts(
    on_edgetpu: DetectorSpec, edgetpu: SoftwareEdgeTpu, place: Path, scene: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    edgetpu.script(create="abort")
    with caplog.at_level(logging.WARNING):
        async with running(on_usb(on_edgetpu), scene, helper=ResetHelper(place), reset="authorized") as bench:
            await bench.until(lambda state: state.restarts >= 6, 40.0)
            edgetpu.script(create="ok")
            await bench.until_on("edgetpu")
            assert bench.detector.recovery.resets == 0
    told = [record.getMessage() for record in caplog.records if "cannot be reset" in record.getMessage()]
    assert len(told) == 1
    assert "docs/edge-tpu-recovery.md" in told[0]


async def test_looking_for_an_absent_one_is_counted_apart(
    on_edgetpu: DetectorSpec, edgetpu: SoftwareEdgeTpu, scene: bytes
) -> None:
    edgetpu.unplug()
    async with running(on_edgetpu, scene) as bench:
        await bench.until(lambda state: state.restarts >= 2)
        done = bench.detector.recovery
        assert done.probes >= 2
        assert (done.respawns, done.reloads) == (0, 0)


async def test_a_helper_that_says_nothing_is_not_waited_for_long(place: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(place))
        listener.listen()
        with pytest.raises(AcceleratorError, match="no answer in time"):
            await ResetHelper(place, patience_s=0.2).ask("authorized", "usb:0")


async def test_a_helper_that_refuses_is_quoted(usb: FakeUsb, helper: ResetHelper) -> None:
    with pytest.raises(AcceleratorError, match=r"was not reset: there is no Edge TPU usb:0"):
        await helper.ask("authorized", "usb:0")


class Asked(ResetHelper):
    """Notes what it is asked for, and does nothing."""

    def __init__(self) -> None:
        super().__init__(Path("/no/such/socket"))
        self.devices: list[str] = []

    async def ask(self, way: str, device: str) -> None:
        self.devices.append(device)


@pytest.mark.parametrize(("left", "asked"), [(["2-1", "2-2"], {"usb:0"}), (["2-2"], set())])
async def test_the_device_that_fails_is_reset_and_never_its_neighbour_that_works(
    on_edgetpu: DetectorSpec, edgetpu: SoftwareEdgeTpu, usb: FakeUsb, scene: bytes, left: list[str], asked: set[str]
) -> None:
    usb.plug_in("2-1", address=3)
    usb.plug_in("2-2", address=4)
    edgetpu.plug_in("usb:0", "usb:1")
    helper, two = Asked(), replace(on_edgetpu, devices=("usb:0", "usb:1"), instances=2)
    async with running(two, scene, helper=helper, reset="uhubctl") as bench:
        bench.kernel += find(usb.root)
        await bench.until(lambda state: len(state.devices) == 2)
        edgetpu.script(create="abort")
        os.kill(bench.detector.pids[0], signal.SIGKILL)
        for port in {"2-1", "2-2"}.difference(left):
            shutil.rmtree(usb.devices / port)
        bench.kernel[:] = find(usb.root)
        await bench.until(lambda state: state.restarts >= 7, 40.0)
        assert set(helper.devices) == asked
        assert bench.detector.state.devices == ("usb:1",)
