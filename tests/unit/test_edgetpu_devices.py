"""Edge TPUs as sysfs shows them, and what follows from it when the library opens none."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgedet.accelerators.devices import EdgeTpu, Holder, find, holder_of, may_open
from edgedet.accelerators.edgetpu import delegate_options, explain

BOOT_LOADER = ("1a6e", "089a")
WITH_FIRMWARE = ("18d1", "9302")


def plug_in(root: Path, port: str, ids: tuple[str, str], bus: int, address: int, speed: str | None = "5000") -> Path:
    folder = root / "sys/bus/usb/devices" / port
    folder.mkdir(parents=True)
    files = {"idVendor": ids[0], "idProduct": ids[1], "busnum": str(bus), "devnum": str(address), "speed": speed}
    for name, text in files.items():
        if text is not None:
            (folder / name).write_text(f"{text}\n")
    node = root / f"dev/bus/usb/{bus:03d}/{address:03d}"
    node.parent.mkdir(parents=True, exist_ok=True)
    node.touch()
    return node


def put_in(root: Path, name: str, temp: str | None = "45050", *, node: bool = True) -> None:
    folder = root / "sys/class/apex" / name
    folder.mkdir(parents=True)
    if temp is not None:
        (folder / "temp").write_text(f"{temp}\n")
    if node:
        (root / "dev").mkdir(exist_ok=True)
        (root / "dev" / name).touch()


def test_a_machine_without_sysfs_has_none(tmp_path: Path) -> None:
    assert find(tmp_path) == ()


def test_other_usb_devices_are_passed_over(tmp_path: Path) -> None:
    plug_in(tmp_path, "1-1", ("046d", "c52b"), 1, 2)
    (tmp_path / "sys/bus/usb/devices/1-0:1.0").mkdir()
    assert find(tmp_path) == ()


@pytest.mark.parametrize(("ids", "used_before"), [(BOOT_LOADER, False), (WITH_FIRMWARE, True)])
def test_a_usb_one_is_known_before_and_after_its_firmware_is_loaded(
    tmp_path: Path, ids: tuple[str, str], used_before: bool
) -> None:
    plug_in(tmp_path, "2-1", ids, 2, 3)
    (tpu,) = find(tmp_path)
    assert tpu == EdgeTpu("usb:0", "2-1", Path("/dev/bus/usb/002/003"), used_before, ":".join(ids), usb_mbps=5000)
    assert not tpu.slow_port


def test_a_usb_2_port_is_noticed(tmp_path: Path) -> None:
    plug_in(tmp_path, "1-1.2", WITH_FIRMWARE, 1, 7, speed="480")
    (tpu,) = find(tmp_path)
    assert tpu.slow_port


@pytest.mark.parametrize("speed", [None, "", "unknown"])
def test_a_speed_that_is_not_said_is_not_taken_for_a_slow_port(tmp_path: Path, speed: str | None) -> None:
    plug_in(tmp_path, "2-1", WITH_FIRMWARE, 2, 3, speed)
    (tpu,) = find(tmp_path)
    assert (tpu.usb_mbps, tpu.slow_port) == (None, False)


def test_several_are_numbered_by_bus_and_address_and_each_bus_for_itself(tmp_path: Path) -> None:
    plug_in(tmp_path, "4-2", WITH_FIRMWARE, 4, 2)
    plug_in(tmp_path, "2-1", WITH_FIRMWARE, 2, 10)
    plug_in(tmp_path, "2-3", BOOT_LOADER, 2, 9)
    for number in (10, 2):
        put_in(tmp_path, f"apex_{number}")
    found = [(tpu.name, tpu.port) for tpu in find(tmp_path)]
    assert found == [("usb:0", "2-3"), ("usb:1", "2-1"), ("usb:2", "4-2"), ("pci:0", "apex_2"), ("pci:1", "apex_10")]


def test_a_pcie_one_tells_its_temperature(tmp_path: Path) -> None:
    put_in(tmp_path, "apex_0", "45050")
    (tpu,) = find(tmp_path)
    assert (tpu.name, tpu.node, tpu.temp_c, tpu.fault) == ("pci:0", Path("/dev/apex_0"), 45.05, "")


@pytest.mark.parametrize(
    ("temp", "trip", "hot"),
    [
        ("84700", None, False),
        ("84800", None, True),
        ("70000", "65000\n", True),
        ("90000", "95000\n", False),
        ("90000", "nonsense", True),
        (None, "65000\n", False),
        ("-87900", None, False),
    ],
)
def test_a_pcie_one_is_hot_from_its_drivers_first_trip_point_on(
    tmp_path: Path, temp: str | None, trip: str | None, hot: bool
) -> None:
    put_in(tmp_path, "apex_0", temp)
    if trip is not None:
        (tmp_path / "sys/class/apex/apex_0/trip_point0_temp").write_text(trip)
    (tpu,) = find(tmp_path)
    assert tpu.is_hot() is hot


@pytest.mark.parametrize("reading", ["-87900", "-89700", "200000"])
def test_a_temperature_that_cannot_be_is_a_fault_and_no_temperature(tmp_path: Path, reading: str) -> None:
    put_in(tmp_path, "apex_0", reading)
    (tpu,) = find(tmp_path)
    assert tpu.temp_c is None
    assert "cannot be" in tpu.fault


def test_a_device_of_the_driver_without_a_node_is_a_fault(tmp_path: Path) -> None:
    put_in(tmp_path, "apex_0", None, node=False)
    (tpu,) = find(tmp_path)
    assert tpu.fault == "the driver knows apex_0, but /dev/apex_0 does not exist"


def test_a_node_without_a_driver_in_sysfs_counts(tmp_path: Path) -> None:
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/apex_0").touch()
    assert [tpu.name for tpu in find(tmp_path)] == ["pci:0"]


def test_who_has_it_open_is_named(tmp_path: Path) -> None:
    node = plug_in(tmp_path, "2-1", WITH_FIRMWARE, 2, 3)
    descriptors = tmp_path / "proc/4711/fd"
    descriptors.mkdir(parents=True)
    (tmp_path / "proc/4711/comm").write_text("frigate\n")
    (descriptors / "9").symlink_to(node)
    (tpu,) = find(tmp_path)
    assert holder_of(tpu, tmp_path) == Holder(4711, "frigate")


def test_processes_that_may_not_be_looked_into_are_passed_over(tmp_path: Path) -> None:
    plug_in(tmp_path, "2-1", WITH_FIRMWARE, 2, 3)
    (tmp_path / "proc/1").mkdir(parents=True)
    (tpu,) = find(tmp_path)
    assert holder_of(tpu, tmp_path) is None


def test_a_node_that_went_away_may_not_be_opened(tmp_path: Path) -> None:
    node = plug_in(tmp_path, "2-1", WITH_FIRMWARE, 2, 3)
    (tpu,) = find(tmp_path)
    assert may_open(tpu, tmp_path)
    node.unlink()
    assert not may_open(tpu, tmp_path)


@pytest.mark.parametrize(
    ("asked", "given", "told"),
    [
        ("", {}, {"device": ":0"}),
        ("", {"device": "usb"}, {"device": "usb:0"}),
        ("pci:1", {"device": "usb"}, {"device": "pci:1"}),
        ("usb:0", {"Performance": "Low"}, {"device": "usb:0", "Performance": "Low"}),
        ("", {"Usb.AlwaysDfu": "True"}, {"device": ":0", "Usb.AlwaysDfu": "True"}),
    ],
)
def test_the_library_is_always_told_an_index(asked: str, given: dict[str, str], told: dict[str, str]) -> None:
    assert delegate_options(asked, given) == told


def test_an_absent_device_is_told_with_those_that_are_there(tmp_path: Path) -> None:
    plug_in(tmp_path, "2-1", WITH_FIRMWARE, 2, 3)
    error = explain("", "pci:0", find(tmp_path))
    assert (error.code, error.message) == ("edgetpu_absent", "no Edge TPU pci:0: the kernel sees usb:0")


def test_a_device_without_permission_is_told_with_its_node_and_group() -> None:
    tpu = EdgeTpu("usb:0", "2-1", Path("/dev/bus/usb/999/999"))
    error = explain("", ":0", (tpu,))
    assert error.code == "edgetpu_no_permission"
    assert "/dev/bus/usb/999/999" in error.message
    assert "plugdev" in error.hint


def test_a_device_that_only_the_services_own_cgroup_refuses_wants_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = tmp_path / "apex_0"
    node.touch(mode=0o600)
    # As access(2) answers for a device that the cgroup does not allow, which not every machine can be made to do.
    monkeypatch.setattr("os.access", lambda *_arguments: False)
    error = explain("", "pci:0", (EdgeTpu("pci:0", "apex_0", node),))
    assert error.code == "edgetpu_no_permission"
    assert "sudo systemctl restart edgedet" in error.hint
    node.chmod(0o060)
    monkeypatch.setattr("os.geteuid", lambda: node.stat().st_uid + 1)
    monkeypatch.setattr("os.getgroups", list)
    monkeypatch.setattr("os.getegid", lambda: node.stat().st_gid + 1)
    assert "apex" in explain("", "pci:0", (EdgeTpu("pci:0", "apex_0", node),)).hint


def test_a_device_that_is_there_and_free_and_does_not_open_wants_its_plug_pulled(tmp_path: Path) -> None:
    node = tmp_path / "apex_0"
    node.touch()
    error = explain("", "pci:0", (EdgeTpu("pci:0", "apex_0", node, fault="apex_0 reads -87.9 °C"),))
    assert error.code == "edgetpu_lost"
    assert "-87.9" in error.message


def test_a_device_that_another_program_has_open_is_busy(tmp_path: Path) -> None:
    import subprocess
    import sys

    node = tmp_path / "apex_0"
    node.touch()
    script = "import sys; f = open(sys.argv[1], 'r+'); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", script, str(node)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        error = explain("", "pci:0", (EdgeTpu("pci:0", "apex_0", node),))
        other.communicate("")
    assert error.code == "edgetpu_busy"
    assert f"process {other.pid}" in error.message
