"""Post-processing of a (1, 84, 8400) int8 output: ours beside Ultralytics' own, interleaved in one process.

    .venv-bench/bin/python tests/bench/bench_postprocess.py [--rounds N]

Without Ultralytics (AGPL-3.0, an environment of its own) it tells ours alone. Each figure is the median over rounds of
the best of a few runs, and a ratio is taken within each round, so that a busy moment hits both sides.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from figures import Figure, conditions, table

from edgedet.models.decoders import Limits, build_decoder
from edgedet.models.graph import TensorInfo
from edgedet.models.kinds import Kind, Layout

ANCHORS, CLASSES, SIZE = 8400, 80, 640
SCALE, ZERO_POINT = 0.0053, -128
RUNS = 5
SCENES = {
    "nothing above the threshold": (0, True, 20.0),
    "10 candidates, crowded": (10, True, None),
    "100 candidates, crowded": (100, True, 3.5),
    "1,000 candidates, scattered": (1000, False, None),
}


def scene(candidates: int, *, crowded: bool) -> np.ndarray:
    """An output with so many candidates: around twelve objects as neighbouring anchors see them, or anywhere."""
    rng = np.random.default_rng(0)
    values = np.empty((4 + CLASSES, ANCHORS), np.float32)
    values[:2] = rng.random((2, ANCHORS))
    values[2:4] = rng.uniform(0.02, 0.22, (2, ANCHORS))
    values[4:] = rng.uniform(0, 0.05, (CLASSES, ANCHORS))
    places = rng.choice(ANCHORS, candidates, replace=False)
    class_ids = rng.integers(0, CLASSES, candidates)
    if crowded:
        objects = rng.random((12, 4))
        which = rng.integers(0, 12, candidates)
        values[:2, places] = objects[which, :2].T + rng.normal(0, 0.01, (2, candidates))
        values[2:4, places] = 0.1 + 0.2 * objects[which, 2:].T
        class_ids = which % 4
    values[4 + class_ids, places] = rng.uniform(0.3, 0.9, candidates)
    return np.clip(np.rint(values / SCALE) + ZERO_POINT, -128, 127).astype(np.int8)[None]


def ours() -> Callable[[np.ndarray], int]:
    layout = Layout(Kind.DENSE, CLASSES, ANCHORS, SIZE, SIZE, channels_first=True)
    tensor = TensorInfo("output", (1, 4 + CLASSES, ANCHORS), "int8", SCALE, ZERO_POINT)
    decoder = build_decoder(layout, [tensor])
    limits = Limits(0.25, 0.7, 300)
    return lambda output: len(decoder.decode([output], limits))


def theirs() -> Callable[[np.ndarray], int] | None:
    """What Ultralytics does between a TFLite model's output and its results: AutoBackend, then non_max_suppression."""
    try:
        import torch
        import torchvision_stand_in

        torchvision_stand_in.use_if_needed()
        from ultralytics.utils.nms import non_max_suppression
    except ImportError:
        return None
    torch.set_num_threads(1)

    def run(output: np.ndarray) -> int:
        real = (output.astype(np.float32) - ZERO_POINT) * SCALE
        real[:, [0, 2]] *= SIZE
        real[:, [1, 3]] *= SIZE
        return len(non_max_suppression(torch.from_numpy(real), 0.25, 0.7, max_det=300)[0])

    return run


def best(function: Callable[[np.ndarray], int], output: np.ndarray) -> float:
    """Microseconds of the best of some runs."""
    taken = []
    for _ in range(RUNS):
        begun = time.perf_counter_ns()
        function(output)
        taken.append(time.perf_counter_ns() - begun)
    return min(taken) / 1000


def measure(rounds: int) -> list[Figure]:
    our, their = ours(), theirs()
    figures = []
    for name, (candidates, crowded, target) in SCENES.items():
        output = scene(candidates, crowded=crowded)
        pairs = [(best(our, output), best(their, output) if their else 0.0) for _ in range(rounds)]
        figures.append(Figure(name, statistics.median(pair[0] for pair in pairs), "us", note=f"{our(output)} kept"))
        if their:
            told = f"theirs {statistics.median(pair[1] for pair in pairs):.0f} us, {their(output)} kept"
            ratio = statistics.median(pair[1] / pair[0] for pair in pairs)
            figures.append(Figure("  times as fast as Ultralytics", ratio, target=target, note=told))
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=200)
    arguments = parser.parse_args()
    print(conditions())
    print(table(measure(arguments.rounds)))
