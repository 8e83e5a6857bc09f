"""Heat and faults of the Edge TPUs reach `health`, and go when they are over."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from edgedet.accelerators.devices import find
from edgedet.app.edgetpu_watch import EdgeTpuWatch
from edgedet.health import CameraFacts, CameraState, DetectorFacts, DetectorState, Facts, State, reduce
from edgedet.settings import DetectorSettings
from edgedet.settings.schema import EdgeTpuSettings

S = 1_000_000_000


class Machine:
    """One with PCIe Edge TPUs, and what a watch tells of them."""

    def __init__(self, root: Path, settings: DetectorSettings) -> None:
        self.root = root
        self.now_s = 0
        self.watch = EdgeTpuWatch(settings, lambda: self.now_s * S, partial(find, root))

    def reads(self, millidegrees: int, name: str = "apex_0") -> None:
        for folder in ("sys/class/apex", "dev"):
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        (self.root / "dev" / name).touch()
        (self.root / "sys/class/apex" / name).mkdir(exist_ok=True)
        (self.root / "sys/class/apex" / name / "temp").write_text(f"{millidegrees}\n")

    def told(self, after_s: int = 5) -> list[tuple[str, str]]:
        self.now_s += after_s
        return [(reason.code, reason.message) for reason in self.watch.reasons()]

    def codes(self, after_s: int = 5) -> list[str]:
        return [code for code, _ in self.told(after_s)]


@pytest.fixture
def machine(tmp_path: Path) -> Callable[..., Machine]:
    return lambda **settings: Machine(tmp_path, DetectorSettings(**settings))


def test_a_hot_one_is_told_until_it_is_five_degrees_cooler(machine: Callable[..., Machine]) -> None:
    pi = machine()
    pi.reads(84_000)
    assert pi.told() == []
    pi.reads(91_000)
    first = pi.told()
    assert first == [("edgetpu_hot", "pci:0 is at 91 °C and slows itself down: give it air or a cooler.")]
    for millidegrees in (95_000, 84_000, 80_500, 86_000):
        pi.reads(millidegrees)
        assert pi.told() == first
    pi.reads(79_000)
    assert pi.told() == []
    pi.reads(84_000)
    assert pi.told() == []


def test_a_temperature_that_cannot_be_is_told_until_a_minute_after_the_last_one(
    machine: Callable[..., Machine],
) -> None:
    pi = machine()
    pi.reads(-87_900)
    ((code, message),) = pi.told()
    assert code == "edgetpu_faulty"
    assert "pci:0: apex_0 reads -87.9 °C, which cannot be" in message
    pi.reads(50_000)
    assert pi.codes(after_s=30) == ["edgetpu_faulty"]
    pi.reads(-87_900)
    assert pi.codes(after_s=29) == ["edgetpu_faulty"]
    pi.reads(50_000)
    assert pi.codes(after_s=59) == ["edgetpu_faulty"]
    assert pi.codes(after_s=1) == []


def test_each_of_several_is_told_by_its_name(machine: Callable[..., Machine]) -> None:
    pi = machine()
    pi.reads(90_000, "apex_0")
    pi.reads(95_000, "apex_1")
    assert [message[:5] for _, message in pi.told()] == ["pci:0", "pci:1"]
    pi.reads(60_000, "apex_0")
    assert [message[:5] for _, message in pi.told()] == ["pci:1"]


@pytest.mark.parametrize(
    "settings", [{"accelerators": ("cpu",)}, {"edgetpu": EdgeTpuSettings(devices=("usb:0", "pci:1"))}]
)
def test_one_that_is_not_asked_for_is_nobodys_trouble(
    machine: Callable[..., Machine], settings: dict[str, object]
) -> None:
    pi = machine(**settings)
    pi.reads(95_000)
    assert pi.told() == []


def test_a_machine_without_one_has_no_reason(machine: Callable[..., Machine]) -> None:
    assert machine().told() == []


@pytest.mark.parametrize("millidegrees", [95_000, -87_900])
def test_they_degrade_health_and_blind_nobody_while_somebody_answers(
    machine: Callable[..., Machine], millidegrees: int
) -> None:
    pi = machine()
    pi.reads(millidegrees)
    health = reduce(
        Facts(
            DetectorFacts(DetectorState.ANSWERING, "cpu"),
            {"porch": CameraFacts(CameraState.WATCHING)},
            system=pi.watch.reasons(),
        ),
        "now",
    )
    assert (health.state, health.cameras["porch"].state) == (State.DEGRADED, CameraState.WATCHING)
    assert [reason.component for reason in health.reasons] == ["detector"]
