"""`edgedet detect`: the pipeline over given sources, once, every frame, in order."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from edgedet.app.model import Model
from edgedet.app.sources import NamedSource
from edgedet.channel import Latest
from edgedet.errors import AcceleratorError, EdgedetError, ModelUnsuited, SourceError, SourceLost
from edgedet.events.filters import Filters
from edgedet.events.rules import EventRules
from edgedet.pipeline import Seen, capture, every_frame, newest_frames
from edgedet.stage_times import Samples
from edgedet.workers.camera import CameraSpec, CameraWorker, Opened
from edgedet.workers.detector import DetectorSpec
from edgedet.workers.frame import Frame
from edgedet.workers.gate import Gate
from edgedet.workers.protocol import Limits
from edgedet.workers.supervisor import Detector

if TYPE_CHECKING:
    from edgedet.app.replay import Replay

Masks = tuple[tuple[tuple[float, float], ...], ...]

_DETECTOR_ATTEMPTS = 3
"""Workers lost in a row, without an answer between, after which a job has failed."""
_SPARE_SLOTS = 3
"""Camera slots beyond the frames under way: one being drawn, one on its way, one being written out."""
_FILE_STALL_S = 30.0
"""A file system may pause (a disk that spins up, a network share) longer than a camera."""


class Sink(Protocol):
    """Where looked-at frames go."""

    async def write(self, source: NamedSource, seen: Seen) -> None:
        """Take one frame. The frame's pixels are only valid until this returns."""


@dataclass(frozen=True, slots=True)
class Job:
    """What to look at, and how."""

    sources: tuple[NamedSource, ...]
    model: Model
    limits: Limits
    detectors: tuple[DetectorSpec, ...]
    """One worker, or the Edge TPU's and the CPU's, which goes on where the first fails."""
    full_view: bool
    """Whether a sink needs the full picture."""
    filters: Filters | None = None
    """What a camera of a configuration counts beyond the limits; None: everything within them."""
    masks: Masks = ()
    """Polygons that are black to the detector and in what is saved and shown."""
    rules: EventRules | None = None
    """What is told of objects, where events are asked for."""
    idle_fps: float | None = None
    """Frames a second that are looked at while nothing moves and nothing is followed; None: every frame is."""
    most_frames: int | None = None
    """How many frames of each source are looked at, at least 1; None: all that it has."""


@dataclass(slots=True)
class Tally:
    """What a run came to; filled while it runs."""

    frames: int = 0
    invalid_frames: int = 0
    """Frames in which the model answered with values that are no numbers."""
    begun: float | None = None
    """time.perf_counter() when the first frame was handed to the detector that was ready for it."""
    ended: float = 0.0
    broken: list[SourceLost] = field(default_factory=list)
    """Sources that broke off after their first frame."""
    failed: list[SourceError] = field(default_factory=list)
    """Sources that gave no frame at all."""
    stages: dict[str, Samples] = field(
        default_factory=lambda: {name: Samples() for name in ("prepare", "invoke", "decode", "latency")}
    )

    @property
    def seconds(self) -> float:
        """From the first frame handed over to the last answer; start-up is not in it."""
        return 0.0 if self.begun is None else max(0.0, self.ended - self.begun)

    def note(self, seen: Seen) -> None:
        """Count a frame."""
        self.frames += 1
        self.ended = time.perf_counter()
        inference = seen.result.inference
        self.stages["prepare"].add(inference.prepare_ms)
        self.stages["invoke"].add(inference.invoke_ms)
        self.stages["decode"].add(inference.decode_ms)
        self.stages["latency"].add((time.monotonic_ns() - seen.result.stamp.captured_ns) / 1e6)
        if seen.invalid:
            self.invalid_frames += 1


class Once:
    """A job, run."""

    def __init__(
        self,
        job: Job,
        sinks: Sequence[Sink],
        on_note: Callable[[str], None],
        on_failure: Callable[[SourceError], None],
        on_opened: Callable[[NamedSource, Opened], None] = lambda _source, _opened: None,
        replay: Replay | None = None,
    ) -> None:
        """`replay` gets every frame with all its boxes, also those that do not count for the `sinks`."""
        self.job = job
        self._replay = replay
        self._sinks = sinks
        self._on_note = on_note
        self._on_failure = on_failure
        self._on_opened = on_opened
        self.tally = Tally()

    async def run(self) -> None:
        """Look at every source in turn. One that gives nothing is noted in the tally and does not keep the others.

        Raises:
            ModelError: the model does not run.
            WorkerLost: the detector worker died again and again.
            AcceleratorError: the same of an Edge TPU's, where there is no file for the CPU.
        """
        job = self.job
        first, *others = job.detectors
        detector = Detector(
            first, attempts=_DETECTOR_ATTEMPTS, instead=others[0] if others else None, on_instead=self._go_on_with_cpu
        )
        keeper = asyncio.get_running_loop().create_task(detector.run(), name="detector")
        try:
            for source in job.sources:
                await self._look_at(source, detector)
        except AcceleratorError as error:
            if self.tally.frames:
                raise
            raise ModelUnsuited(
                f"{first.model}: compiled for the Edge TPU, does not run on the CPU; {error.message}",
                hint=f"{error.hint} Or use the file that it was compiled from.",
            ) from error
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)

    def _go_on_with_cpu(self, error: EdgedetError) -> None:
        self._on_note(f"{error.message}; the CPU runs {self.job.model.path.name} instead")

    async def _look_at(self, source: NamedSource, detector: Detector) -> None:
        job = self.job
        depth = detector.slots
        spec = CameraSpec(
            source.given,
            source.source,
            job.model.view,
            slots=depth + _SPARE_SLOTS,
            full_view=job.full_view,
            stall_s=_FILE_STALL_S,
            open_deadline_s=_FILE_STALL_S,
            masks=job.masks,
            idle_fps=job.idle_fps,
        )
        gate = None if job.idle_fps is None else Gate(job.idle_fps)
        try:
            async with AsyncExitStack() as stack:
                camera = await stack.enter_async_context(CameraWorker(spec, self._on_note))
                opened = await camera.opened()
                self._on_opened(source, opened)
                stream = self._seen(camera, opened, detector, depth, gate)
                stack.push_async_callback(stream.aclose)
                frames = 0
                async for looked_at in stream:
                    self.tally.note(looked_at)
                    if self._replay is not None:
                        await self._replay.write(source, looked_at)
                        if gate is not None:
                            gate.attending = self._replay.stirring
                            camera.attend(following=gate.attending)
                    seen = self._filtered(looked_at)
                    for sink in self._sinks:
                        await sink.write(source, seen)
                    seen.frame.release()
                    frames += 1
                    if frames == job.most_frames:
                        break
        except SourceLost as error:
            self.tally.broken.append(error)
            self._on_note(str(error))
        except SourceError as error:
            self.tally.failed.append(error)
            self._on_failure(error)
        finally:
            if self._replay is not None:
                await self._replay.ended(source)

    def _filtered(self, seen: Seen) -> Seen:
        if self.job.filters is None:
            return seen
        return replace(seen, result=replace(seen.result, detections=self.job.filters.accepted(seen.result)))

    def _seen(
        self, camera: CameraWorker, opened: Opened, detector: Detector, depth: int, gate: Gate | None
    ) -> AsyncGenerator[Seen]:
        limits, labels = self.job.limits, self.job.model.labels
        frames = self._timed(camera.frames(), detector)
        if opened.live:
            return self._newest(frames, detector, depth)
        return every_frame(frames, detector, lambda: limits, labels, depth, gate)

    async def _timed(self, frames: AsyncIterator[Frame], detector: Detector) -> AsyncIterator[Frame]:
        """Start the clock when the first frame is there and the detector is ready for it."""
        async for frame in frames:
            if self.tally.begun is None:
                await detector.ready()
                self.tally.begun = time.perf_counter()
            yield frame

    async def _newest(self, frames: AsyncIterator[Frame], detector: Detector, depth: int) -> AsyncGenerator[Seen]:
        newest: Latest[Frame] = Latest("newest")
        reader = asyncio.get_running_loop().create_task(capture(frames, newest), name="capture")
        try:
            limits, labels = self.job.limits, self.job.model.labels
            async for seen in newest_frames(newest, detector, lambda: limits, labels, depth):
                yield seen
            await reader
        finally:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)
