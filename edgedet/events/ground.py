"""The rules of a camera, ready for use: shapes and times are prepared once, not for each object in each frame."""

from __future__ import annotations

from edgedet.events.rules import EventRules, LineRule, ZoneRule
from edgedet.events.shapes import Area, Axis


def nanoseconds(seconds: float) -> int:
    """What waits are counted in."""
    return int(seconds * 1e9)


class Zone:
    """An area and its times, in nanoseconds."""

    __slots__ = ("anchor", "area", "dwell_ns", "inertia_ns", "labels", "loiter_ns", "name")

    def __init__(self, rule: ZoneRule) -> None:
        self.name = rule.name
        self.area = Area(rule.polygon)
        self.labels = rule.labels
        self.anchor = rule.anchor
        self.dwell_ns = nanoseconds(rule.dwell_s)
        self.inertia_ns = nanoseconds(rule.inertia_s)
        self.loiter_ns = None if rule.loiter_s is None else nanoseconds(rule.loiter_s)


class Line:
    """A line as a system of coordinates."""

    __slots__ = ("axis", "labels", "name", "rule")

    def __init__(self, rule: LineRule) -> None:
        self.rule = rule
        self.name = rule.name
        self.axis = Axis(rule.start, rule.end)
        self.labels = rule.labels


class Ground:
    """Everything that a camera's objects are held against."""

    def __init__(self, rules: EventRules) -> None:
        self.filters = rules.filters
        self.zones = tuple(Zone(rule) for rule in rules.zones)
        self.lines = tuple(Line(rule) for rule in rules.lines)
        self.loitering_is_told = any(zone.loiter_ns is not None for zone in self.zones)
        self.stationary_after_ns = nanoseconds(rules.stationary_after_s)
        self.stationary_gone_after_ns = nanoseconds(rules.stationary_gone_after_s)
        self.update_every_ns = nanoseconds(rules.update_every_s)
