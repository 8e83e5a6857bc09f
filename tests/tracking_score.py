"""How well tracks follow the truth: identity F1 after Ristani et al., and what CLEAR MOT counts.

The same figures as py-motmetrics gives (held against it by `tests/bench/tracking.py`), without its dependencies.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from edgedet.association.assignment import assign
from edgedet.geometry import intersection_over_union
from edgedet.tracking import Tracker
from edgedet.types import Box
from tracking_scenes import Moment

LEAST_OVERLAP = 0.5

Boxes = dict[int, Box]
"""One frame: identity to box."""


@dataclass(frozen=True, slots=True)
class Followed:
    """One frame: the truth that counts, and what the tracker says."""

    truth: Boxes
    told: Boxes


@dataclass(frozen=True, slots=True)
class Score:
    idf1: float
    mota: float
    switches: int
    missed: int
    false: int
    truths: int


def follow(
    tracker: Tracker, moments: Sequence[Moment], coasting_s: float = 0.25, *, from_first_sight: bool = False
) -> list[Followed]:
    """What the tracker tells of the scene: its confirmed tracks, coasting ones for so long.

    What is told of an object that a detector cannot be expected to find is neither right nor wrong, and left out.
    With `from_first_sight`, the frames before an object was confirmed are told as well, as an event's life is.
    """
    told = []
    confirmed: set[int] = set()
    for moment in moments:
        tracks = tracker.update(moment.detections, moment.at_ns)
        confirmed |= {track.id for track in tracks if track.confirmed}
        told.append(
            {
                track.id: (track.box, track.confirmed)
                for track in tracks
                if moment.at_ns - track.seen_ns <= coasting_s * 1e9
            }
        )
    return [
        judged(
            moment, {id_: box for id_, (box, sure) in frame.items() if sure or (from_first_sight and id_ in confirmed)}
        )
        for moment, frame in zip(moments, told, strict=True)
    ]


def judged(moment: Moment, told: Boxes) -> Followed:
    """The frame without objects that nobody asks for, and without what was told of them."""
    everybody = {actor.object_id: actor.box for actor in moment.actors}
    uncountable = {actor.object_id for actor in moment.actors if not actor.countable}
    truth = {id_: box for id_, box in everybody.items() if id_ not in uncountable}
    of_nobody = {told_id for id_, told_id in _matched(everybody, told, {}) if id_ in uncountable}
    return Followed(truth, {id_: box for id_, box in told.items() if id_ not in of_nobody})


def _matched(truth: Boxes, told: Boxes, before: dict[int, int]) -> list[tuple[int, int]]:
    """Who is who in this frame; those who were matched before stay so while they overlap enough."""
    kept = [
        (id_, told_id)
        for id_, told_id in before.items()
        if id_ in truth and told_id in told and intersection_over_union(truth[id_], told[told_id]) >= LEAST_OVERLAP
    ]
    known, known_told = {id_ for id_, _ in kept}, {told_id for _, told_id in kept}
    rows = [id_ for id_ in truth if id_ not in known]
    columns = [told_id for told_id in told if told_id not in known_told]
    distances = np.array([[1.0 - intersection_over_union(truth[i], told[j]) for j in columns] for i in rows])
    distances = distances.reshape(len(rows), len(columns))
    # As many pairs as can be, and of those the best: an overlap that is not enough costs more than all others.
    distances[distances > 1.0 - LEAST_OVERLAP] = 100.0
    return kept + [(rows[row], columns[column]) for row, column in assign(distances, 50.0)]


def score(frames: Iterable[Followed]) -> Score:
    """The figures over one scene, or over several whose identities do not meet."""
    together: Counter[tuple[int, int]] = Counter()
    before: dict[int, int] = {}
    truths = tolds = missed = false = switches = 0
    for frame in frames:
        truths += len(frame.truth)
        tolds += len(frame.told)
        for id_, box in frame.truth.items():
            for told_id, told in frame.told.items():
                if intersection_over_union(box, told) >= LEAST_OVERLAP:
                    together[id_, told_id] += 1
        pairs = dict(_matched(frame.truth, frame.told, before))
        missed += len(frame.truth) - len(pairs)
        false += len(frame.told) - len(pairs)
        switches += sum(before.get(id_, told_id) != told_id for id_, told_id in pairs.items())
        before |= pairs
    rightly = _frames_of_the_right_identity(together)
    return Score(
        2.0 * rightly / max(1, truths + tolds),
        1.0 - (missed + false + switches) / max(1, truths),
        switches,
        missed,
        false,
        truths,
    )


def _frames_of_the_right_identity(together: Counter[tuple[int, int]]) -> int:
    """Frames in which they are together, when every object is given the one track that is best for all."""
    rows = sorted({id_ for id_, _ in together})
    columns = sorted({told_id for _, told_id in together})
    costs = np.array([[-float(together[row, column]) for column in columns] for row in rows])
    pairs = assign(costs.reshape(len(rows), len(columns)), 0.0)
    return sum(together[rows[row], columns[column]] for row, column in pairs)
