"""Reference trackers and judges, in an environment of their own; started by `tracking.py`.

python tracking_reference.py track FOLDER     FOLDER/*/boxes.json -> FOLDER/*/<reference>.raw.txt
python tracking_reference.py judge FOLDER     FOLDER/*/gt.txt, *.txt -> a JSON object on standard output
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import motmetrics
import numpy as np
import supervision
from trackers import ByteTrackTracker
from trackers.eval import aggregate_hota_metrics, evaluate_mot_sequence

KEEP_S, ACTIVATION, HIGH = 3.0, 0.45, 0.4
"""As edgedet's own rules, where a reference has the same setting."""


def supervision_bytetrack(fps: float) -> Callable[[Any, float], Any]:
    tracker = supervision.ByteTrack(
        track_activation_threshold=HIGH, lost_track_buffer=round(30 * KEEP_S), frame_rate=max(1, round(fps))
    )
    return lambda found, _: tracker.update_with_detections(found)


def trackers_bytetrack(fps: float) -> Callable[[Any, float], Any]:
    tracker = ByteTrackTracker(
        lost_track_buffer=round(30 * KEEP_S),
        frame_rate=fps,
        track_activation_threshold=ACTIVATION,
        high_conf_det_threshold=HIGH,
    )
    return lambda found, at_s: tracker.update(found, timestamp=at_s)


REFERENCES = {"supervision-bytetrack": supervision_bytetrack, "trackers-bytetrack": trackers_bytetrack}


def track(folder: Path) -> None:
    for boxes in sorted(folder.glob("*/boxes.json")):
        scene = json.loads(boxes.read_text("utf-8"))
        for name, make in REFERENCES.items():
            update = make(scene["fps"])
            lines = []
            for number, frame in enumerate(scene["frames"], start=1):
                found = supervision.Detections(
                    xyxy=np.array(frame["boxes"], dtype=np.float32).reshape(-1, 4),
                    confidence=np.array(frame["scores"], dtype=np.float32),
                    class_id=np.array(frame["classes"], dtype=int),
                )
                told = update(found, frame["at_s"])
                for (x1, y1, x2, y2), id_ in zip(told.xyxy.tolist(), told.tracker_id, strict=True):
                    if int(id_) >= 0:
                        lines.append(f"{number},{int(id_)},{x1:.2f},{y1:.2f},{x2 - x1:.2f},{y2 - y1:.2f},1,-1,-1,-1")
            (boxes.parent / f"{name}.raw.txt").write_text("\n".join(lines) + "\n", "utf-8")


def judge(folder: Path) -> dict[str, dict[str, float]]:
    scenes = sorted(path.parent for path in folder.glob("*/gt.txt"))
    names = sorted({path.stem for path in folder.glob("*/*.txt")} - {"gt"} - _raw(folder))
    return {name: _figures(scenes, name) for name in names}


def _raw(folder: Path) -> set[str]:
    return {path.stem for path in folder.glob("*/*.raw.txt")}


def _figures(scenes: list[Path], name: str) -> dict[str, float]:
    accumulators, hotas = [], []
    for scene in scenes:
        accumulators.append(_accumulated(_boxes(scene / "gt.txt"), _boxes(scene / f"{name}.txt")))
        hotas.append(evaluate_mot_sequence(scene / "gt.txt", scene / f"{name}.txt", metrics=["HOTA"]).HOTA)
    host = motmetrics.metrics.create()
    summary = host.compute_many(
        accumulators, metrics=["idf1", "mota", "num_switches"], names=[s.name for s in scenes], generate_overall=True
    )
    figures = {key: float(summary.loc["OVERALL"][key]) for key in ("idf1", "mota", "num_switches")}
    worst = min(float(summary.loc[scene.name]["idf1"]) for scene in scenes)
    together = aggregate_hota_metrics([hota.to_dict(include_arrays=True, arrays_as_list=False) for hota in hotas])
    return {**figures, "worst_idf1": worst, "hota": float(together["HOTA"])}


def _boxes(path: Path) -> dict[int, dict[int, list[float]]]:
    """Frame, identity, and x1, y1, x2, y2 in pixels."""
    frames: dict[int, dict[int, list[float]]] = {}
    for line in filter(str.strip, path.read_text("utf-8").splitlines()):
        number, id_, left, top, width, height = map(float, line.split(",")[:6])
        frames.setdefault(int(number), {})[int(id_)] = [left, top, left + width, top + height]
    return frames


def _accumulated(
    truth: dict[int, dict[int, list[float]]], told: dict[int, dict[int, list[float]]]
) -> motmetrics.MOTAccumulator:
    # py-motmetrics' own distances call numpy's asfarray, which numpy 2 has not; the judging itself does not.
    accumulator = motmetrics.MOTAccumulator(auto_id=True)
    for number in range(1, max([0, *truth, *told]) + 1):
        there, said = truth.get(number, {}), told.get(number, {})
        overlaps = supervision.box_iou_batch(
            np.array([*there.values()]).reshape(-1, 4), np.array([*said.values()]).reshape(-1, 4)
        )
        distances = 1.0 - overlaps.reshape(len(there), len(said))
        accumulator.update([*there], [*said], np.where(distances > 0.5, np.nan, distances))
    return accumulator


if __name__ == "__main__":
    what, where = sys.argv[1], Path(sys.argv[2])
    if what == "track":
        track(where)
    else:
        json.dump(judge(where), sys.stdout)
