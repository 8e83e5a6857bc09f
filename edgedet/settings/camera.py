"""`cameras:`, one section a camera: where its pictures come from, what is looked for, what is told."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from edgedet.settings.geometry_types import Point, PolygonPoints
from edgedet.settings.names import RESERVED
from edgedet.settings.section import Label, Labels, Name, Section, quantity, wrong_at
from edgedet.settings.sources import Source

Score = Annotated[float, Field(ge=0.0, le=1.0, json_schema_extra={"unit": "a score"})]


class ObjectSettings(Section):
    """Which boxes of one label count."""

    min_score: Score | None = None
    """In place of the camera's general `min_score`; null: the general one holds. A score in [0, 1]."""
    night_min_score: Score | None = None
    """In place of every other threshold while the picture is dark; null: as by day. A score in [0, 1]."""
    min_area: float = quantity(0.0, "of the picture's area", ge=0.0, le=1.0)
    """Smaller boxes do not count. Share of the picture's area, in [0, 1]."""
    max_area: float = quantity(1.0, "of the picture's area", ge=0.0, le=1.0)
    """Larger boxes do not count. Share of the picture's area, in [0, 1]."""
    min_ratio: float = quantity(0.0, "width / height", ge=0.0, le=100.0)
    """Slimmer boxes do not count. Width by height in pixels, in [0, 100]."""
    max_ratio: float = quantity(100.0, "width / height", ge=0.0, le=100.0)
    """Wider boxes do not count. Width by height in pixels, in [0, 100]."""
    min_time_s: float = quantity(0.0, "seconds", ge=0.0, le=3600.0)
    """An object is told of once it has been there for so many seconds."""

    @model_validator(mode="after")
    def _ordered(self) -> ObjectSettings:
        for what in ("area", "ratio"):
            low, high = getattr(self, f"min_{what}"), getattr(self, f"max_{what}")
            if low > high:
                message = f"{low} is above max_{what}, {high}: no box can fit; lower it, or raise max_{what}"
                raise wrong_at(f"min_{what}", message)
        return self


class MotionSettings(Section):
    """Look less often while nothing moves."""

    enabled: bool = False
    """Whether motion decides how often the detector looks."""
    idle_fps: float = quantity(1.0, "frames a second", gt=0.0, le=240.0)
    """Rate while nothing moves. Frames a second."""


def _check_object_label(label: str) -> str:
    level = label.strip().lower().replace(" ", "_")
    if level in RESERVED:
        raise ValueError(f"{label!r} is reserved for edgedet's own topics; an object of this name cannot be counted")
    return label


class DetectSettings(Section):
    """What the detector does with this camera."""

    enabled: bool = True
    """Whether detection is on at first; `<camera>/detect/set` changes it and is remembered."""
    fps: float = quantity(5.0, "frames a second", gt=0.0, le=240.0)
    """At most so many frames a second are looked at; the newest wins."""
    min_score: Score = 0.5
    """Boxes below do not count, for every label. The tracker also uses weaker ones. A score in [0, 1]."""
    night_min_score: Score | None = None
    """In place of `min_score` while the picture is dark; null: as by day. A score in [0, 1]."""
    iou: float = quantity(0.7, "overlap", ge=0.0, le=1.0)
    """Of two boxes of one class that overlap more, only the better stays (NMS). Intersection over union, in [0, 1]."""
    labels: Labels = None
    """Classes that are looked for; null: every class of the model."""
    objects: dict[Annotated[Label, AfterValidator(_check_object_label)], ObjectSettings] = Field(
        default_factory=lambda: {"person": ObjectSettings()}
    )
    """Limits per label. Home Assistant entities are made for these."""
    motion: MotionSettings = MotionSettings()

    @model_validator(mode="after")
    def _objects_are_looked_for(self) -> DetectSettings:
        if self.labels is not None and "objects" in self.model_fields_set:
            for label in self.objects:
                if label not in self.labels:
                    raise wrong_at("objects", f"{label!r} is not among detect.labels; add it there or remove it here")
        return self


class PublishSettings(Section):
    """What of the single frames goes to MQTT. Events, counts and states always do."""

    detections: Literal["all", "nonempty", "off"] = "nonempty"
    """`all`: every processed frame; `nonempty`: those with objects, and the first without; `off`: none."""
    max_hz: float | None = quantity(None, "messages a second", gt=0.0, le=240.0)
    """At most so many detections messages a second; null: no limit."""


class ZoneSettings(Section):
    """An area that counts the objects in it and tells of their coming and going. It hides nothing."""

    polygon: PolygonPoints
    """Corners `[x, y]` in their order around the area, fractions of width and height, in [0, 1]."""
    labels: Labels = None
    """Classes that count here; null: all that are looked for."""
    dwell_s: float = quantity(0.0, "seconds", ge=0.0, le=86_400.0)
    """An object counts as inside after so many seconds in the area."""
    inertia_s: float = quantity(0.5, "seconds", ge=0.0, le=3600.0)
    """Coming and going must hold so many seconds before it is told: a box that trembles on the edge tells nothing."""
    loiter_s: float | None = quantity(None, "seconds", gt=0.0, le=86_400.0)
    """An object that stays for so many seconds is told to loiter, in an `update`; null: never."""
    anchor: Literal["bottom", "centre", "any"] = "bottom"
    """What of a box must lie in the area: the middle of its lower edge, its centre, or any part of it."""


class LineSettings(Section):
    """A line whose crossings are counted: `in` is from its left to its right, seen from `from` towards `to`."""

    start: Point = Field(alias="from")
    """Where the line begins: `[x, y]`, fractions of width and height, in [0, 1]."""
    end: Point = Field(alias="to")
    """Where the line ends: `[x, y]`, fractions of width and height, in [0, 1]."""
    labels: Labels = None
    """Classes that count here; null: all that are looked for."""

    @model_validator(mode="after")
    def _has_length(self) -> LineSettings:
        if self.start == self.end:
            raise wrong_at("to", "the line ends where it begins; give two different points")
        return self


class StationarySettings(Section):
    """When an object counts as standing."""

    after_s: float = quantity(10.0, "seconds", gt=0.0, le=86_400.0)
    """An object that has not moved for so many seconds is stationary and no longer active."""
    gone_after_s: float = quantity(10.0, "seconds", ge=0.0, le=86_400.0)
    """A stationary object that is lost from sight has ended after so many seconds, unless it is seen there again."""


class SnapshotSettings(Section):
    """A JPEG of the best view of every event, on MQTT and on disk."""

    enabled: bool = False
    """Whether pictures are made."""
    boxes: bool = True
    """Whether the object's box is drawn."""
    crop: bool = False
    """Whether only the object and a margin around it are kept."""
    max_files: int = quantity(1000, "files", ge=1, le=1_000_000)
    """At most so many files on disk; the oldest go first."""
    max_mb: float = quantity(200.0, "MB", gt=0.0, le=1_000_000.0)
    """At most so much on disk; the oldest go first. Megabytes."""
    max_age_d: float = quantity(14.0, "days", gt=0.0, le=3650.0)
    """Older files are removed. Days."""


class CameraSettings(Section):
    """One camera."""

    RESERVED: ClassVar[frozenset[str]] = frozenset({"regions", "record", "stream"})

    source: Source
    """Where the pictures come from; `type` names the driver."""
    detect: DetectSettings = DetectSettings()
    publish: PublishSettings = PublishSettings()
    zones: dict[Name, ZoneSettings] = Field(default_factory=dict)
    """Areas of interest, by name."""
    lines: dict[Name, LineSettings] = Field(default_factory=dict)
    """Counting lines, by name."""
    stationary: StationarySettings = StationarySettings()
    snapshots: SnapshotSettings = SnapshotSettings()
    masks: tuple[PolygonPoints, ...] = ()
    """Polygons that are black to the detector, the snapshots and the preview: nothing in them leaves the camera."""
