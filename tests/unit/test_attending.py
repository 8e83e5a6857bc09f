"""The daemon as systemd sees it: its line, and which of its loops are expected to get on."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import cast

import pytest

from edgedet.app.attending import Attending, say_event
from edgedet.app.station import CameraStation
from edgedet.geometry import Box
from edgedet.health import CameraFacts, CameraState, DetectorFacts, DetectorState, Facts, Health, Reason, reduce
from edgedet.service.journal import Kind
from edgedet.service.notify import Notifier
from edgedet.settings import Settings
from edgedet.types import Event, EventKind

ANSWERING = DetectorFacts(DetectorState.ANSWERING, "edgetpu", "m.tflite")
WATCHING = CameraFacts(CameraState.WATCHING)


def health(detector: DetectorFacts = ANSWERING, broker: Reason | None = None, **cameras: CameraFacts) -> Health:
    return reduce(Facts(detector, cameras or {"porch": WATCHING}, broker), "2026-01-01T00:00:00.000Z")


def test_an_object_is_told_with_its_camera_as_a_field(caplog: pytest.LogCaptureFixture) -> None:
    box = Box(0.1, 0.1, 0.2, 0.2)
    event = Event("1.1", EventKind.LINE_CROSS, "person", 4, 0.87, 0.9, box, 5, 1, line="gate", direction="in")
    with caplog.at_level("INFO"):
        say_event("porch", event)
    (record,) = caplog.records
    assert record.getMessage() == "porch: person 4 crosses gate (in) (score 0.87)"
    assert record.__dict__["edgedet"] == {"kind": Kind.OBJECT, "camera": "porch", "component": "porch", "code": None}


@dataclass
class Daemon:
    """As much of one as is looked at."""

    state: DetectorState = DetectorState.ANSWERING
    camera: CameraState = CameraState.WATCHING
    """As the board has it."""
    stall_s: float = 3.0
    enabled: bool = True
    captured: int = 0
    turns: int = 0
    now_s: float = 0.0
    told: list[str] = field(default_factory=list)

    def station(self) -> CameraStation:
        order, spec = SimpleNamespace(enabled=self.enabled), SimpleNamespace(stall_s=self.stall_s)
        watch = SimpleNamespace(captured=self.captured, order=order, spec=spec)
        return cast("CameraStation", SimpleNamespace(watch=watch))


class Manager(Notifier):
    """Counts how often systemd hears that the daemon is alive."""

    def __init__(self) -> None:
        super().__init__()
        self.fed = 0

    def alive(self) -> None:
        self.fed += 1


class Watched:
    """A daemon being attended to, by a clock that the test moves."""

    def __init__(self) -> None:
        self.daemon = Daemon()
        self.manager = Manager()
        source = {"type": "synthetic", "size": [320, 240], "fps": 5}
        settings = Settings.model_validate({"version": 1, "cameras": {"porch": {"source": source}}})
        self.attending = Attending(
            self.manager,
            lambda: settings,
            lambda: health(DetectorFacts(self.daemon.state), porch=CameraFacts(self.daemon.camera)),
            lambda: {"porch": self.daemon.station()},
            lambda: self.daemon.turns,
            lambda: self.daemon.now_s,
        )

    async def spend(
        self, seconds: float, *, frames: bool = False, looked_at: bool = False, delivers: bool = True
    ) -> bool:
        """Let time go by; whether the watchdog is fed at its end."""
        for _ in range(int(seconds / 5)):
            self.daemon.now_s += 5.0
            self.daemon.captured += frames
            self.daemon.turns += delivers
            if looked_at:
                self.attending.processed("porch")
            await self.look()
        before = self.manager.fed
        await self.look()
        return self.manager.fed > before

    async def look(self) -> None:
        run = asyncio.create_task(self.attending.run(3600.0))
        await asyncio.sleep(0)
        run.cancel()
        await asyncio.gather(run, return_exceptions=True)


@pytest.fixture
def watched() -> Watched:
    return Watched()


async def test_a_daemon_that_looks_at_frames_is_alive(watched: Watched) -> None:
    assert await watched.spend(600, frames=True, looked_at=True)


async def test_a_camera_that_gives_no_frames_is_no_lack_of_progress(watched: Watched) -> None:
    assert await watched.spend(30, frames=True, looked_at=True)
    watched.daemon.camera = CameraState.BLIND
    assert await watched.spend(600)


async def test_a_camera_that_is_said_to_watch_and_gives_no_frames_starves_the_watchdog(watched: Watched) -> None:
    assert await watched.spend(30, frames=True, looked_at=True)
    assert await watched.spend(115)
    assert not await watched.spend(30)
    watched.daemon.camera = CameraState.BLIND
    assert await watched.spend(5)


@pytest.mark.parametrize("pause_s", [5, 30, 60])
async def test_a_slow_camera_is_no_lack_of_progress(watched: Watched, pause_s: int) -> None:
    for _ in range(20):
        assert await watched.spend(pause_s - 5)
        assert await watched.spend(5, frames=True, looked_at=True)


async def test_a_camera_that_its_settings_allow_to_be_silent_is_no_lack_of_progress(watched: Watched) -> None:
    watched.daemon.stall_s = 600.0
    assert await watched.spend(30, frames=True, looked_at=True)
    assert await watched.spend(600)


async def test_a_detector_that_is_down_is_no_lack_of_progress(watched: Watched) -> None:
    watched.daemon.state = DetectorState.DOWN
    assert await watched.spend(600, frames=True)


async def test_a_camera_that_is_switched_off_is_no_lack_of_progress(watched: Watched) -> None:
    watched.daemon.enabled = False
    assert await watched.spend(600, frames=True)


async def test_frames_that_come_and_are_never_looked_at_starve_the_watchdog(watched: Watched) -> None:
    assert await watched.spend(30, frames=True, looked_at=True)
    assert await watched.spend(50, frames=True)
    assert not await watched.spend(30, frames=True)
    assert await watched.spend(5, frames=True, looked_at=True)


async def test_a_delivery_that_stands_still_starves_the_watchdog(watched: Watched) -> None:
    assert await watched.spend(25, delivers=False)
    assert not await watched.spend(15, delivers=False)


async def test_a_loop_that_stands_still_starves_the_watchdog(watched: Watched) -> None:
    step = watched.attending.step("stats", 30.0, lambda: None)
    step()
    assert await watched.spend(115, frames=True, looked_at=True)
    assert not await watched.spend(15, frames=True, looked_at=True)
    step()
    assert await watched.spend(5, frames=True, looked_at=True)
