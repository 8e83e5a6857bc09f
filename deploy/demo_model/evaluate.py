"""mAP50 of an exported model through edgedet's own pipeline, on scenes that training never saw."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

from edgedet.cameras._scene.scene import LABELS, FigurePool, Scene, Seen, Style, is_countable
from edgedet.geometry import intersection_over_union
from edgedet.types import Box

EVALUATION_SEEDS = 50_000_000
"""Training uses seeds from one million on; these are far from them."""

Found = list[tuple[str, float, Box]]


def pictures(folder: Path, count: int, pool: FigurePool) -> list[tuple[Path, tuple[Seen, ...], tuple[int, int]]]:
    """Render that many pictures, each of a scene of its own, with their truth."""
    made = []
    for i in range(count):
        size = ((640, 480), (640, 360), (480, 480))[i % 3]
        scene = Scene(EVALUATION_SEEDS + i, size, Style(figures=pool, objects=(5, 9)))
        moment = 10.0 + 7.3 * i
        path = folder / f"{i:04d}.png"
        Image.fromarray(scene.render(moment)).save(path)
        made.append((path, scene.truth(moment), size))
    return made


def detect(folder: Path, model: Path) -> dict[str, Found]:
    """What `edgedet detect` finds, by the picture's file name."""
    command = [sys.executable, "-m", "edgedet", "detect", str(folder), "-m", str(model), "--min-score", "0.01",
               "--format", "jsonl"]  # fmt: skip
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = {}
    for line in output.splitlines():
        row = json.loads(line)
        found[Path(row["source"]).name] = [(d["label"], d["score"], Box(*d["box"])) for d in row["detections"]]
    return found


def average_precision(
    label: str, truth: dict[str, tuple[list[Box], list[Box]]], found: dict[str, Found], least_overlap: float
) -> float:
    """Area under the interpolated precision-recall curve, 101 points as COCO has it.

    `truth` holds, for each picture, the boxes to find and those that do not count either way.
    """
    total = sum(len(boxes) for boxes, _ in truth.values())
    rows = sorted(((s, name, box) for name, some in found.items() for at, s, box in some if at == label),
                  key=lambda row: -row[0])  # fmt: skip
    taken: set[tuple[str, int]] = set()
    right, wrong = 0, 0
    curve: list[tuple[float, float]] = []
    for _, name, box in rows:
        wanted, neutral = truth[name]
        free = [(intersection_over_union(box, b), i) for i, b in enumerate(wanted) if (name, i) not in taken]
        best, index = max(free, default=(0.0, -1))
        if best >= least_overlap:
            taken.add((name, index))
            right += 1
        elif any(intersection_over_union(box, b) >= least_overlap for b in neutral):
            continue
        else:
            wrong += 1
        curve.append((right / max(1, total), right / (right + wrong)))
    return sum(max((p for r, p in curve if r >= i / 100), default=0.0) for i in range(101)) / 101


def score(model: Path, count: int, pool: FigurePool, least_overlap: float = 0.5) -> dict[str, float]:
    """Average precision of each label, and `mean`."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = pictures(folder, count, pool)
        found = detect(folder, model)
    results = {}
    for label in LABELS:
        truth = {}
        for path, seen, size in made:
            mine = [(s.box, is_countable(s, size)) for s in seen if s.label == label]
            truth[path.name] = ([b for b, counts in mine if counts], [b for b, counts in mine if not counts])
        results[label] = average_precision(label, truth, found, least_overlap)
    results["mean"] = sum(results.values()) / len(results)
    return results


def main() -> None:
    """Evaluate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--pictures", type=int, default=300)
    parser.add_argument("--pool", choices=[p.value for p in FigurePool], default=FigurePool.UNSEEN.value)
    parser.add_argument("--overlap", type=float, default=0.5, help="least IoU of a find")
    options = parser.parse_args()
    results = score(options.model, options.pictures, FigurePool(options.pool), options.overlap)
    print(f"{options.model.name}, {options.pool}, IoU {options.overlap}: "
          + ", ".join(f"{label} {value:.3f}" for label, value in results.items()))  # fmt: skip


if __name__ == "__main__":
    main()
