"""Whether somebody has set the clock: a Pi before its fifth generation boots in the past."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from edgedet.clock import Clock
from edgedet.doctor.finding import Finding, as_root, ok, problem, warning

if TYPE_CHECKING:
    from edgedet.doctor.situation import Situation

SUBJECT = "clock"
_BEFORE_THIS_S = 1_767_225_600
"""2026-01-01: this program is younger than that, so a clock before it is wrong."""
_TIME_SERVICES = ("systemd-timesyncd", "chrony", "ntpsec")


def examine(
    situation: Situation,
    *,
    synchronised: Callable[[], bool] | None = None,
    now_s: Callable[[], float] = time.time,
) -> Iterator[Finding]:
    """Say whether times that are published are right. The two clocks are for tests."""
    wrong = now_s() < _BEFORE_THIS_S
    day = time.strftime("%Y-%m-%d", time.gmtime(now_s()))
    tls = situation.loaded is not None and situation.loaded.settings.mqtt.url.tls
    advice = "Events are stamped `time_synced: false` until then, and mended when the time comes."
    if wrong:
        then = "; no certificate holds, so mqtts:// cannot connect" if tls else ""
        level = problem if tls else warning
        yield level(SUBJECT, f"the clock says {day}, which is past{then}", advice, _set_it(situation))
    elif (Clock().is_synchronised if synchronised is None else synchronised)():
        yield ok(SUBJECT, f"it is set and kept right ({day})")
    elif _in_container(situation):
        yield ok(SUBJECT, f"the machine outside this container keeps it ({day})")
    else:
        yield warning(SUBJECT, f"nobody keeps it right (it says {day})", advice, _set_it(situation))


def _set_it(situation: Situation) -> str:
    folders = [situation.root / place for place in ("usr/lib/systemd/system", "lib/systemd/system")]
    if any((folder / f"{name}.service").exists() for folder in folders for name in _TIME_SERVICES):
        return as_root("timedatectl set-ntp true")
    return as_root("apt-get install -y systemd-timesyncd", "timedatectl set-ntp true")


def _in_container(situation: Situation) -> bool:
    # The variable, too: podman's file is out of sight where the root is read-only, since /run is in memory then.
    places = (".dockerenv", "run/.containerenv", "run/systemd/container")
    return "container" in os.environ or any((situation.root / place).exists() for place in places)
