"""`edgedet detect` on COCO pictures against the figures of a reference, with pycocotools as the judge."""

from __future__ import annotations

import contextlib
import io
import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from edgedet.models.coco import COCO_NAMES

if TYPE_CHECKING:
    from pathlib import Path

ALLOWED = 0.005
"""How far below the reference's mAP50-95 a model may be: what another rounding of the same picture does."""

MODELS = {
    "yolov8n_640_float32": "640 float32",
    "yolov8n_640_full_integer_quant": "640 full_integer",
    "yolov8n_320_float32": "320 float32",
    "yolov8n_320_full_integer_quant": "320 full_integer",
    "yolov8n_320_dynamic_range_int8": "320 dynamic range",
    "yolov8n_320_litert_nchw_int8": "320 litert NCHW int8",
    "yolov8n_320_imagenet_calibrated_full_integer_quant": "320 imagenet-calibrated",
    "yolov5n_fp16": "yolov5n",
    "yolo26n_int8_end_to_end": "yolo26n end to end",
}


@pytest.fixture(scope="module")
def figures(test_data: Path) -> dict[str, float]:
    """mAP50-95 on the 80 pictures, by the manifest's names."""
    text = (test_data / "MANIFEST.md").read_text("utf-8")
    line = re.search(r"^On the 80 pictures in `coco/`.*?: (.*)\.$", text, re.MULTILINE)
    assert line is not None
    return {name: float(figure) for name, figure in (part.rsplit(" ", 1) for part in line[1].split("; "))}


@pytest.fixture(scope="module")
def truth(test_data: Path) -> COCO:
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(test_data / "coco" / "instances.json"))


def test_every_model_with_a_figure_is_held_against_it(figures: dict[str, float]) -> None:
    assert set(MODELS.values()) == set(figures)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", MODELS)
def test_mean_precision_is_that_of_the_reference(
    test_data: Path, figures: dict[str, float], truth: COCO, name: str
) -> None:
    found = detections(test_data, name)
    precision = mean_precision(truth, found)
    assert precision >= figures[MODELS[name]] - ALLOWED, f"mAP50-95 {precision:.4f}"


def detections(test_data: Path, name: str) -> list[dict[str, Any]]:
    """Everything that `edgedet detect` finds, in the form that pycocotools reads."""
    command = [sys.executable, "-m", "edgedet", "detect", str(test_data / "coco" / "images")]
    command += ["-m", str(test_data / "models" / f"{name}.tflite"), "--min-score", "0.001", "--format", "jsonl"]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=280)
    assert run.returncode == 0, run.stderr
    categories = category_ids(test_data)
    found = []
    for line in run.stdout.splitlines():
        frame = json.loads(line)
        for one in frame["detections"]:
            x1, y1, x2, y2 = one["box"]
            width, height = frame["width"], frame["height"]
            found.append(
                {
                    "image_id": int(frame["source"].rsplit("/", 1)[-1].removesuffix(".jpg")),
                    "category_id": categories[one["label"]],
                    "bbox": [x1 * width, y1 * height, (x2 - x1) * width, (y2 - y1) * height],
                    "score": one["score"],
                }
            )
    assert len(run.stdout.splitlines()) == 80
    return found


def category_ids(test_data: Path) -> dict[str, int]:
    """COCO's own ids, which have gaps, by label."""
    categories = json.loads((test_data / "coco" / "instances.json").read_text("utf-8"))["categories"]
    by_name = {category["name"]: category["id"] for category in categories}
    assert set(by_name) == set(COCO_NAMES)
    return by_name


def mean_precision(truth: COCO, found: list[dict[str, Any]]) -> float:
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation = COCOeval(truth, truth.loadRes(found), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return float(evaluation.stats[0])
