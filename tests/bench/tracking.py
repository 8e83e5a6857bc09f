"""How right and how fast tracking is: edgedet's against reference trackers on the same boxes, by other people's judges.

    python3 -m venv .venv-tracking && .venv-tracking/bin/pip install -r tests/bench/requirements-tracking.txt
    PYTHONPATH=tests python tests/bench/tracking.py --judge .venv-tracking/bin/python
    PYTHONPATH=tests python tests/bench/tracking.py --only speed

Boxes of two kinds: the truth of the twenty scenes with noise and misses, and what the bundled model sees in the twelve
of them that have pictures. IDF1 and MOTA are py-motmetrics', HOTA is that of `trackers`. What is told of objects that
no detector can be expected to find is taken out of everybody's answer alike.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from statistics import median

from PIL import Image

from edgedet.tracking import ByteTracker
from edgedet.types import Box, Detection
from tracking_scenes import SIZE, Moment, TrackingScene, street_scene, tracking_scenes
from tracking_score import Boxes, follow, judged, score

HERE = Path(__file__).parent
STREETS = 12
OURS = {
    # What is confirmed, and for a quarter of a second also where it should be.
    "edgedet": {"coasting_s": 0.25},
    "edgedet-seen-only": {"coasting_s": 0.0},
    # As the life of an event is told: from its first frame on.
    "edgedet-from-first-sight": {"coasting_s": 0.25, "from_first_sight": True},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--judge", type=Path, default=Path(".venv-tracking/bin/python"), help="its Python")
    parser.add_argument("--only", choices=("truth", "model", "speed"), action="append")
    arguments = parser.parse_args()
    for part in arguments.only or ("truth", "model", "speed"):
        if part == "speed":
            _print_speed()
            continue
        scenes = tracking_scenes() if part == "truth" else tracking_scenes()[:STREETS]
        with tempfile.TemporaryDirectory(prefix="edgedet-tracking-") as scratch:
            moments = {scene.name: scene.moments() for scene in scenes}
            if part == "model":
                moments = {scene.name: _seen_by_the_model(scene, Path(scratch)) for scene in scenes}
            print(f"\n{len(scenes)} scenes, boxes from the {part}")
            _print_rightness(scenes, moments, Path(scratch) / "mot", arguments.judge)


def _seen_by_the_model(scene: TrackingScene, scratch: Path) -> list[Moment]:
    """The scene's moments with what the bundled model finds in their pictures."""
    moments, folder = scene.moments(), scratch / f"street-{scene.number}"
    folder.mkdir()
    pictures = street_scene(scene.number)
    for number, moment in enumerate(moments):
        Image.fromarray(pictures.render(moment.at_s)).save(folder / f"{number:05}.jpg", quality=95)
    command = [sys.executable, "-m", "edgedet", "detect", str(folder), "--min-score", "0.1", "--format", "jsonl"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found = [
        tuple(Detection(f["label"], f["class_id"], f["score"], Box(*f["box"])) for f in line["detections"])
        for line in map(json.loads, done.stdout.splitlines())
        if "detections" in line
    ]
    return [replace(moment, detections=seen) for moment, seen in zip(moments, found, strict=True)]


def _print_rightness(
    scenes: Sequence[TrackingScene], moments: dict[str, list[Moment]], folder: Path, judge: Path
) -> None:
    places = {scene.name: folder / f"{number:02}" for number, scene in enumerate(scenes)}
    for scene in scenes:
        place = places[scene.name]
        place.mkdir(parents=True)
        _write_boxes(place / "boxes.json", scene, moments[scene.name])
        for name, how in OURS.items():
            frames = follow(ByteTracker(), moments[scene.name], **how)
            _write_mot(place / f"{name}.txt", [frame.told for frame in frames])
        _write_mot(place / "gt.txt", [judged(moment, {}).truth for moment in moments[scene.name]])
    reference = [str(judge), str(HERE / "tracking_reference.py")]
    quiet = {**os.environ, "PYTHONWARNINGS": "ignore"}
    subprocess.run([*reference, "track", str(folder)], check=True, env=quiet)
    for raw in folder.glob("*/*.raw.txt"):
        scene_moments = moments[next(name for name, place in places.items() if place == raw.parent)]
        told = _read_mot(raw, len(scene_moments))
        frames = [judged(moment, boxes) for moment, boxes in zip(scene_moments, told, strict=True)]
        _write_mot(raw.with_name(raw.name.replace(".raw", "")), [frame.told for frame in frames])
    done = subprocess.run([*reference, "judge", str(folder)], check=True, stdout=subprocess.PIPE, text=True, env=quiet)
    own = min(score(follow(ByteTracker(), moments[scene.name])).idf1 for scene in scenes)
    print(f"{'':28}  IDF1  worst   MOTA   HOTA  switches")
    for name, found in json.loads(done.stdout).items():
        print(
            f"{name:28} {found['idf1']:.3f}  {found['worst_idf1']:.3f}  {found['mota']:.3f}  {found['hota']:.3f}  "
            f"{found['num_switches']:8.0f}"
        )
    print(f"edgedet's worst scene by the tests' own score: {own:.3f}")


def _write_boxes(path: Path, scene: TrackingScene, moments: Sequence[Moment]) -> None:
    frames = [
        {
            "at_s": moment.at_s,
            "boxes": [_pixels(found.box) for found in moment.detections],
            "scores": [found.score for found in moment.detections],
            "classes": [found.class_id for found in moment.detections],
        }
        for moment in moments
    ]
    fps = len(moments) / scene.seconds
    path.write_text(json.dumps({"fps": fps, "frames": frames}), "utf-8")


def _pixels(box: Box) -> list[float]:
    wide, tall = SIZE
    return [box.x1 * wide, box.y1 * tall, box.x2 * wide, box.y2 * tall]


def _write_mot(path: Path, frames: Sequence[Boxes]) -> None:
    lines = []
    for number, boxes in enumerate(frames, start=1):
        for id_, box in boxes.items():
            x1, y1, x2, y2 = _pixels(box)
            # Identities of the truth may be negative, which the format has no place for.
            lines.append(f"{number},{id_ + 1000},{x1:.3f},{y1:.3f},{x2 - x1:.3f},{y2 - y1:.3f},1,1,1\n")
    path.write_text("".join(lines), "utf-8")


def _read_mot(path: Path, length: int) -> list[Boxes]:
    frames: list[Boxes] = [{} for _ in range(length)]
    wide, tall = SIZE
    for line in filter(str.strip, path.read_text("utf-8").splitlines()):
        number, id_, left, top, width, height = map(float, line.split(",")[:6])
        x1, y1, x2, y2 = left / wide, top / tall, (left + width) / wide, (top + height) / tall
        frames[int(number) - 1][int(id_)] = Box(max(0.0, x1), max(0.0, y1), min(1.0, x2), min(1.0, y2))
    return frames


def _print_speed() -> None:
    """A frame's cost with so many objects, beside that of a bare loop that only makes the same tracks."""
    print(f"\nspeed, load {os.getloadavg()[0]:.2f}\nobjects  update ms: p50   p95    bare loop ms   ratio")
    for objects in (1, 10, 30, 100):
        frames = list(_drifting(objects))
        updates, bare = [], []
        tracker = ByteTracker()
        for number, frame in enumerate(frames):
            start = time.perf_counter()
            tracks = tracker.update(frame, number * 10**8)
            between = time.perf_counter()
            copies = tuple(replace(track, box=replace(track.box), seen_ns=number) for track in tracks)
            bare.append(1e3 * (time.perf_counter() - between) * (len(copies) == len(tracks)))
            updates.append(1e3 * (between - start))
        updates.sort()
        print(
            f"{objects:7}  {median(updates):14.3f} {updates[len(updates) * 95 // 100]:6.3f} "
            f"{median(bare):15.3f} {median(updates) / median(bare):7.1f}"
        )


def _drifting(objects: int) -> Iterator[list[Detection]]:
    """Boxes that swing about their places, a tenth of them missing."""
    random = Random(1)
    places = [(random.uniform(0.1, 0.9), random.uniform(0.1, 0.9), random.uniform(5, 20)) for _ in range(objects)]
    for number in range(300):
        yield [
            Detection("person", 0, random.uniform(0.3, 0.9), Box(x - 0.03, y - 0.05, x + 0.03, y + 0.05))
            for x, y in ((x + 0.05 * math.sin(number / period), y) for x, y, period in places)
            if random.random() < 0.9
        ]


if __name__ == "__main__":
    main()
