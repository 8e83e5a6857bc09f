"""The daemon as its service manager sees it: when it has started, how it is in a line, whether every loop gets on."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from edgedet.app.status_line import status_line
from edgedet.health import DetectorState
from edgedet.service.crash import stacks_of_tasks
from edgedet.service.journal import Kind, fields
from edgedet.service.watchdog import Attendance, Beats
from edgedet.types import EventKind
from edgedet.workers.rhythm import LONGEST_SILENCE_S

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from edgedet.app.station import CameraStation
    from edgedet.app.watch import CameraWatch
    from edgedet.health import CameraFacts, Health
    from edgedet.service.notify import Notifier
    from edgedet.service.watchdog import Beat
    from edgedet.settings import Settings
    from edgedet.types import Event

_log = logging.getLogger(__name__)

LOOP_LIMIT_S = 30.0
"""A loop that turns every few seconds has stopped when it has not for so long: a busy Pi may well take ten."""
_CAMERA_LIMIT_S = 60.0
_CAMERA_LIMIT_FRAMES = 10
_KIND_SAID = {
    EventKind.NEW: "is there",
    EventKind.END: "is gone",
    EventKind.ZONE_ENTER: "enters {zone}",
    EventKind.ZONE_LEAVE: "leaves {zone}",
    EventKind.LINE_CROSS: "crosses {line} ({direction})",
}
_RATE_OVER_S = 10.0


class Attending:
    """Watches one daemon. `run` it as a task, beside those that it watches."""

    def __init__(
        self,
        notifier: Notifier,
        settings: Callable[[], Settings],
        health: Callable[[], Health],
        stations: Callable[[], Mapping[str, CameraStation]],
        delivery_turns: Callable[[], int],
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`notifier` is told; the others are asked how the daemon is. `now_s` is a monotonic clock in seconds."""
        self.beats = Beats(now_s)
        self._now_s = now_s
        self._settings = settings
        self._health = health
        self._stations = stations
        self._delivery_turns = delivery_turns
        self._seen: dict[str, tuple[int, int]] = {}
        self._still: dict[str, tuple[int, float]] = {}
        """By camera: frames captured, and since when it has been watching without another one, seconds."""
        self._seen_turns = -1
        self._frames = 0
        self._rate = _Rate()
        self._attendance = Attendance(
            notifier,
            self.beats,
            is_ready=lambda: health().detector.state is not DetectorState.STARTING,
            status=lambda: status_line(health(), self._rate.per_s),
            on_late=_say_late,
        )

    def loop(self, name: str, interval_s: float = 0.0) -> Beat:
        """Return the beat of a loop that turns every `interval_s` or more often."""
        return self.beats.of(name, LOOP_LIMIT_S + 3 * interval_s)

    def step(self, name: str, interval_s: float, step: Callable[[], None]) -> Callable[[], None]:
        """Return the step of a loop that turns every `interval_s`, with its beat after it."""
        beat = self.loop(name, interval_s)

        def stepping() -> None:
            step()
            beat()

        return stepping

    def processed(self, camera: str) -> None:
        """A frame of a camera has been looked at and told about."""
        self._frames += 1
        self._camera_beat(camera)()

    async def run(self, tick_s: float = 0.5) -> None:
        """Look after the daemon, for ever. Begin once the spool is open: a detector's answer is then all that lacks."""
        while True:
            self._look_at_cameras()
            self._look_at_delivery()
            self._rate.note(self._frames, self._now_s())
            self._attendance.look()
            await asyncio.sleep(tick_s)

    def _camera_beat(self, camera: str) -> Beat:
        settings = self._settings()
        rates = [settings.detector.cpu.max_fps]
        if camera in settings.cameras:
            detect = settings.cameras[camera].detect
            rates += [detect.fps, detect.motion.idle_fps if detect.motion.enabled else None]
        slowest = min(rate for rate in (*rates, 240.0) if rate is not None)
        return self.beats.of(f"camera {camera}", _CAMERA_LIMIT_S + _CAMERA_LIMIT_FRAMES / slowest)

    def _look_at_cameras(self) -> None:
        """A camera gets on while frames come in, somebody answers, and some of them are looked at.

        One without frames is no lack of progress, unless it is said to be watching all the while.
        """
        stations, health = self._stations(), self._health()
        answering = health.detector.state is DetectorState.ANSWERING
        for name in self._seen.keys() - stations.keys():
            self.beats.forget(f"camera {name}")
            del self._seen[name]
            self._still.pop(name, None)
        for name, station in stations.items():
            beat, captured = self._camera_beat(name), station.watch.captured
            if name not in self._seen or self._seen[name][0] != beat.count:
                self._seen[name] = beat.count, captured
            is_awaited = captured > self._seen[name][1] or self._is_stuck(name, station.watch, health.cameras.get(name))
            if answering and station.watch.order.enabled and is_awaited:
                beat.due()
            else:
                beat.rest()

    def _is_stuck(self, name: str, watch: CameraWatch, told: CameraFacts | None) -> bool:
        """Whether a camera is said to be watching without a frame, and for longer than any source may be silent.

        By then it is blind, and told to be: where it is not, nobody looks after it any more.
        """
        now_s = self._now_s()
        captured, since_s = self._still.get(name, (-1, now_s))
        if told is None or not told.state.looks or captured != watch.captured:
            self._still[name] = watch.captured, now_s
            return False
        return now_s - since_s > max(LONGEST_SILENCE_S, watch.spec.stall_s)

    def _look_at_delivery(self) -> None:
        turns = self._delivery_turns()
        if self._seen_turns != turns:
            self._seen_turns = turns
            self.loop("events")()


class _Rate:
    """Frames a second of all cameras, over the last seconds."""

    def __init__(self) -> None:
        self._from: tuple[int, float] | None = None
        self.per_s: float | None = None

    def note(self, frames: int, now_s: float) -> None:
        """Take the count of this moment."""
        if self._from is None:
            self._from = frames, now_s
        elif now_s - self._from[1] >= _RATE_OVER_S:
            self.per_s = (frames - self._from[0]) / (now_s - self._from[1])
            self._from = frames, now_s


def say_event(camera: str, event: Event) -> None:
    """Tell the log what a camera has to tell; not how it goes on in between."""
    if event.kind is EventKind.UPDATE:
        return
    kind = _KIND_SAID[event.kind].format(zone=event.zone, line=event.line, direction=event.direction)
    text = f"{camera}: {event.label} {event.track_id} {kind} (score {event.score:.2f})"
    _log.info("%s", text, extra=fields(Kind.OBJECT, camera=camera, component=camera))


def _say_late(names: tuple[str, ...]) -> None:
    """The watchdog is not fed any more: say why, since systemd will only say that it was not."""
    late = ", ".join(names)
    _log.critical("No progress: %s. systemd will start edgedet again", late, extra=fields(Kind.NO_PROGRESS))
    for line in stacks_of_tasks():
        _log.critical("%s", line)
