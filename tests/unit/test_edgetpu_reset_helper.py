"""Root's reset helper: what it does to which device, and all that it refuses."""

from __future__ import annotations

import configparser
from pathlib import Path

import pytest

from edgedet.accelerators.devices import find
from edgedet.workers.reset import SOCKET
from fake_usb import EDGE_TPU_FRESH, HELPER, KEYBOARD, FakeUsb


@pytest.fixture
def usb(tmp_path: Path) -> FakeUsb:
    return FakeUsb(tmp_path)


def untouched(device: Path) -> bool:
    """Whether its switch is as it was plugged in; the helper writes it without the end of the line."""
    return (device / "authorized").read_text() == "1\n"


def test_an_edge_tpu_is_given_up_and_taken_again(usb: FakeUsb) -> None:
    device = usb.plug_in("2-1")
    status, answer, told = usb.ask("authorized usb:0\n")
    assert (status, answer) == (0, "ok")
    assert "2-1" in told
    assert (device / "authorized").read_text() == "1"


def test_the_number_means_the_same_device_as_for_the_daemon(usb: FakeUsb) -> None:
    usb.plug_in("1-3", KEYBOARD, address=2)
    first, second = usb.plug_in("1-1.4", EDGE_TPU_FRESH, address=7), usb.plug_in("2-1", address=3)
    assert [(tpu.name, tpu.port) for tpu in find(usb.root)] == [("usb:0", "1-1.4"), ("usb:1", "2-1")]
    assert usb.ask("authorized usb:1\n")[1] == "ok"
    assert untouched(first)
    assert not untouched(second)


@pytest.mark.parametrize(
    ("port", "asked"), [("2-1", "-l 2 -p 1"), ("1-1.4", "-l 1-1 -p 4"), ("1-1.3.2", "-l 1-1.3 -p 2")]
)
def test_the_power_of_its_port_and_of_no_other_is_switched(usb: FakeUsb, port: str, asked: str) -> None:
    usb.install_uhubctl()
    usb.plug_in(port)
    assert usb.ask("uhubctl usb:0\n")[1] == "ok"
    assert usb.switched.read_text() == f"-a cycle -d 3 {asked}\n"


@pytest.mark.parametrize(
    "request_line",
    [
        "",
        "authorized\n",
        "authorized usb:1\n",
        "authorized usb:-1\n",
        "authorized usb:0 usb:1\n",
        "authorized pci:0\n",
        "authorized 2-1\n",
        "authorized ../../../etc/passwd\n",
        "reboot usb:0\n",
        "uhubctl usb:0; reboot\n",
        "authorized usb:0\0\n",
        "authorized usb:٠\n",
        "authorized usb:" + "0" * 5000 + "\n",
    ],
)
def test_anything_else_is_refused_and_nothing_is_touched(usb: FakeUsb, request_line: str) -> None:
    usb.install_uhubctl()
    device = usb.plug_in("2-1")
    status, answer, told = usb.ask(request_line)
    assert status == 1
    assert answer not in ("", "ok")
    assert told.startswith("refused")
    assert untouched(device)
    assert not usb.switched.exists()


def test_what_is_no_edge_tpu_cannot_be_reset(usb: FakeUsb) -> None:
    keyboard = usb.plug_in("1-3", KEYBOARD)
    status, answer, _ = usb.ask("authorized usb:0\n")
    assert (status, answer) == (1, "there is no Edge TPU usb:0 (there are 0 on USB)")
    assert untouched(keyboard)


@pytest.mark.parametrize(
    ("then", "reason"), [("", "is not installed"), ("echo no such hub >&2; exit 1", "no such hub")]
)
def test_power_that_cannot_be_switched_is_said(usb: FakeUsb, then: str, reason: str) -> None:
    if then:
        usb.install_uhubctl(then)
    usb.plug_in("2-1")
    status, answer, _ = usb.ask("uhubctl usb:0\n")
    assert status == 1
    assert reason in answer


def test_the_units_start_this_helper_on_the_socket_that_the_daemon_knows() -> None:
    units = [configparser.ConfigParser(strict=False, interpolation=None) for _ in range(2)]
    for unit, name in zip(units, ("edgedet-reset-edgetpu.socket", "edgedet-reset-edgetpu@.service"), strict=True):
        unit.optionxform = str  # type: ignore[method-assign, assignment]  # the documented way to keep capital letters
        assert unit.read(HELPER.with_name(name))
    assert units[0]["Socket"]["ListenStream"] == str(SOCKET)
    assert units[1]["Service"]["ExecStart"] == f"/usr/bin/python3 -I /usr/lib/edgedet/{HELPER.name}"
