"""Each stage of the pipeline alone, on one core: what a frame costs where.

    python -m edgedet.bench.stages MODEL CLIP SECONDS

They run in one process, one after another, with the code that the workers run. Their sum is more than the time between
two frames, since in the pipeline they overlap; what it is good for is to see which of them is worth work.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edgedet.accelerators import Options
from edgedet.accelerators.cpu import open_accelerator
from edgedet.app.model import Model, open_model
from edgedet.bench.processes import failed, running
from edgedet.bench.round_trip import round_trips
from edgedet.cameras import video
from edgedet.clock import Clock
from edgedet.geometry import LETTERBOX_GREY, Letterbox
from edgedet.models import decoders
from edgedet.models.quantise import InputEncoder
from edgedet.outputs.encoding import encode_detections
from edgedet.outputs.jsonlines import json_line
from edgedet.types import Box, Detection, FrameResult, FrameStamp, Inference

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgedet.cameras import Shot

CANDIDATES = (0, 10, 100, 1000)
_LEAST_RUNS = 5
_OBJECTS = 5
_FIRST_RUNS = 3
"""What sets things up (scalers, tables, caches) happens in these, and they are left out."""


@dataclass(frozen=True, slots=True)
class Stage:
    """How long one stage takes, in microseconds."""

    name: str
    what: str
    """In words, for a reader who does not know the code."""
    p50_us: float
    p99_us: float
    runs: int


def measure(model: Path, clip: Path, seconds: float) -> Iterator[Stage]:
    """Every stage as it is done, each measured for about `seconds`, in a fresh process.

    Raises:
        WorkerError: that process failed.
    """
    argv = [sys.executable, "-m", "edgedet.bench.stages", str(model), str(clip), str(seconds)]
    with running(argv) as child:
        for line in child.stdout or ():
            yield Stage(**json.loads(line))
        if child.wait():
            raise failed(argv, child.returncode, child.stderr.read().decode(errors="replace") if child.stderr else "")


def main() -> None:
    """The process itself: a JSON line a stage."""
    model, clip, seconds = open_model(Path(sys.argv[1])), Path(sys.argv[2]), float(sys.argv[3])
    for stage in _stages(model, clip, seconds):
        sys.stdout.write(f"{json.dumps(asdict(stage))}\n")
        sys.stdout.flush()


def _stages(model: Model, clip: Path, seconds: float) -> Iterator[Stage]:
    view = np.full((model.layout.height, model.layout.width, 3), LETTERBOX_GREY, np.uint8)
    yield from _source(clip, view, seconds)
    accelerator = open_accelerator(Options(str(model.path)))
    encoder = InputEncoder.for_model(model.info, model.layout)
    what = "the picture into the input tensor, with the model's own scale"
    yield _timed("prepare", what, seconds, lambda: accelerator.load(lambda tensor: encoder.encode(view, tensor)))
    yield _timed("invoke", "the model itself, one thread", seconds, accelerator.invoke)
    tensors: list[NDArray[np.generic]] = [np.empty(output.shape, output.dtype) for output in accelerator.outputs]
    accelerator.read(tensors)
    decoder = decoders.build_decoder(model.layout, model.info.outputs)
    for wanted in CANDIDATES:
        limits, found = _limits_for(decoder, tensors, wanted)
        what = f"threshold and class-wise NMS with {found} candidates, of a real frame"
        yield _timed(f"decode {wanted}", what, seconds, partial(decoder.decode, tensors, limits))
    what = f"to a worker and back through its socket, with a copy of {view.nbytes / 1000:.0f} kB"
    yield _summed("round trip", what, round_trips(view.nbytes, seconds))
    result = _result()
    what = f"a line of `detect` with {_OBJECTS} objects"
    yield _timed("JSON line", what, seconds, lambda: json_line("clip.mp4", result))
    clock = Clock()
    what = f"a message with {_OBJECTS} objects"
    yield _timed("MQTT payload", what, seconds, lambda: encode_detections("device", clock.stamp(), "camera", result))


def _source(clip: Path, view: NDArray[np.uint8], seconds: float) -> Iterator[Stage]:
    """Decoding and scaling, frame by frame as a camera worker does them; leaves a frame in `view`."""
    reading: list[float] = []
    drawing: list[float] = []
    end = time.perf_counter() + 2 * seconds
    with video.open_camera(video.Settings(path=str(clip), loop=True)) as camera:
        shots: Iterator[Shot] = iter(camera.frames())
        while len(reading) < _FIRST_RUNS + _LEAST_RUNS or time.perf_counter() < end:
            begun = time.perf_counter()
            shot = next(shots)
            read = time.perf_counter()
            letterbox = Letterbox.fit(shot.width, shot.height, view.shape[1], view.shape[0])
            bottom, right = letterbox.top + letterbox.inner_height, letterbox.left + letterbox.inner_width
            shot.draw_detect(view[letterbox.top : bottom, letterbox.left : right])
            reading.append(read - begun)
            drawing.append(time.perf_counter() - read)
    yield _summed("read", f"one {shot.width}x{shot.height} frame out of the file, by FFmpeg on one thread", reading)
    size = f"{letterbox.inner_width}x{letterbox.inner_height}"
    yield _summed("scale", f"to {size} and to RGB, the planes resized first", drawing)


def _timed(name: str, what: str, seconds: float, work: Callable[[], object]) -> Stage:
    samples: list[float] = []
    end = time.perf_counter() + seconds
    while len(samples) < _FIRST_RUNS + _LEAST_RUNS or time.perf_counter() < end:
        begun = time.perf_counter()
        work()
        samples.append(time.perf_counter() - begun)
    return _summed(name, what, samples)


def _summed(name: str, what: str, samples: list[float]) -> Stage:
    steady = sorted(samples[_FIRST_RUNS:])
    p99 = steady[round(0.99 * (len(steady) - 1))]
    return Stage(name, what, 1e6 * statistics.median(steady), 1e6 * p99, len(steady))


def _limits_for(
    decoder: decoders.Decoder, tensors: list[NDArray[np.generic]], wanted: int
) -> tuple[decoders.Limits, int]:
    """A threshold at which about so many candidates reach the NMS, and how many do: the same for every layout."""
    low, high = 0.0, 1.0
    for _ in range(20):
        middle = (low + high) / 2
        if _candidates(decoder, tensors, middle) >= max(1, wanted):
            low = middle
        else:
            high = middle
    # For none: just above the best score. A threshold that no value of the tensor can reach needs no search at all.
    chosen = low if wanted else high
    return decoders.Limits(min_score=chosen), _candidates(decoder, tensors, chosen)


def _candidates(decoder: decoders.Decoder, tensors: list[NDArray[np.generic]], min_score: float) -> int:
    everything = decoders.Limits(min_score, 1.0, decoders.base.MAX_CANDIDATES)
    return len(decoder.decode(tensors, everything))


def _result() -> FrameResult:
    found = tuple(
        Detection("person", 0, 0.9 - 0.1 * number, Box(0.1 * number, 0.2, 0.1 * number + 0.08, 0.4))
        for number in range(_OBJECTS)
    )
    stamp = FrameStamp(100, time.monotonic_ns(), 3.3333, 640, 480)
    return FrameResult(stamp, Inference("cpu", 0.1, 4.0, 0.1), found)


if __name__ == "__main__":
    main()
