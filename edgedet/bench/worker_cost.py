"""What it costs that a model runs in a worker and not in the process that asks: the same frame, both ways in turn.

    python -m edgedet.bench.worker_cost MODEL SECONDS

Both ways begin with a picture in memory and end with its boxes, by the same code; what the worker adds is a copy into
shared memory, a message there and one back, two changes of process, and the event loop.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from edgedet.accelerators import Options
from edgedet.accelerators.cpu import open_accelerator
from edgedet.app.model import Model, open_model
from edgedet.bench.processes import failed, run
from edgedet.errors import EdgedetError
from edgedet.geometry import LETTERBOX_GREY, Letterbox
from edgedet.models import decoders
from edgedet.models.quantise import InputEncoder
from edgedet.types import FrameStamp
from edgedet.workers import protocol
from edgedet.workers.detector import DetectorSpec, DetectorWorker
from edgedet.workers.turns import Share

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MIN_SCORE, _IOU, _MAX_DETECTIONS = 0.25, 0.7, 300
_FIRST_PAIRS = 10
"""What sets things up (pages, caches, the branch predictor) happens in these, and they are left out."""
_LEAST_PAIRS = 20


@dataclass(frozen=True, slots=True)
class Spread:
    """Of one way to an answer, microseconds a frame."""

    p50_us: float
    p99_us: float

    @classmethod
    def of(cls, seconds: list[float]) -> Self:
        """Median and 99th percentile of times in seconds."""
        ordered = sorted(seconds)
        return cls(1e6 * statistics.median(ordered), 1e6 * ordered[round(0.99 * (len(ordered) - 1))])


@dataclass(frozen=True, slots=True)
class WorkerCost:
    """Both ways, measured in turn."""

    frames: int
    """That went each way."""
    in_process: Spread
    in_worker: Spread

    @property
    def added(self) -> Spread:
        """By how much the worker's median, and its 99th percentile, are above those of the process itself."""
        return Spread(self.in_worker.p50_us - self.in_process.p50_us, self.in_worker.p99_us - self.in_process.p99_us)

    def body(self) -> dict[str, object]:
        """For a program."""
        return {**asdict(self), "added": asdict(self.added)}


def measure(model: Path, seconds: float) -> WorkerCost:
    """In a fresh process, for about `seconds`.

    Raises:
        WorkerError: that process failed.
    """
    argv = [sys.executable, "-m", "edgedet.bench.worker_cost", str(model), str(seconds)]
    try:
        found = json.loads(run(argv).stdout)
    except json.JSONDecodeError as error:
        raise failed(argv, 0, str(error)) from error
    return WorkerCost(found["frames"], Spread(**found["in_process"]), Spread(**found["in_worker"]))


def main() -> None:
    """The process itself: one JSON line."""
    cost = asyncio.run(_measure(open_model(Path(sys.argv[1])), float(sys.argv[2])))
    sys.stdout.write(f"{json.dumps(asdict(cost))}\n")


async def _measure(model: Model, seconds: float) -> WorkerCost:
    picture = np.full((model.layout.height, model.layout.width, 3), LETTERBOX_GREY, np.uint8)
    ask_here = _in_process(model, picture)
    flat = memoryview(picture.tobytes())
    stamp = FrameStamp(0, 0, 0.0, model.layout.width, model.layout.height)
    limits = protocol.Limits(_MIN_SCORE, _IOU, _MAX_DETECTIONS)
    share = Share()
    here: list[float] = []
    there: list[float] = []
    async with DetectorWorker(DetectorSpec(model.path, model.view), _ignore) as worker:
        end = time.perf_counter() + seconds
        while len(here) < _FIRST_PAIRS + _LEAST_PAIRS or time.perf_counter() < end:
            begun = time.perf_counter()
            ask_here()
            middle = time.perf_counter()
            await worker.turn(share)
            await worker.submit(flat, stamp, limits)
            there.append(time.perf_counter() - middle)
            here.append(middle - begun)
    return WorkerCost(len(here) - _FIRST_PAIRS, Spread.of(here[_FIRST_PAIRS:]), Spread.of(there[_FIRST_PAIRS:]))


def _in_process(model: Model, picture: NDArray[np.uint8]) -> Callable[[], None]:
    """What a worker does with a frame, done here."""
    accelerator = open_accelerator(Options(str(model.path)))
    encoder = InputEncoder.for_model(model.info, model.layout)
    decoder = decoders.build_decoder(model.layout, model.info.outputs)
    tensors: list[NDArray[np.generic]] = [np.empty(output.shape, output.dtype) for output in accelerator.outputs]
    limits = decoders.Limits(_MIN_SCORE, _IOU, _MAX_DETECTIONS)
    letterbox = Letterbox.fit(model.layout.width, model.layout.height, model.layout.width, model.layout.height)
    fill = partial(encoder.encode, picture)

    def ask() -> None:
        accelerator.load(fill)
        accelerator.invoke()
        accelerator.read(tensors)
        found = decoder.decode(tensors, limits)
        if len(found):
            decoders.in_frame(found, letterbox)

    return ask


def _ignore(_error: EdgedetError) -> None:
    """A lost worker is told to who waits for its answer."""


if __name__ == "__main__":
    main()
