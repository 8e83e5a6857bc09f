"""One camera of the daemon with all that belongs to it: looking, tracking, counting, telling."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgedet.app import composition
from edgedet.app.counting import CountPublisher
from edgedet.app.event_rules import event_rules
from edgedet.app.objects import ObjectWatch
from edgedet.app.publishing import CameraPublisher
from edgedet.app.telling import EventTeller
from edgedet.app.watch import CameraWatch
from edgedet.errors import UsageError
from edgedet.health import CameraState, Code, Reason
from edgedet.outputs.messages import Publication
from edgedet.service.overload import Overload
from edgedet.types import EndReason, EventKind

if TYPE_CHECKING:
    from edgedet.app.line_totals import LineTotals
    from edgedet.app.model import Model
    from edgedet.app.overrides import Override
    from edgedet.app.snapshots import SnapshotKeeper
    from edgedet.clock import Clock
    from edgedet.health import CameraFacts
    from edgedet.outputs.topics import Topics
    from edgedet.pipeline import Seen
    from edgedet.settings import CameraSettings
    from edgedet.types import Event
    from edgedet.workers.supervisor import Answerer

_TELL_LAST_FRAME_S = 1.0
"""How often the time of the last frame is noted for `health`."""


@dataclass(frozen=True, slots=True)
class Outlets:
    """Where what a camera comes to is handed on; one for all cameras."""

    device: str
    topics: Topics
    clock: Clock
    totals: LineTotals
    send: Callable[[Publication], None]
    deliver: Callable[[str, Event, str | None], None]
    """Takes a camera's event, and the topic of its picture or None."""
    processed: Callable[[str, float, float], None]
    """Told of each frame: camera, milliseconds of inference, milliseconds from capture to publishing."""
    fact: Callable[[str, CameraFacts], None]
    """Told what is known of a camera."""
    seen: Callable[[str, Seen], None] | None = None
    """Told of every frame that was looked at, while its pixels are valid."""


class CameraStation:
    """`run` it as a task; it ends when a finite source has ended."""

    def __init__(
        self,
        name: str,
        camera: CameraSettings,
        override: Override,
        model: Model,
        detector: Answerer,
        outlets: Outlets,
        keeper: SnapshotKeeper | None,
    ) -> None:
        """Assign only; without a `keeper` no pictures are made."""
        self.name = name
        self.settings = camera
        self._model = model
        self._detector = detector
        self._outlets = outlets
        self._keeper = keeper
        self._told_ns = 0
        self._overload = Overload()
        self._looked_at = 0
        self._state = CameraState.STARTING
        self.watch = CameraWatch(
            composition.camera_spec(name, camera, model, detector),
            composition.watch_order(camera, override, model),
            detector,
            model.labels,
            lambda fact: outlets.fact(name, fact),
            self._on_seen,
        )
        rules = event_rules(camera, override.min_score)
        idle_fps = composition.idle_fps_of(camera)
        self._objects = ObjectWatch(
            rules,
            composition.new_tracker,
            composition.life_ids(outlets.clock),
            max(1.0 / camera.detect.fps, composition.pause_of(camera) or 0.0),
            0.0 if idle_fps is None else 1.0 / idle_fps,
        )
        self._publisher = CameraPublisher(
            name, outlets.device, outlets.topics, outlets.clock, composition.publish_rules(camera), outlets.send
        )
        self._counts = CountPublisher(
            name, outlets.topics, outlets.totals, composition.counted(camera, model), outlets.send
        )
        self._teller = EventTeller(lambda event, topic: outlets.deliver(name, event, topic), keeper)

    async def run(self) -> None:
        """Look, and tell."""
        self._counts.publish_lines()
        teller = asyncio.get_running_loop().create_task(self._teller.run(), name=f"events-{self.name}")
        try:
            await self.watch.run()
        finally:
            teller.cancel()
            await asyncio.gather(teller, return_exceptions=True)
            if self._keeper is not None:
                await self._keeper.close()

    def order(self, override: Override) -> None:
        """Something was set by command."""
        self.watch.change(composition.watch_order(self.settings, override, self._model))
        self._tell(self._objects.change(event_rules(self.settings, override.min_score)))

    def can_become(self, camera: CameraSettings) -> bool:
        """Whether the worker that runs serves those settings too."""
        if camera.snapshots != self.settings.snapshots:
            return False
        return self.watch.spec == composition.camera_spec(self.name, camera, self._model, self._detector)

    def change(self, camera: CameraSettings, override: Override) -> None:
        """Other settings from now on, as far as they need no other worker."""
        self.settings = camera
        self._publisher.rules = composition.publish_rules(camera)
        self.order(override)
        self._counts.change(composition.counted(camera, self._model))
        self._counts.publish_lines()

    def troubles(self) -> tuple[Reason, ...]:
        """What is not well though the camera looks. To be asked every few seconds."""
        pictures = None if self._keeper is None else self._keeper.trouble
        found = () if pictures is None else (pictures,)
        if not self._overload.judge(time.monotonic(), self._looked_at, self.watch.dropped):
            return found
        return (*found, Reason(self.name, Code.OVERLOADED, Code.OVERLOADED.advice))

    async def snapshot(self) -> str | None:
        """Publish and keep the next picture; the topic, or None where there is no frame.

        Raises:
            UsageError: this camera's snapshots are off.
        """
        if self._keeper is None:
            raise UsageError(f"the snapshots of {self.name} are off", hint="Set snapshots: {enabled: true}.")
        return await self._keeper.take()

    def in_state(self, state: CameraState) -> None:
        """What the camera does, all things considered, has changed."""
        before, self._state = self._state, state
        if state is CameraState.OFF:
            self.end(EndReason.OFF)
        elif before.looks and not state.looks:
            self._objects.blind()

    def end(self, reason: EndReason) -> None:
        """What is there is over."""
        self._tell(self._objects.end_all(reason, time.monotonic_ns()))
        if reason is EndReason.RESTART:
            self._teller.flush()

    def day_has_changed(self) -> None:
        """Crossings are counted from zero again."""
        self._counts.publish_lines()

    def _on_seen(self, seen: Seen) -> None:
        outlets = self._outlets
        self._looked_at += 1
        stamp_of_frame = seen.result.stamp
        tracked = self._objects.track(seen.result, stamp_of_frame.captured_ns)
        latency_ms = self._publisher.publish(seen.result, tracked)
        observed = self._objects.observe(tracked, stamp_of_frame, stamp_of_frame.captured_ns)
        self._counts.publish(observed.counts)
        if self._keeper is not None:
            self._keeper.offer(seen, observed.tracks, observed.events, self._objects.lives.event_of)
        self._tell(observed.events)
        self.watch.attend(following=observed.stirring)
        outlets.processed(self.name, seen.result.inference.invoke_ms, latency_ms)
        stamp = outlets.clock.stamp()
        if stamp.mono_ns - self._told_ns > _TELL_LAST_FRAME_S * 1e9 or not self._state.looks:
            self._told_ns = stamp.mono_ns
            self.watch.watching(stamp.ts)
        if outlets.seen is not None:
            outlets.seen(self.name, seen)

    def _tell(self, events: tuple[Event, ...]) -> None:
        crossings = [event for event in events if event.kind is EventKind.LINE_CROSS]
        for event in crossings:
            self._outlets.totals.crossed(self.name, event.line or "", event.direction or "")
        if crossings:
            self._counts.publish_lines()
        self._teller.tell(events)
