"""From a camera's configuration to what it tells of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgedet.events.filters import Filters, LabelFilter
from edgedet.events.rules import EventRules, LineRule, ZoneRule

if TYPE_CHECKING:
    from edgedet.settings import CameraSettings


def filters_of(camera: CameraSettings, min_score: float | None = None) -> Filters:
    """Which objects count. `min_score`, where one was set by command, stands in place of the general one."""
    detect = camera.detect
    by_label = {
        label: LabelFilter(
            limits.min_score,
            limits.min_area,
            limits.max_area,
            limits.min_ratio,
            limits.max_ratio,
            limits.min_time_s,
            limits.night_min_score,
        )
        for label, limits in detect.objects.items()
    }
    return Filters(detect.min_score if min_score is None else min_score, by_label, detect.night_min_score)


def event_rules(camera: CameraSettings, min_score: float | None = None) -> EventRules:
    """Which events are told. `min_score` as in `filters_of`."""
    return EventRules(
        filters_of(camera, min_score),
        tuple(
            ZoneRule(name, zone.polygon, zone.labels, zone.dwell_s, zone.inertia_s, zone.loiter_s, zone.anchor)
            for name, zone in camera.zones.items()
        ),
        tuple(LineRule(name, line.start, line.end, line.labels) for name, line in camera.lines.items()),
        camera.stationary.after_s,
        camera.stationary.gone_after_s,
    )
