"""The way back: an Edge TPU that is absent, comes late, or is plugged in again, and what the CPU may use meanwhile."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from edgedet.app.model import usable_cores
from integration.watched import BASE, Start
from software_edgetpu.library import SoftwareEdgeTpu

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@dataclass(frozen=True)
class Sysfs:
    """A `/sys/bus` in which USB devices come and go, and a program that sees it as the kernel's."""

    folder: Path

    def plug_in(self) -> None:
        """An Edge TPU that has never been used since it got power, on USB 3."""
        port = self.folder / "usb/devices/2-1"
        port.mkdir(parents=True)
        for name, text in {
            "idVendor": "1a6e",
            "idProduct": "089a",
            "busnum": "2",
            "devnum": "3",
            "speed": "5000",
        }.items():
            (port / name).write_text(f"{text}\n")

    @property
    def command(self) -> tuple[str, ...]:
        """In place of `python -m edgedet`: in a mount namespace of its own, so that nothing else sees it."""
        code = 'mount --bind "$0" /sys/bus && exec "$@"'
        return ("unshare", "--mount", "sh", "-c", code, str(self.folder), sys.executable, "-m", "edgedet")


@pytest.fixture
def sysfs(tmp_path: Path) -> Sysfs:
    folder = tmp_path / "sys-bus"
    folder.mkdir()
    if subprocess.run([*Sysfs(folder).command[:6], "true"], capture_output=True, check=False).returncode:
        pytest.skip("no mount namespace for this user: what the kernel sees cannot be made up")
    return Sysfs(folder)


async def test_an_absent_edge_tpu_is_used_soon_after_it_comes_and_that_is_said(
    start: Start, edgetpu: SoftwareEdgeTpu
) -> None:
    reprobe_s = 3
    edgetpu.unplug()
    async with start(f", reprobe_s: {reprobe_s}") as daemon:
        await daemon.until(lambda: daemon.health["state"] == "degraded" and daemon.codes == ["edgetpu_absent"])
        await daemon.first_looked(time.monotonic_ns(), "cpu")
        edgetpu.plug_in("usb:0")
        came_ns = time.monotonic_ns()
        back = await daemon.first_looked(came_ns, "edgetpu")
        assert (back.at_ns - came_ns) / 1e9 <= reprobe_s + 5
        await daemon.until_well_on("edgetpu")
        assert daemon.run.log.count("the Edge TPU answers again") == 1
        assert (
            len([line for line in daemon.run.log.splitlines() if "WARNING" in line and "edgetpu_absent" in line]) == 1
        )
        daemon.assert_the_broker_noticed_nothing()


async def test_an_edge_tpu_that_the_kernel_finds_long_after_boot_is_used_at_once_though_nobody_looks_for_an_hour(
    start: Start, edgetpu: SoftwareEdgeTpu, sysfs: Sysfs
) -> None:
    edgetpu.unplug()
    async with start(", reprobe_s: 3600", command=sysfs.command) as daemon:
        await daemon.until(lambda: daemon.codes == ["edgetpu_absent"])
        looked_for = len(edgetpu.opened)
        # A boot race, told in seconds where it takes twenty: nothing is tried in vain meanwhile.
        await asyncio.sleep(4.0)
        assert len(edgetpu.opened) == looked_for
        edgetpu.plug_in("usb:0")
        sysfs.plug_in()
        came_ns = time.monotonic_ns()
        back = await daemon.first_looked(came_ns, "edgetpu")
        assert (back.at_ns - came_ns) / 1e9 <= 5
        await daemon.until_well_on("edgetpu")
        assert daemon.health["detector"]["fallbacks"] == 0
        await daemon.until(lambda: [each["usb_mbps"] for each in daemon.stats[-1]["edgetpu"]] == [5000])


async def test_plugging_it_in_again_ends_the_back_off_of_one_that_kept_failing(
    start: Start, edgetpu: SoftwareEdgeTpu, sysfs: Sysfs
) -> None:
    edgetpu.script(prepare="error")
    async with start(command=sysfs.command) as daemon:
        # 1, 2, 4 s between the attempts; the fifth would come 8 s after the end of the fourth.
        await daemon.until(lambda: len(edgetpu.opened) == 4)
        await asyncio.sleep(1.0)
        edgetpu.script(prepare="ok")
        sysfs.plug_in()
        came_ns = time.monotonic_ns()
        back = await daemon.first_looked(came_ns, "edgetpu")
        assert (back.at_ns - came_ns) / 1e9 <= 5
        assert len(edgetpu.opened) == 5


async def test_while_the_cpu_stands_in_it_looks_at_no_more_frames_than_it_may(
    start: Start, edgetpu: SoftwareEdgeTpu
) -> None:
    async with start(", cpu: {max_fps: 4, instances: 1}", fps=20) as daemon:
        await daemon.until_well_on("edgetpu")
        assert await daemon.rate(3.0) > 15
        edgetpu.script(invoke="abort", create_ms=60_000)
        await daemon.first_looked(time.monotonic_ns(), "cpu")
        assert 3.0 <= await daemon.rate(5.0) <= 4.6
        assert {each.backend for each in daemon.looked()[-10:]} == {"cpu"}
        told = len(daemon.stats)
        await daemon.until(lambda: len(daemon.stats) > told)
        assert b"blind" not in daemon.heard.of(f"{BASE}/porch/state")


def busy_threads(pid: int, ticks_before: dict[int, int]) -> list[float]:
    """Seconds of processor time that each of its threads took since."""
    per_second = os.sysconf("SC_CLK_TCK")
    return [(ticks - ticks_before.get(thread, 0)) / per_second for thread, ticks in ticks_of(pid).items()]


def ticks_of(pid: int) -> dict[int, int]:
    """User and system time of each thread, in ticks of the clock."""
    found = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        fields = (task / "stat").read_text().rpartition(")")[2].split()
        found[int(task.name)] = int(fields[11]) + int(fields[12])
    return found


async def test_a_cpu_that_stands_in_leaves_a_core_for_everything_else(
    start: Start, edgetpu: SoftwareEdgeTpu, test_data: Path
) -> None:
    edgetpu.unplug()
    # More frames than it can look at, of a model that takes tens of milliseconds for each.
    async with start(fps=60, model=test_data / "models/yolov8n_640_full_integer_quant.tflite") as daemon:
        await daemon.first_looked(0, "cpu")
        (worker,) = daemon.run.workers("detector_child")
        before = ticks_of(worker)
        await asyncio.sleep(4.0)
        used_s = busy_threads(worker, before)
    # Shares of what it got, so that it does not matter what else the machine has to do. One thread decodes, which is
    # little work; each of the others invokes.
    at_work = [each for each in used_s if each > 0.2 * sum(used_s)]
    assert sum(used_s) > 0.2
    assert len(at_work) == max(1, usable_cores() - 1)
