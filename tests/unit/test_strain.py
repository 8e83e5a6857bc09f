"""What the machine suffers from, as reasons for `health` that do not flap."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgedet.health import Code
from edgedet.service.machine import SystemFigures
from edgedet.service.strain import Strain, strains

S = 1_000_000_000
WELL = SystemFigures(
    cpu_temp_c=50.0,
    mem_available_mb=1000.0,
    disk_free_mb=10_000.0,
    undervoltage=False,
    throttled=False,
    wifi_dbm=-50.0,
    memory_stalled_percent=0.0,
)
UNKNOWN = SystemFigures(None, None, None, None, None, None)


def well_but(key: str, value: Any) -> SystemFigures:
    return replace(WELL, **{key: value})


def codes(found: tuple[Strain, ...]) -> list[str]:
    return [strain.code for strain in found]


@pytest.mark.parametrize("figures", [WELL, UNKNOWN])
def test_a_machine_that_is_well_or_says_nothing_has_no_reason(figures: SystemFigures) -> None:
    assert strains(figures, 0) == ()


@pytest.mark.parametrize(
    ("figures", "code", "said"),
    [
        (replace(WELL, undervoltage=True), "undervoltage", "power supply"),
        (replace(WELL, throttled=True), "throttled", "50 °C"),
        (replace(WELL, mem_available_mb=30.0), "memory_low", "30 MB"),
        (replace(WELL, memory_stalled_percent=40.0), "memory_low", "40 %"),
        (replace(WELL, disk_free_mb=3.0), "disk_full", "3 MB"),
        (replace(WELL, wifi_dbm=-84.0), "wifi_weak", "-84 dBm"),
    ],
)
def test_each_trouble_is_told_at_once_under_a_code_of_health(figures: SystemFigures, code: str, said: str) -> None:
    (found,) = strains(figures, 0)
    assert found.code == code
    assert code in {str(each) for each in Code}
    assert said in found.message


@pytest.mark.parametrize("key", ["undervoltage", "throttled"])
def test_what_comes_and_goes_by_the_second_is_over_after_a_minute_without(key: str) -> None:
    found = strains(well_but(key, True), 0)
    found = strains(WELL, 59 * S, found)
    assert codes(found) == [key]
    # Seen once more: the minute begins again.
    found = strains(well_but(key, True), 59 * S, found)
    found = strains(WELL, 118 * S, found)
    assert codes(found) == [key]
    assert strains(WELL, 120 * S, found) == ()


@pytest.mark.parametrize(("key", "code"), [("mem_available_mb", "memory_low"), ("disk_free_mb", "disk_full")])
def test_what_runs_short_is_over_only_when_there_is_half_as_much_again(key: str, code: str) -> None:
    found = strains(well_but(key, 60.0), 0)
    assert codes(found := strains(well_but(key, 80.0), S, found)) == [code]
    assert strains(well_but(key, 100.0), 2 * S, found) == ()
    # And what never ran short is not short at the same figure.
    assert strains(well_but(key, 80.0), 0) == ()


def test_wifi_that_wavers_is_weak_until_it_is_fair_and_a_minute_has_passed() -> None:
    found = strains(well_but("wifi_dbm", -84.0), 0)
    # Up and down within the minute: it stays one trouble with one sentence.
    for second, wifi_dbm in enumerate([-60.0, -82.0, -74.0, -90.0, -50.0], start=1):
        before, found = found, strains(well_but("wifi_dbm", wifi_dbm), second * S, found)
        assert [each.message for each in found] == [each.message for each in before]
    # Not below the first limit any more, but below the second: it is not over, however long that lasts.
    found = strains(well_but("wifi_dbm", -78.0), 600 * S, found)
    assert codes(found) == ["wifi_weak"]
    assert strains(well_but("wifi_dbm", -74.0), 601 * S, found) == ()
    # And what never was weak is not weak there.
    assert strains(well_but("wifi_dbm", -78.0), 0) == ()


def test_a_cable_in_place_of_weak_wifi_ends_it() -> None:
    found = strains(well_but("wifi_dbm", -84.0), 0)
    assert strains(well_but("wifi_dbm", None), 61 * S, found) == ()


@given(st.lists(st.floats(0, 63), min_size=2, max_size=10))
def test_the_sentence_stays_that_of_the_beginning_so_that_health_does_not_change_with_every_reading(
    readings: list[float],
) -> None:
    found: tuple[Strain, ...] = ()
    messages = set()
    for number, free_mb in enumerate(readings):
        found = strains(replace(WELL, disk_free_mb=free_mb), number * S, found)
        messages.add(found[0].message)
    assert len(messages) == 1


def test_a_small_disk_and_a_small_machine_are_short_of_less() -> None:
    small = replace(WELL, mem_total_mb=416.0, mem_available_mb=40.0, disk_total_mb=100.0, disk_free_mb=10.0)
    assert strains(small, 0) == ()
    assert codes(strains(replace(small, mem_available_mb=30.0, disk_free_mb=1.0), 0)) == ["disk_full", "memory_low"]
