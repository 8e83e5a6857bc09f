"""Which keeper has which of several Edge TPUs while the library's numbers shift."""

from __future__ import annotations

from pathlib import Path

from edgedet.accelerators.devices import EdgeTpu
from edgedet.workers.claims import ANY, Claims


def seen(*ports: str) -> list[EdgeTpu]:
    """USB devices at these ports, numbered in this order."""
    return [EdgeTpu(f"usb:{place}", port, Path("/dev/bus/usb/001/001")) for place, port in enumerate(ports)]


def names(devices: list[EdgeTpu]) -> list[str]:
    return [tpu.name for tpu in devices]


def test_each_keeper_gets_a_device_of_its_own() -> None:
    claims, two = Claims(), seen("2-1", "2-2")
    assert [claims.choose(keeper, names(two), two) for keeper in (0, 1, 2)] == ["usb:0", "usb:1", None]


def test_a_device_is_followed_when_its_number_shifts() -> None:
    claims, two, left = Claims(), seen("2-1", "2-2"), seen("2-2")
    for keeper in (0, 1):
        claims.choose(keeper, names(two), two)
    assert claims.choose(0, names(left), left) is None
    assert claims.choose(1, names(left), left) == "usb:0"
    back = seen("2-2", "2-1")
    assert claims.choose(0, names(back), back) == "usb:1"


def test_a_device_that_comes_back_at_another_port_is_taken() -> None:
    claims, one, moved = Claims(), seen("2-1"), seen("1-3")
    claims.choose(0, names(one), one)
    assert claims.choose(0, names(moved), moved) == "usb:0"
    assert claims.name_of(0, moved) == "usb:0"


def test_where_sysfs_shows_nothing_the_names_themselves_are_kept_apart() -> None:
    claims, listed = Claims(), ["usb:0", "pci:0"]
    assert [claims.choose(keeper, listed, []) for keeper in (0, 1)] == ["usb:0", "pci:0"]
    assert claims.choose(0, listed, []) == "usb:0"


def test_only_one_asks_for_any_device() -> None:
    claims = Claims()
    assert claims.choose(0, [], []) == ANY
    assert claims.choose(1, [], []) is None


def test_one_that_was_opened_as_any_is_known_by_its_port_as_soon_as_that_is_seen() -> None:
    claims = Claims()
    claims.choose(0, [], [])
    claims.opened(0, seen("2-1"))
    two = seen("2-1", "2-2")
    assert claims.choose(1, names(two), two) == "usb:1"


def test_one_that_is_taken_is_not_insisted_on_where_there_is_another() -> None:
    claims, two, one = Claims(), seen("2-1", "2-2"), seen("2-1")
    assert claims.choose(0, names(two), two) == "usb:0"
    assert claims.choose(0, names(two), two, elsewhere=True) == "usb:1"
    assert claims.choose(0, names(one), one, elsewhere=True) == "usb:0"
