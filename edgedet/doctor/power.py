"""Power, heat and memory, as the machine tells of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from edgedet.doctor.finding import Finding, ok, problem, warning
from edgedet.service.machine import SystemFigures, SystemMeter
from edgedet.service.strain import FAIR_WIFI_DBM, low_memory_mb

if TYPE_CHECKING:
    from edgedet.doctor.situation import Situation

SUBJECT = "power and heat"
_HOT_C = 80.0
"""A Pi slows itself down from here on (raspberrypi.com, documentation of `temp_limit`)."""


def examine(situation: Situation) -> Iterator[Finding]:
    """Say how the machine is."""
    figures = SystemMeter(situation.state_dir, situation.root).read()
    yield from _power(figures)
    yield from _heat(figures)
    if figures.mem_available_mb is not None and figures.mem_available_mb < low_memory_mb(figures):
        advice = "End what is not needed, or give `detector.cpu.instances: 1`."
        yield warning(
            SUBJECT, f"only {figures.mem_available_mb:.0f} MB of memory are free", advice, "ps aux --sort=-rss | head"
        )
    if figures.wifi_dbm is not None and figures.wifi_dbm < FAIR_WIFI_DBM:
        advice = "Move the Pi or the access point, or use a cable."
        yield warning(SUBJECT, f"Wi-Fi is weak: {figures.wifi_dbm:.0f} dBm", advice, "cat /proc/net/wireless")


def _power(figures: SystemFigures) -> Iterator[Finding]:
    advice = "Use the power supply made for this Pi and a short, thick cable; a Coral can draw 0.9 A by itself."
    show = "vcgencmd get_throttled"
    if figures.undervoltage:
        yield problem(SUBJECT, "under-voltage: the power supply is too weak right now", advice, show)
    elif figures.undervoltage_since_boot:
        yield warning(SUBJECT, "under-voltage has happened since the Pi was switched on", advice, show)
    elif figures.undervoltage is None:
        yield ok(SUBJECT, "this machine does not say how its power supply does")
    else:
        yield ok(SUBJECT, "the power supply holds")


def _heat(figures: SystemFigures) -> Iterator[Finding]:
    heat = "" if figures.cpu_temp_c is None else f" at {figures.cpu_temp_c:.0f} °C"
    advice = "Give it a cooler or air, or its power supply's full strength."
    if figures.throttled:
        yield warning(SUBJECT, f"the processor is slowed down{heat}", advice, "vcgencmd get_throttled")
    elif figures.soft_temp_limit:
        message = f"the processor is above its soft temperature limit{heat}, which makes it a little slower"
        yield warning(SUBJECT, message, advice, "vcgencmd get_throttled")
    elif figures.cpu_temp_c is not None and figures.cpu_temp_c >= _HOT_C:
        yield warning(SUBJECT, f"the processor is at {figures.cpu_temp_c:.0f} °C", advice, "vcgencmd measure_temp")
    elif figures.throttled_since_boot:
        message = f"the processor was slowed down since the Pi was switched on; now it is not{heat}"
        yield warning(SUBJECT, message, advice, "vcgencmd get_throttled")
    elif figures.cpu_temp_c is not None:
        yield ok(SUBJECT, f"the processor is at {figures.cpu_temp_c:.0f} °C")
