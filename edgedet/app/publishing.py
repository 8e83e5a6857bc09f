"""What of a looked-at frame goes out over MQTT: the detections, and how many objects there are now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from edgedet.clock import Clock
from edgedet.events.filters import Filters
from edgedet.outputs.encoding import encode_detections
from edgedet.outputs.messages import Publication
from edgedet.outputs.topics import Topics
from edgedet.types import FrameResult

Send = Callable[[Publication], None]


@dataclass(frozen=True, slots=True)
class PublishRules:
    """How much a camera tells."""

    detections: Literal["all", "nonempty", "off"]
    """`nonempty`: frames with objects, and the first without."""
    max_hz: float | None
    """At most so many messages a second; None: as many as there are frames."""
    labels: tuple[str, ...]
    """Labels whose counts are published from the first frame on; others from their first object on."""


class CameraPublisher:
    """Publishes one camera's results.

    Until objects are tracked over time, a count is what the newest frame shows. It is published when it changes, and
    kept by the broker; while the camera is blind it keeps its last value, and the camera's `state` says so.
    """

    def __init__(self, camera: str, device: str, topics: Topics, clock: Clock, rules: PublishRules, send: Send) -> None:
        self._camera = camera
        self._device = device
        self._topics = topics
        self._clock = clock
        self._rules = rules
        self._send = send
        self._counts: dict[str, int] = {}
        self._was_empty = False
        self._next_ns = 0

    def publish(self, result: FrameResult, filters: Filters) -> float:
        """Tell of a frame; returns its latency from capture to publishing, in milliseconds."""
        accepted = filters.accepted(result)
        stamp = self._clock.stamp()
        if self._is_told(empty=not accepted, now_ns=stamp.mono_ns):
            payload = encode_detections(self._device, stamp, self._camera, replace(result, detections=accepted))
            self._send(Publication(self._topics.detections(self._camera), payload))
        self._was_empty = not accepted
        self._publish_counts(Counter(found.label for found in accepted))
        return (stamp.mono_ns - result.stamp.captured_ns) / 1e6

    def _is_told(self, *, empty: bool, now_ns: int) -> bool:
        rules = self._rules
        if rules.detections == "off" or (rules.detections == "nonempty" and empty and self._was_empty):
            return False
        # The first empty frame is what says that the objects have gone: no rate limit holds it back.
        if rules.max_hz is not None and not (empty and not self._was_empty):
            if now_ns < self._next_ns:
                return False
            self._next_ns = max(self._next_ns, now_ns - int(1e9 / rules.max_hz)) + int(1e9 / rules.max_hz)
        return True

    def _publish_counts(self, counts: Counter[str]) -> None:
        known = dict.fromkeys((*self._rules.labels, *self._counts, *counts))
        known.pop(_ALL, None)
        now = {label: counts[label] for label in known}
        now[_ALL] = counts.total()
        for label, count in now.items():
            if self._counts.get(label) != count:
                topic = self._topics.objects(self._camera, label)
                self._send(Publication(topic, str(count).encode(), qos=1, retain=True))
        self._counts = now


_ALL = "all"
