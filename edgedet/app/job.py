"""From what a user asks of `edgedet detect` to a job."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from edgedet.app.model import Model, usable_cores
from edgedet.app.objects import WEAKEST_SCORE
from edgedet.app.once import Job
from edgedet.app.preference import EdgeTpuAccess, Files, files_for
from edgedet.app.sources import NamedSource
from edgedet.events.filters import Filters
from edgedet.events.rules import EventRules
from edgedet.settings.model_choice import BUNDLED_MODEL
from edgedet.workers.detector import DetectorSpec
from edgedet.workers.protocol import Limits, bitmap_of

DEFAULT_MIN_SCORE = 0.25
DEFAULT_IOU = 0.7
EVENT_MIN_SCORE = 0.5
"""As a camera's default: what is told as an event should be sure, where a box may be a guess."""


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
    accelerator: str = "auto"
    """`auto`, `cpu` or `edgetpu`."""
    edgetpu: EdgeTpuAccess = field(default_factory=EdgeTpuAccess)
    events: bool = False
    """Whether events are told, for which the tracker needs weaker boxes than those that count."""
    compiled: Path | None = None
    """The Edge TPU's file of `model`; None: the one beside it, if there is one."""

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
    files = files_for(wishes.model or BUNDLED_MODEL, wishes.label_file, wishes.accelerator, wishes.compiled)
    model = files.model
    limits = Limits(
        DEFAULT_MIN_SCORE if wishes.min_score is None else wishes.min_score,
        DEFAULT_IOU if wishes.iou is None else wishes.iou,
        wishes.max_detections,
        wanted_bitmap(model, wishes.labels),
    )
    job = Job(sources, model, limits, _detectors(files, wishes), wishes.full_view)
    if not wishes.events:
        return job
    told_from = EVENT_MIN_SCORE if wishes.min_score is None else wishes.min_score
    return replace(
        job,
        limits=replace(limits, min_score=min(WEAKEST_SCORE, limits.min_score)),
        filters=Filters(limits.min_score),
        rules=EventRules(Filters(told_from)),
    )


def _detectors(files: Files, wishes: Wishes) -> tuple[DetectorSpec, ...]:
    """The workers in order of preference."""
    specs = []
    if files.edgetpu is not None:
        twin = files.cpu.path if files.cpu else None
        specs.append(wishes.edgetpu.spec(files.edgetpu.path, files.edgetpu.view, twin))
    if files.cpu is not None:
        cpu = files.cpu
        specs.append(DetectorSpec(cpu.path, cpu.view, threads=wishes.threads, instances=wishes.side_by_side))
    return tuple(specs)


def wanted_bitmap(model: Model, labels: tuple[str, ...] | None) -> bytes:
    """The labels as the detector is told them; none given: every class."""
    return bitmap_of(model.classes_of(labels)) if labels else b""
