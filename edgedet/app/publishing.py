"""What of a looked-at frame goes out over MQTT at once: its detections."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from edgedet.clock import Clock
from edgedet.outputs.encoding import encode_detections
from edgedet.outputs.messages import Publication
from edgedet.outputs.topics import Topics
from edgedet.types import FrameResult

if TYPE_CHECKING:
    from edgedet.app.objects import Tracked

Send = Callable[[Publication], None]


@dataclass(frozen=True, slots=True)
class PublishRules:
    """How much a camera tells."""

    detections: Literal["all", "nonempty", "off"]
    """`nonempty`: frames with objects, and the first without."""
    max_hz: float | None
    """At most so many messages a second; None: as many as there are frames."""


class CameraPublisher:
    """Publishes one camera's detections."""

    def __init__(self, camera: str, device: str, topics: Topics, clock: Clock, rules: PublishRules, send: Send) -> None:
        self._camera = camera
        self._device = device
        self._topics = topics
        self._clock = clock
        self.rules = rules
        self._send = send
        self._was_empty = False
        self._next_ns = 0

    def publish(self, result: FrameResult, tracked: Tracked) -> float:
        """Tell of a frame; returns its latency from capture to publishing, in milliseconds."""
        accepted = tracked.detections
        stamp = self._clock.stamp()
        if self._is_told(empty=not accepted, now_ns=stamp.mono_ns):
            told = replace(result, detections=accepted)
            payload = encode_detections(self._device, stamp, self._camera, told, tracked.track_ids)
            self._send(Publication(self._topics.detections(self._camera), payload))
        self._was_empty = not accepted
        return (stamp.mono_ns - result.stamp.captured_ns) / 1e6

    def _is_told(self, *, empty: bool, now_ns: int) -> bool:
        rules = self.rules
        if rules.detections == "off" or (rules.detections == "nonempty" and empty and self._was_empty):
            return False
        # The first empty frame is what says that the objects have gone: no rate limit holds it back.
        if rules.max_hz is not None and not (empty and not self._was_empty):
            if now_ns < self._next_ns:
                return False
            self._next_ns = max(self._next_ns, now_ns - int(1e9 / rules.max_hz)) + int(1e9 / rules.max_hz)
        return True
