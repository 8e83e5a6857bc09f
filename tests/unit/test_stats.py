from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgedet.service.firmware import FirmwareWord, read_firmware
from edgedet.service.machine import ProcessMeter, SystemFigures, SystemMeter
from edgedet.service.stats import CameraMeter, Percentiles, Rate, percentiles

S = 1_000_000_000


def test_percentiles_are_values_that_did_occur() -> None:
    assert percentiles([float(value) for value in range(1, 101)]) == Percentiles(50.0, 95.0, 99.0)
    assert percentiles([3.0]) == Percentiles(3.0, 3.0, 3.0)
    assert percentiles([]) is None


@given(st.lists(st.floats(0, 1e6), min_size=1))
def test_percentiles_rise_and_stay_within_the_sample(values: list[float]) -> None:
    found = percentiles(values)
    assert found is not None
    assert min(values) <= found.p50 <= found.p95 <= found.p99 <= max(values)


@pytest.mark.parametrize("fps", [1, 5, 30, 240])
def test_a_steady_rate_is_read_as_itself_after_the_window_has_slid(fps: int) -> None:
    rate = Rate()
    for frame in range(fps * 100):
        rate.count(frame * S // fps)
    assert rate.per_second(100 * S) == pytest.approx(fps, rel=0.01)


def test_a_rate_says_nothing_in_its_first_second_and_zero_after_a_silence() -> None:
    rate = Rate()
    assert rate.per_second(5 * S) is None
    rate.count(5 * S)
    assert rate.per_second(5 * S + S // 2) is None
    assert rate.per_second(100 * S) == 0.0


def test_figures_of_a_camera_are_those_of_the_last_half_minute() -> None:
    meter = CameraMeter()
    for second in range(60):
        meter.processed(second * S, inference_ms=100.0 if second < 29 else 7.0, latency_ms=9.0)
    figures = meter.figures(60 * S, captured_fps=30.0, dropped=4)
    assert figures.inference_ms == Percentiles(7.0, 7.0, 7.0)
    assert figures.latency_ms == Percentiles(9.0, 9.0, 9.0)
    assert figures.processed_fps == pytest.approx(1.0, rel=0.05)
    assert figures.dropped == 4


def test_a_camera_that_fell_silent_has_no_percentiles_instead_of_old_ones() -> None:
    meter = CameraMeter()
    meter.processed(0, inference_ms=7.0, latency_ms=9.0)
    body = meter.figures(120 * S, captured_fps=0.0, dropped=0).body()
    assert body == {
        "captured_fps": 0.0,
        "processed_fps": 0.0,
        "dropped": 0,
        "inference_ms": None,
        "latency_ms": None,
    }


def test_processes_that_live_are_counted_with_their_memory_and_work() -> None:
    meter = ProcessMeter()
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        first = meter.read(time.monotonic_ns(), [child.pid])
        # Work until the kernel's own clock of this process has moved by several of its ticks.
        until = time.process_time() + 0.1
        while time.process_time() < until:
            sum(range(1000))
        second = meter.read(time.monotonic_ns(), [child.pid])
    finally:
        child.communicate(b"\n")
    gone = meter.read(time.monotonic_ns(), [child.pid])
    assert first.cpu_percent is None
    assert second.cpu_percent is not None
    assert second.cpu_percent > 0
    assert (first.workers, second.workers, gone.workers) == (1, 1, 0)
    assert first.pss_mb is not None
    assert gone.pss_mb is not None
    assert first.pss_mb > 1


def test_work_is_counted_per_process_since_the_reading_before(tmp_path: Path) -> None:
    def used(pid: int, ticks: int) -> None:
        (tmp_path / str(pid)).mkdir(exist_ok=True)
        fields = ["S", *["0"] * 10, str(ticks), "0", *["0"] * 20]
        (tmp_path / str(pid) / "stat").write_text(f"{pid} (a (strange) name) {' '.join(fields)}\n")

    meter = ProcessMeter(tmp_path)
    per_second = os.sysconf("SC_CLK_TCK")
    used(os.getpid(), 1000)
    meter.read(0, [])
    used(os.getpid(), 1000 + per_second)
    used(77, 50 * per_second)
    # A worker that is new counts from now on, whatever it has used before.
    assert meter.read(2 * S, [77]).cpu_percent == 50.0
    used(77, 51 * per_second)
    figures = meter.read(4 * S, [77])
    assert figures.cpu_percent == 50.0
    assert figures.pss_mb is None


def test_a_machine_without_sensors_says_null(tmp_path: Path) -> None:
    figures = SystemMeter(tmp_path / "not" / "yet" / "there", root=tmp_path).read()
    assert figures.disk_free_mb is not None
    assert figures.disk_free_mb > 0
    assert figures.disk_total_mb is not None
    assert figures.disk_total_mb >= figures.disk_free_mb
    unknown = dict.fromkeys(SystemFigures.__slots__)
    disk = {"disk_free_mb": figures.disk_free_mb, "disk_total_mb": figures.disk_total_mb}
    assert figures.body() == {**unknown, **disk}


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


SENSOR = "sys/class/hwmon/hwmon1"
FIRMWARE = "sys/devices/platform/soc/soc:firmware/get_throttled"


def says(root: Path, alarm: str | None, word: str | None) -> None:
    """The kernel's sensor and the firmware's word, as far as there are any."""
    for folder in ("sys/class", "sys/devices"):
        shutil.rmtree(root / folder, ignore_errors=True)
    if alarm is not None:
        write(root, {f"{SENSOR}/name": "rpi_volt\n", f"{SENSOR}/in0_lcrit_alarm": f"{alarm}\n"})
    if word is not None:
        write(root, {FIRMWARE: f"{word}\n"})


PI = {
    "proc/meminfo": "MemTotal:  4000000 kB\nMemFree:  1 kB\nMemAvailable:  2097152 kB\n",
    "proc/net/wireless": "Inter-| sta-|\n face | tus |\n wlan0: 0000   56.  -54.  -256        0      0\n",
    "sys/class/thermal/thermal_zone0/type": "gpu-thermal\n",
    "sys/class/thermal/thermal_zone0/temp": "70000\n",
    "sys/class/thermal/thermal_zone1/type": "cpu-thermal\n",
    "sys/class/thermal/thermal_zone1/temp": "51540\n",
    "sys/class/hwmon/hwmon0/name": "cpu_thermal\n",
    f"{SENSOR}/name": "rpi_volt\n",
    f"{SENSOR}/in0_lcrit_alarm": "1\n",
    FIRMWARE: "50004\n",
}


def test_a_pi_tells_temperature_power_and_wifi(tmp_path: Path) -> None:
    write(tmp_path, PI)
    figures = SystemMeter(tmp_path, root=tmp_path).read()
    assert (figures.cpu_temp_c, figures.mem_available_mb, figures.wifi_dbm) == (51.5, 2048.0, -54.0)
    assert (figures.undervoltage, figures.throttled) == (True, True)


def test_the_firmware_word_tells_of_power_where_there_is_no_sensor_and_the_past_does_not_count(tmp_path: Path) -> None:
    write(tmp_path, {FIRMWARE: "0x50005\n"})
    figures = SystemMeter(tmp_path, root=tmp_path).read()
    assert (figures.undervoltage, figures.throttled) == (True, True)
    write(tmp_path, {FIRMWARE: "50000\n"})
    figures = SystemMeter(tmp_path, root=tmp_path).read()
    assert (figures.undervoltage, figures.throttled) == (False, False)
    assert figures.undervoltage_since_boot is True


@pytest.mark.parametrize(
    ("alarm", "word", "told"),
    [("0", "1", True), ("1", "0", True), ("0", "0", False), ("0", None, False), (None, "1", True), (None, "0", False)],
)
def test_under_voltage_is_told_when_either_the_sensor_or_the_firmware_sees_it(
    tmp_path: Path, alarm: str | None, word: str | None, told: bool
) -> None:
    says(tmp_path, alarm, word)
    assert SystemMeter(tmp_path, root=tmp_path).read().undervoltage is told


@pytest.mark.parametrize(("alarm", "word"), [("0", "1"), ("1", "0"), ("1", None)])
def test_under_voltage_that_was_seen_is_remembered_though_the_firmware_was_made_to_forget_it(
    tmp_path: Path, alarm: str, word: str | None
) -> None:
    meter = SystemMeter(tmp_path, root=tmp_path)
    says(tmp_path, "0", "0")
    assert meter.read().undervoltage_since_boot is False
    says(tmp_path, alarm, word)
    assert meter.read().undervoltage_since_boot is True
    says(tmp_path, "0", "0")
    figures = meter.read()
    assert (figures.undervoltage, figures.undervoltage_since_boot) == (False, True)


@pytest.mark.parametrize(
    ("word", "now", "since_boot"),
    [
        ("2", (True, False), (True, False)),
        ("4", (True, False), (True, False)),
        ("8", (False, True), (False, True)),
        ("20000", (False, False), (True, False)),
        ("40000", (False, False), (True, False)),
        ("80000", (False, False), (False, True)),
        ("10001", (False, False), (False, False)),
    ],
)
def test_throttling_and_the_soft_temperature_limit_are_told_of_now_and_of_before(
    tmp_path: Path, word: str, now: tuple[bool, bool], since_boot: tuple[bool, bool]
) -> None:
    meter = SystemMeter(tmp_path, root=tmp_path)
    says(tmp_path, None, word)
    figures = meter.read()
    assert (figures.throttled, figures.soft_temp_limit) == now
    assert (figures.throttled_since_boot, figures.soft_temp_limit_since_boot) == since_boot
    says(tmp_path, None, "0")
    figures = meter.read()
    assert (figures.throttled, figures.soft_temp_limit) == (False, False)
    assert (figures.throttled_since_boot, figures.soft_temp_limit_since_boot) == since_boot


def test_a_sensor_that_talks_nonsense_is_unknown(tmp_path: Path) -> None:
    write(tmp_path, dict.fromkeys(PI, "nonsense\n") | {"proc/meminfo": ""})
    figures = SystemMeter(tmp_path, root=tmp_path).read()
    assert figures.cpu_temp_c is None
    assert figures.throttled is None
    assert figures.wifi_dbm is None


@pytest.mark.parametrize("level", ["0", "-256.", "70.", "nonsense"])
def test_wifi_that_is_not_connected_or_tells_no_level_is_unknown_and_not_weak(tmp_path: Path, level: str) -> None:
    write(tmp_path, {"proc/net/wireless": f"a\nb\n wlan0: 0000   0.  {level}  -256  0 0\n"})
    assert SystemMeter(tmp_path, root=tmp_path).read().wifi_dbm is None


def test_memory_is_told_with_its_size_and_with_how_long_everything_waits_for_it(tmp_path: Path) -> None:
    pressure = "some avg10=31.00 avg60=2.00 avg300=0.50 total=1\nfull avg10=12.50 avg60=1.00 avg300=0.10 total=1\n"
    write(tmp_path, PI | {"proc/pressure/memory": pressure})
    figures = SystemMeter(tmp_path, root=tmp_path).read()
    assert (figures.mem_total_mb, figures.memory_stalled_percent) == (3906.2, 12.5)


def test_a_mailbox_that_is_none_is_unknown_and_not_well(tmp_path: Path) -> None:
    write(tmp_path, {"dev/vcio": ""})
    assert SystemMeter(tmp_path, root=tmp_path).read().throttled is None


def test_the_firmware_is_asked_over_its_mailbox_without_clearing_what_it_remembers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, {"dev/vcio": ""})
    asked: list[tuple[int, tuple[int, ...]]] = []

    def answer(_descriptor: int, request: int, message: bytearray, _mutate: bool) -> int:
        words = struct.unpack("=7I", message)
        asked.append((request, words))
        message[:] = struct.pack("=7I", words[0], 0x80000000, *words[2:4], 0x80000004, 0x50005, 0)
        return 0

    monkeypatch.setattr("edgedet.service.firmware.fcntl.ioctl", answer)
    word = read_firmware(tmp_path)
    # Linux' _IOWR(100, 0, char *), and a message of 28 bytes with the tag 0x30046 and the value 0.
    assert asked == [(0xC0006400 | struct.calcsize("P") << 16, (28, 0, 0x30046, 4, 0, 0, 0))]
    assert word == FirmwareWord(0x50005)
    assert (word.undervoltage, word.throttled) == (True, True)
