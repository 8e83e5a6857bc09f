"""Counts over MQTT: how many objects there are now, in the picture and in each zone, and crossings of lines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from edgedet.outputs.messages import Publication

if TYPE_CHECKING:
    from edgedet.app.line_totals import LineTotals
    from edgedet.events.lives import Counts
    from edgedet.outputs.topics import Topics

_ALL = "all"


@dataclass(frozen=True, slots=True)
class Counted:
    """What a camera counts from its first frame on; other labels come with their first object."""

    labels: tuple[str, ...] = ()
    zones: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Labels of each zone that are counted from the first frame on."""
    lines: tuple[str, ...] = ()


class CountPublisher:
    """Publishes one camera's counts, retained, when they change.

    While the camera is blind or off they keep their last value, and its `state` says that they are not current.
    """

    def __init__(
        self, camera: str, topics: Topics, totals: LineTotals, counted: Counted, send: Callable[[Publication], None]
    ) -> None:
        self._camera = camera
        self._topics = topics
        self._totals = totals
        self._counted = counted
        self._send = send
        self._told: dict[str, int] = {}
        self._counts: Counts | None = None
        self._seen: dict[str, None] = {}
        self._seen_in: dict[str, dict[str, None]] = {}

    def publish(self, counts: Counts) -> None:
        """Tell which numbers of objects have changed."""
        if counts != self._counts:
            self._counts = counts
            self._tell(self._objects(counts))

    def publish_lines(self) -> None:
        """Tell which totals of lines have changed."""
        topics, camera = self._topics, self._camera
        now: dict[str, int] = {}
        for line in self._counted.lines:
            total = self._totals.of(camera, line)
            now[topics.line(camera, line, "in")] = total.into
            now[topics.line(camera, line, "out")] = total.out
        self._tell(now)

    def change(self, counted: Counted) -> None:
        """Count this from now on. Everything is told anew: what was taken from the broker may have come back."""
        self._counted = counted
        self._counts = None
        self._told.clear()

    def _tell(self, now: dict[str, int]) -> None:
        for topic, count in now.items():
            if self._told.get(topic) != count:
                self._told[topic] = count
                self._send(Publication(topic, str(count).encode(), qos=1, retain=True))

    def _objects(self, counts: Counts) -> dict[str, int]:
        """Every count by its topic. Labels that fall together in topics (`dog`, `Dog`) are counted together."""
        topics, camera, counted = self._topics, self._camera, self._counted
        now: dict[str, int] = {}
        self._seen.update(dict.fromkeys(counts.objects))
        for label in dict.fromkeys((*counted.labels, *self._seen)):
            _add(now, topics.objects(camera, label), counts.objects.get(label, 0))
            _add(now, topics.active_objects(camera, label), counts.active.get(label, 0))
        _add(now, topics.objects(camera, _ALL), sum(counts.objects.values()))
        for zone, labels in counted.zones.items():
            inside = counts.zones.get(zone, {})
            seen = self._seen_in.setdefault(zone, {})
            # A label that the zone is only asked for is among those of the zone, if the model has it.
            seen.update(dict.fromkeys(label for label, count in inside.items() if count))
            for label in dict.fromkeys((*labels, *seen)):
                _add(now, topics.zone(camera, zone, label), inside.get(label, 0))
            _add(now, topics.zone(camera, zone, _ALL), sum(inside.values()))
        return now


def _add(now: dict[str, int], topic: str, count: int) -> None:
    now[topic] = now.get(topic, 0) + count
