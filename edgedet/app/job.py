"""From what a user asks of `edgedet detect` to a job."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgedet.app.model import BUNDLED_MODEL, Model, open_model, usable_cores
from edgedet.app.once import Job
from edgedet.app.sources import NamedSource
from edgedet.workers.protocol import Limits, bitmap_of

DEFAULT_MIN_SCORE = 0.25
DEFAULT_IOU = 0.7


@dataclass(frozen=True, slots=True)
class Wishes:
    """Options as given; None: not given."""

    model: Path | None
    label_file: Path | None
    labels: tuple[str, ...] | None
    min_score: float | None
    iou: float | None
    max_detections: int
    threads: int
    instances: int | None
    full_view: bool

    @property
    def side_by_side(self) -> int:
        """Interpreters: as many as fit on the cores."""
        return self.instances or max(1, usable_cores() // self.threads)


def job_of(sources: tuple[NamedSource, ...], wishes: Wishes) -> Job:
    """A job without a configuration.

    Raises:
        ModelError: the model is none, or not for this machine.
        UsageError: a label that the model does not know.
    """
    model = open_model(wishes.model or BUNDLED_MODEL, wishes.label_file)
    limits = Limits(
        DEFAULT_MIN_SCORE if wishes.min_score is None else wishes.min_score,
        DEFAULT_IOU if wishes.iou is None else wishes.iou,
        wishes.max_detections,
        wanted_bitmap(model, wishes.labels),
    )
    return Job(sources, model, limits, wishes.threads, wishes.side_by_side, wishes.full_view)


def wanted_bitmap(model: Model, labels: tuple[str, ...] | None) -> bytes:
    """The labels as the detector is told them; none given: every class."""
    return bitmap_of(model.classes_of(labels)) if labels else b""
