"""The machine's own troubles reach `health`, and go when they are over."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgedet.app.machine_watch import MachineWatch
from edgedet.health import CameraFacts, CameraState, DetectorFacts, DetectorState, Facts, State, reduce
from edgedet.service.machine import SystemMeter

FIRMWARE = "sys/devices/platform/soc/soc:firmware/get_throttled"


@pytest.mark.parametrize("state", [CameraState.WATCHING, CameraState.OFF])
def test_weak_wifi_degrades_health_and_says_nothing_of_who_looks(tmp_path: Path, state: CameraState) -> None:
    (tmp_path / "proc/net").mkdir(parents=True)
    (tmp_path / "proc/net/wireless").write_text("a\nb\n wlan0: 0000   20.  -84.  -256  0 0\n")
    watch = MachineWatch(SystemMeter(tmp_path, root=tmp_path), lambda: 0)
    facts = Facts(DetectorFacts(DetectorState.ANSWERING, "cpu"), {"porch": CameraFacts(state)}, system=watch.reasons())
    health = reduce(facts, "now")
    assert (health.state, [reason.code for reason in health.reasons]) == (State.DEGRADED, ["wifi_weak"])
    assert health.cameras["porch"].state is state


def test_a_weak_power_supply_degrades_health_until_a_minute_after_it_was_last_seen(tmp_path: Path) -> None:
    now_s = 100

    def says(word: str) -> None:
        (tmp_path / FIRMWARE).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / FIRMWARE).write_text(f"{word}\n")

    def state() -> tuple[State, list[str]]:
        facts = Facts(
            DetectorFacts(DetectorState.ANSWERING, "cpu"),
            {"porch": CameraFacts(CameraState.WATCHING)},
            system=watch.reasons(),
        )
        health = reduce(facts, "now")
        return health.state, [f"{reason.component} {reason.code}" for reason in health.reasons]

    watch = MachineWatch(SystemMeter(tmp_path, root=tmp_path), lambda: now_s * 1_000_000_000)
    says("0")
    assert state() == (State.OK, [])
    says("50005")
    assert state() == (State.DEGRADED, ["system throttled", "system undervoltage"])
    says("50000")
    now_s += 30
    assert state()[0] is State.DEGRADED
    now_s += 31
    assert state() == (State.OK, [])
