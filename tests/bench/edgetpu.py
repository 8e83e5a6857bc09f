"""What a worker adds to inference in one process, and how much of an Edge TPU's time the pipeline uses.

The Edge TPU is the software one of the tests: each run takes ten milliseconds in which nothing computes, as with a
real one, and its answers are those of a picture with people, so that decoding costs what it costs. Its limit is
measured too: a loop of load, invoke and read in one process.
"""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from figures import Figure

from edgedet.bench import clips, worker_cost

TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS))

from software_edgetpu.compiled import compiled_from  # noqa: E402 - of the tests, which are no package of ours
from software_edgetpu.library import SoftwareEdgeTpu, build, compiler  # noqa: E402

_INVOKE_MS = 10
_MOST_FPS = 1000 / _INVOKE_MS
_SUMMARY = re.compile(r"^(\d+) frames in ([\d.]+) s", re.MULTILINE)
_LIMIT = """
import sys, time
import numpy as np
from edgedet.accelerators import Options
from edgedet.accelerators.edgetpu import open_accelerator
accelerator = open_accelerator(Options(sys.argv[1], library=sys.argv[2], device="usb:0"))
tensors = [np.empty(output.shape, output.dtype) for output in accelerator.outputs]
frames, begun = 0, time.perf_counter()
while time.perf_counter() - begun < float(sys.argv[3]):
    accelerator.load(lambda tensor: tensor.fill(0))
    accelerator.invoke()
    accelerator.read(tensors)
    frames += 1
print(frames / (time.perf_counter() - begun))
"""


def worker(model: Path, rounds: int, seconds: float) -> Iterator[Figure]:
    """The cost of a worker, as `edgedet bench` tells it: the median of some rounds."""
    costs = [worker_cost.measure(model, seconds) for _ in range(rounds)]
    added = [cost.added for cost in costs]
    spread = ", ".join(f"{each.p50_us / 1000:.2f}" for each in added)
    yield Figure(
        "320 int8: a worker adds to a frame, p50",
        _median(each.p50_us / 1000 for each in added),
        "ms",
        "<=",
        0.5,
        spread,
    )
    spread = ", ".join(f"{each.p99_us / 1000:.2f}" for each in added)
    yield Figure("320 int8: the same, p99", _median(each.p99_us / 1000 for each in added), "ms", "<=", 1.5, spread)


@dataclass(frozen=True)
class Bench:
    """A folder with a compiled model, a library beside it and a clip that is long enough."""

    folder: Path
    tpu: SoftwareEdgeTpu
    model: Path
    clip: Path

    def limit(self, seconds: float) -> float:
        argv = [sys.executable, "-c", _LIMIT, str(self.model), str(self.tpu.library), str(seconds)]
        return float(subprocess.run(argv, check=True, capture_output=True, text=True).stdout)

    def pipeline(self, devices: int) -> float:
        """`edgedet detect` on that many devices, frames a second from its own summary."""
        names = ", ".join(f"usb:{number}" for number in range(devices))
        config = self.folder / "bench.yaml"
        config.write_text(
            f"version: 1\ndetector: {{edgetpu: {{library: {self.tpu.library}, devices: [{names}]}}}}\n"
            "cameras: {bench: {source: {type: synthetic}}}\n"
        )
        argv = [sys.executable, "-m", "edgedet", "detect", str(self.clip), "-c", str(config), "-m", str(self.model)]
        argv += ["--accelerator", "edgetpu", "--format", "jsonl", "-o", str(self.folder / "found.jsonl")]
        done = subprocess.run(argv, check=True, capture_output=True, text=True)
        summary = _SUMMARY.search(done.stderr)
        if summary is None:
            raise SystemExit(f"edgedet detect gave no summary: {done.stderr}")
        return int(summary[1]) / float(summary[2])


def pipeline(model: Path, clip: Path, folder: Path, rounds: int, seconds: float) -> Iterator[Figure]:
    """The pipeline on one and on two software Edge TPUs, in rounds that alternate with the limit."""
    found = compiler()
    if found is None:
        print("no C compiler: the software Edge TPU is left out", file=sys.stderr)
        return
    bench = _prepared(found, model, clip, folder, seconds)
    limits, ones, twos = [], [], []
    for number in range(rounds):
        limits.append(bench.limit(seconds))
        ones.append(bench.pipeline(1))
        twos.append(bench.pipeline(2))
        said = f"limit {limits[-1]:.1f}, one {ones[-1]:.1f}, two {twos[-1]:.1f} fps"
        print(f"  software Edge TPU, round {number + 1}: {said}", file=sys.stderr, flush=True)
    shares = [one / limit for one, limit in zip(ones, limits, strict=True)]
    note = (
        f"{_median(ones):.1f} fps; {_median(shares):.3f} of a loop of load, invoke and read ({_median(limits):.1f} fps)"
    )
    yield Figure(
        f"Edge TPU at {_INVOKE_MS} ms: detect to {_MOST_FPS:.0f} fps", _median(ones) / _MOST_FPS, "", ">=", 0.97, note
    )
    ratios = [two / one for one, two in zip(ones, twos, strict=True)]
    yield Figure("two Edge TPUs to one", _median(ratios), "", ">=", 1.9, f"{_median(twos):.1f} fps")


def _prepared(found: str, model: Path, clip: Path, folder: Path, seconds: float) -> Bench:
    from ai_edge_litert.interpreter import Interpreter
    from PIL import Image

    tpu = SoftwareEdgeTpu(build(folder, found), folder)
    # Alone in its folder: with its twin beside it, it would be asked to answer as that does on another picture.
    compiled = compiled_from(model, folder / "bench_edgetpu.tflite")
    interpreter = Interpreter(model_path=str(model))
    interpreter.allocate_tensors()
    (detail,) = interpreter.get_input_details()
    height, width = detail["shape"][1:3]
    picture = Image.open(model.parents[1] / "images" / "bus.jpg").resize((width, height))
    scale, zero = detail["quantization"]
    pixels = np.asarray(picture, np.float32)[None] / 255 / scale + zero
    interpreter.set_tensor(detail["index"], np.rint(pixels).clip(-128, 127).astype(np.int8))
    interpreter.invoke()
    answers = [interpreter.get_tensor(each["index"]).tobytes() for each in interpreter.get_output_details()]
    (folder / "canned").write_bytes(b"".join(answers))
    tpu.plug_in("usb:0", "usb:1")
    tpu.script(invoke_ms=_INVOKE_MS, canned=folder / "canned")
    long = clips.repeat(clip, folder / "edgetpu.mkv", max(200, round(2 * seconds * _MOST_FPS)))
    return Bench(folder, tpu, compiled, long.path)


def _median(values: Iterator[float] | list[float]) -> float:
    return statistics.median(list(values))
