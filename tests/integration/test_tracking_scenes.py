"""How right tracking is: on twenty scenes whose truth is known, and on a clip whose people were counted by eye."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import pytest

from edgedet.tracking import ByteTracker
from edgedet.types import Box, Detection
from tracking_scenes import Moment, TrackingScene, tracking_scenes
from tracking_score import Followed, follow, score

LEAST_IDF1 = 0.95
"""Over all scenes together."""
LEAST_IDF1_OF_A_SCENE = 0.85
"""In the worst of them one mistaken identity weighs a tenth."""

PEOPLE = Path(__file__).parents[1] / "one_by_one_people.toml"
CLIP_FPS = 10.0


@pytest.fixture(scope="module")
def moments() -> dict[str, list[Moment]]:
    return {scene.name: scene.moments() for scene in tracking_scenes()}


@pytest.fixture(scope="module")
def followed(moments: dict[str, list[Moment]]) -> dict[str, list[Followed]]:
    return {name: follow(ByteTracker(), scene) for name, scene in moments.items()}


def test_there_are_twenty_scenes_with_a_parked_car_in_most_and_rates_down_to_3_a_second() -> None:
    scenes = tracking_scenes()
    assert len({scene.name for scene in scenes}) == 20
    assert {scene.rate.fps for scene in scenes} == {3.0, 5.0, 10.0, 15.0, 30.0}
    assert sum(_has_a_parked_car(scene) for scene in scenes) >= 15


def _has_a_parked_car(scene: TrackingScene) -> bool:
    first, last = ({(a.object_id, a.box) for a in scene.actors(at_s) if a.label == "car"} for at_s in (0.0, 20.0))
    return bool(first & last)


def test_a_tenth_of_the_boxes_is_missing_and_the_others_are_not_quite_right(moments: dict[str, list[Moment]]) -> None:
    asked = given = exact = 0
    for moment in chain(*moments.values()):
        asked += sum(actor.countable for actor in moment.actors)
        given += len(moment.detections)
        exact += len({actor.box for actor in moment.actors} & {found.box for found in moment.detections})
    assert given / asked == pytest.approx(0.9, abs=0.01)
    assert exact == 0


def test_identities_are_right_over_all_scenes_frame_for_frame_as_they_are_told(
    followed: dict[str, list[Followed]],
) -> None:
    assert score(chain(*apart(followed.values()))).idf1 >= LEAST_IDF1


def apart(scenes: Iterable[list[Followed]]) -> Iterator[list[Followed]]:
    """The scenes with identities that do not meet."""
    for number, frames in enumerate(scenes):
        offset = number * 1_000_000
        yield [
            Followed(
                {id_ + offset: box for id_, box in frame.truth.items()},
                {id_ + offset: box for id_, box in frame.told.items()},
            )
            for frame in frames
        ]


@pytest.mark.parametrize("name", [scene.name for scene in tracking_scenes()])
def test_no_scene_is_lost(followed: dict[str, list[Followed]], name: str) -> None:
    assert score(followed[name]).idf1 >= LEAST_IDF1_OF_A_SCENE


def test_a_scene_without_objects_has_no_tracks() -> None:
    tracker = ByteTracker()
    assert all(tracker.update((), number * 10**8) == () for number in range(100))


def test_the_score_of_a_tracker_that_knows_the_truth_is_one(moments: dict[str, list[Moment]]) -> None:
    everybody = [{actor.object_id: actor.box for actor in moment.actors} for moment in moments["turning, 3 fps"]]
    frames = [Followed(boxes, boxes) for boxes in everybody]
    found = score(frames)
    assert (found.idf1, found.mota, found.switches, found.missed, found.false) == (1.0, 1.0, 0, 0, 0)


def test_the_score_counts_what_went_wrong() -> None:
    here, there = Box(0.1, 0.1, 0.2, 0.2), Box(0.6, 0.6, 0.8, 0.8)
    frames = [
        *[Followed({1: here, 2: there}, {7: here, 8: there})] * 6,
        Followed({1: here, 2: there}, {9: here}),
        Followed({1: here}, {9: here, 8: there}),
    ]
    found = score(frames)
    assert (found.switches, found.missed, found.false, found.truths) == (1, 1, 1, 15)
    assert found.mota == pytest.approx(1 - 3 / 15)
    # Twelve frames with the right one; fifteen are asked for and fifteen told.
    assert found.idf1 == pytest.approx(2 * 12 / (15 + 15))


# --- one by one -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Visit:
    """One person, in seconds of the clip."""

    enters_s: float
    leaves_s: float


@pytest.fixture(scope="module")
def people() -> list[Visit]:
    listed = tomllib.loads(PEOPLE.read_text("utf-8"))["people"]
    return [Visit(person["enters_s"], person["leaves_s"]) for person in listed]


@pytest.fixture(scope="module")
def clip(test_data: Path, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Detection, ...]]:
    """What the 320 int8 model sees in each frame of the clip, down to a score of 0.1."""
    out = tmp_path_factory.mktemp("one-by-one") / "boxes.jsonl"
    source = test_data / "videos" / "one-by-one-person-detection.mp4"
    model = test_data / "models" / "yolov8n_320_full_integer_quant.tflite"
    command = [sys.executable, "-m", "edgedet", "detect", str(source), "-m", str(model), "--min-score", "0.1"]
    subprocess.run([*command, "--format", "jsonl", "-o", str(out)], check=True, capture_output=True)
    lines = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    return [
        tuple(Detection(f["label"], f["class_id"], f["score"], Box(*f["box"])) for f in line["detections"])
        for line in lines
        if "detections" in line
    ]


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("every", [1, 2, 3], ids=["10 fps", "5 fps", "3.3 fps"])
def test_as_many_people_are_tracked_as_walk_through_and_none_twice(
    clip: list[tuple[Detection, ...]], people: list[Visit], every: int
) -> None:
    tracker = ByteTracker()
    visits: dict[int, Visit] = {}
    for number, found in enumerate(clip[::every]):
        for track in tracker.update(found, round(number * every / CLIP_FPS * 1e9)):
            if track.confirmed and track.label == "person":
                visits[track.id] = Visit(track.first_ns / 1e9, track.seen_ns / 1e9)
    assert len(visits) == len(people)
    for visit, person in zip(visits.values(), people, strict=True):
        # At first and at last there is only a head or a foot, which no model takes for a person.
        assert person.enters_s - 0.1 <= visit.enters_s <= person.enters_s + 1.2
        assert person.leaves_s - 1.2 <= visit.leaves_s <= person.leaves_s + 0.1
