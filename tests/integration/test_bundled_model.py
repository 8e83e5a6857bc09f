"""The bundled model finds what it was made to find, through `edgedet detect`, in scenes that its training never saw."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

import edgedet
from edgedet.cameras._scene.scene import LABELS, Scene, Seen, is_countable
from edgedet.cameras._scene.style import FigurePool, Style
from edgedet.cameras.synthetic import Settings, scene_of
from edgedet.geometry import intersection_over_union
from edgedet.types import Box

# Seventy pictures take some ten seconds, many times that where other work has the processor.
pytestmark = pytest.mark.timeout(400)

MODEL = Path(edgedet.__file__).parent / "data" / "demo_model.tflite"
SIZES = ((640, 480), (640, 360), (480, 480))
SEEDS = range(70_000_000, 70_000_070)
"""Training takes its seeds from one to two million, the recipe's own evaluation from fifty million on."""


def detect(folder: Path, *options: str) -> dict[str, list[dict[str, object]]]:
    command = [sys.executable, "-m", "edgedet", "detect", str(folder), "--format", "jsonl", *options]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    return {Path(row["source"]).name: row["detections"] for row in rows}


def ground_truth(scenes: dict[str, tuple[Scene, float]]) -> COCO:
    annotations = []
    for image_id, (scene, moment) in enumerate(scenes.values(), start=1):
        width, height = scene.size
        for seen in scene.truth(moment):
            x, y = seen.box.x1 * width, seen.box.y1 * height
            box = [x, y, seen.box.x2 * width - x, seen.box.y2 * height - y]
            annotations.append({
                "id": len(annotations) + 1, "image_id": image_id, "category_id": LABELS.index(seen.label) + 1,
                "bbox": box, "area": box[2] * box[3],
                # To COCO a crowd is a region where finding and missing count for nothing.
                "iscrowd": int(not is_countable(seen, scene.size)),
            })  # fmt: skip
    coco = COCO()
    coco.dataset = {
        "images": [{"id": i} for i in range(1, len(scenes) + 1)],
        "categories": [{"id": i, "name": label} for i, label in enumerate(LABELS, start=1)],
        "annotations": annotations,
    }
    coco.createIndex()
    return coco


def mean_average_precision(scenes: dict[str, tuple[Scene, float]], found: dict[str, list[dict[str, object]]]) -> float:
    """mAP at IoU 0.5, judged by pycocotools."""
    results = []
    for image_id, (name, (scene, _)) in enumerate(scenes.items(), start=1):
        width, height = scene.size
        for one in found[name]:
            x1, y1, x2, y2 = one["box"]
            box = [x1 * width, y1 * height, (x2 - x1) * width, (y2 - y1) * height]
            category = LABELS.index(one["label"]) + 1
            results.append({"image_id": image_id, "category_id": category, "bbox": box, "score": one["score"]})
    with contextlib.redirect_stdout(io.StringIO()):
        truth = ground_truth(scenes)
        judge = COCOeval(truth, truth.loadRes(results), "bbox")
        judge.params.iouThrs = np.array([0.5])
        judge.evaluate()
        judge.accumulate()
    precision = judge.eval["precision"][0, :, :, 0, 2]
    return float(precision[precision > -1].mean())


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, tuple[Scene, float]]]:
    folder = tmp_path_factory.mktemp("scenes")
    drawn = {}
    for i, seed in enumerate(SEEDS):
        scene = Scene(seed, SIZES[i % len(SIZES)], Style(figures=FigurePool.UNSEEN, objects=(5, 9)))
        moment = 11.0 + 5.9 * i
        Image.fromarray(scene.render(moment)).save(folder / f"{i:03d}.png")
        drawn[f"{i:03d}.png"] = (scene, moment)
    return folder, drawn


def test_it_finds_unseen_figures_from_an_unseen_height_with_a_map50_of_at_least_085(
    scenes: tuple[Path, dict[str, tuple[Scene, float]]],
) -> None:
    folder, drawn = scenes
    assert mean_average_precision(drawn, detect(folder, "--min-score", "0.01")) >= 0.85


def test_it_sees_nothing_where_nobody_is(tmp_path: Path) -> None:
    for seed in range(70_001_000, 70_001_020):
        empty = Scene(seed, (640, 480), Style(objects=(0, 0), parked_cars=0))
        Image.fromarray(empty.render(0.0)).save(tmp_path / f"{seed}.png")
    found = detect(tmp_path, "--min-score", "0.5")
    assert len(found) == 20
    assert sum(len(some) for some in found.values()) <= 1


def test_it_finds_most_of_what_passes_by_in_the_synthetic_source_and_invents_little() -> None:
    scene = scene_of(Settings(frames=300))
    command = [sys.executable, "-m", "edgedet", "detect", "synthetic", "--format", "jsonl", "--min-score", "0.4"]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(rows) == 300
    wanted = hits = given = right = 0
    for row in rows:
        truth = scene.truth(row["pts_s"])
        found = [(one["label"], Box(*one["box"])) for one in row["detections"]]
        fair = [seen for seen in truth if is_countable(seen, scene.size)]
        wanted += len(fair)
        hits += sum(any(is_found(seen, *one) for one in found) for seen in fair)
        given += len(found)
        right += sum(any(is_found(seen, *one) for seen in truth) for one in found)
    assert wanted > 300
    assert hits / wanted >= 0.7
    assert right / given >= 0.8


def is_found(seen: Seen, label: str, box: Box) -> bool:
    return seen.label == label and intersection_over_union(seen.box, box) >= 0.5


def test_it_is_small_and_wholly_in_8_bits() -> None:
    assert MODEL.stat().st_size <= 1_500_000
    interpreter = Interpreter(str(MODEL))
    (taken,) = interpreter.get_input_details()
    assert taken["dtype"] is np.int8
    assert taken["quantization"] == (pytest.approx(1 / 255), -128)
    assert all(given["dtype"] is np.int8 for given in interpreter.get_output_details())
    inside = {details["dtype"] for details in interpreter.get_tensor_details()}
    # 32-bit integers are biases and shapes.
    assert inside <= {np.int8, np.int32}


def test_it_says_itself_what_it_is_for_and_under_which_licence() -> None:
    with zipfile.ZipFile(MODEL) as archive:
        metadata = json.loads(archive.read("metadata.json"))
    assert tuple(metadata["names"].values()) == LABELS
    assert metadata["license"] == "Apache-2.0"
    assert "not for real" in metadata["description"]
    assert metadata["imgsz"] == [256, 256]
