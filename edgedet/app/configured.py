"""A job with model, thresholds and masks of a configured camera: a recording is looked at as that camera would."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from edgedet.app import composition
from edgedet.app.event_rules import event_rules
from edgedet.app.job import Wishes, job_of, wanted_bitmap
from edgedet.app.objects import WEAKEST_SCORE
from edgedet.app.once import Job
from edgedet.app.overrides import Override
from edgedet.app.sources import NamedSource
from edgedet.errors import ModelMissing, UsageError
from edgedet.settings import CameraSettings, Loaded, load_settings, state_dir


def configured_job(sources: tuple[NamedSource, ...], wishes: Wishes, config: Path, camera: str | None) -> Job:
    """The job; what was asked for on the command line goes before the configuration.

    Raises:
        ConfigError: the configuration is wrong.
        ModelError: its model cannot be used.
        UsageError: it has no such camera, or several and none is named.
    """
    loaded = load_settings(config)
    settings = _camera_of(loaded, config, camera)
    if wishes.model is None:
        choice = loaded.resolve_model(state_dir(loaded.settings))
        if choice is None:
            raise ModelMissing(f"{config} names no model, and none is installed", hint="Add -m MODEL.")
        wishes = replace(wishes, model=choice.cpu or choice.files[0], label_file=wishes.label_file or choice.labels)
        wishes = replace(wishes, compiled=choice.edgetpu if choice.cpu else None)
    detector = loaded.settings.detector
    if wishes.accelerator == "auto" and "edgetpu" not in detector.accelerators:
        wishes = replace(wishes, accelerator="cpu")
    job = job_of(sources, replace(wishes, edgetpu=composition.edgetpu_access(detector)))
    model = job.model
    order = composition.watch_order(settings, Override(), model)
    limits = replace(order.limits, max_detections=wishes.max_detections)
    if wishes.iou is not None:
        limits = replace(limits, iou=wishes.iou)
    if wishes.labels is not None:
        limits = replace(limits, class_bitmap=wanted_bitmap(model, wishes.labels))
    rules = event_rules(settings)
    if wishes.min_score is not None:
        rules = replace(rules, filters=rules.filters.from_score(wishes.min_score))
    # Weaker boxes than those that count are for the tracker only.
    weakest = rules.filters.weakest
    limits = replace(limits, min_score=min(WEAKEST_SCORE, weakest) if wishes.events else weakest)
    return replace(
        job,
        limits=limits,
        filters=rules.filters,
        masks=composition.masks_of(settings),
        rules=rules if wishes.events else None,
        # Of boxes every frame is asked for; events are those that the camera would tell.
        idle_fps=composition.idle_fps_of(settings) if wishes.events else None,
    )


def _camera_of(loaded: Loaded, config: Path, camera: str | None) -> CameraSettings:
    cameras = loaded.settings.cameras
    names = ", ".join(cameras)
    if camera is None:
        if len(cameras) > 1:
            raise UsageError(f"{config} has several cameras: {names}", hint="Say which one with --camera NAME.")
        return next(iter(cameras.values()))
    if camera not in cameras:
        raise UsageError(f"{config} has no camera {camera!r}", hint=f"It has: {names}.")
    return cameras[camera]
