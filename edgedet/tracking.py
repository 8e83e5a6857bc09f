"""From boxes in single frames to objects over time.

Two rounds of association after ByteTrack (Zhang et al., "ByteTrack: Multi-Object Tracking by Associating Every
Detection Box", ECCV 2022): the good boxes choose first, then the weak ones may carry on what is known already. Unlike
there all ages are seconds: frames are dropped by design, so that their number says nothing about time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edgedet.association.assignment import assign
from edgedet.association.kalman import BoxFilters, Floats, Motion, centred, completed, in_picture, overlaps
from edgedet.association.known import Known
from edgedet.association.recovery import estrangement, hidden
from edgedet.association.sightings import SAME_PLACE, Sightings
from edgedet.types import Box, Detection, Track

Rows = NDArray[np.intp]

_LONGEST_STEP_S = 2.0
"""Further ahead nothing can be foretold; the doubt after that long covers whatever is left of a picture."""
_MISSED_S = 0.5
"""Whoever is not seen for no longer than this was missed rather than hidden."""
_OUTSIDE = 0.2
"""A track of which less is in the picture has left it."""


class Tracker(Protocol):
    """Tells which box in one frame is the same object as which box in the frames before."""

    def update(self, detections: Sequence[Detection], at_ns: int) -> tuple[Track, ...]:
        """All live tracks after a frame: tentative, confirmed and coasting; one that is gone is simply absent.

        Args:
            detections: everything that the detector saw in the frame, down to a score of about 0.1.
            at_ns: when the frame was taken; usually later than the one before.

        Returns:
            By id.
        """

    def resume(self, at_ns: int) -> None:
        """The camera looks again after it was blind: the time since the last update ages nothing."""


@dataclass(frozen=True, slots=True)
class TrackRules:
    """When two boxes are one object, and how long an object is remembered. Good for 3 to 30 frames a second."""

    high_score: float = 0.4
    """From here on a box is good: it chooses in the first round and counts as a hit. A score in [0, 1]."""
    low_score: float = 0.1
    """Weaker boxes do not exist. Those in between can only carry on a known object."""
    new_score: float = 0.45
    """From here on a box that belongs to nothing known is something new."""
    confirm_hits: int = 3
    """An object is confirmed after so many good boxes, and not before `confirm_s`."""
    confirm_s: float = 0.3
    """Seconds from the first box on."""
    keep_s: float = 3.0
    """A confirmed object that is not seen is forgotten after so many seconds of looking."""
    keep_hidden_s: float = 8.0
    """The same for one that is where another hides it: only the time that it should be seen counts as `keep_s`."""
    keep_tentative_s: float = 0.7
    """The same for one that is not confirmed."""
    keep_outside_s: float = 0.2
    """The same for one that should have left the picture."""
    forget_s: float = 60.0
    """After so many seconds without a frame nothing is remembered, unless the camera was known to be blind."""
    likely: float = 12.0
    """A box may belong to an object if its distance from where the object should be, in standard deviations, squared
    and summed over centre and size, is below. 98 % of an object's own boxes are."""
    enough_overlap: float = 0.2
    """Or if it overlaps so much with where the object should be: things turn faster than a filter believes.
    Intersection over union."""
    misfit: float = 0.925
    """A good box that fits worse belongs to something else. 0 is a perfect fit; 1 is no overlap at the edge of what is
    likely."""
    weak_misfit: float = 0.5
    """The same for weak boxes."""
    unseen_misfit: float = 0.2
    """How much worse a box fits for every second that the object has not been seen, up to two: whoever was there a
    moment ago chooses first."""
    other_label_misfit: float = 0.5
    """How much worse a box of another label fits."""
    vote_memory_s: float = 5.0
    """Time after which a vote for a label counts 37 % of what it did, seconds."""
    double_overlap: float = 0.5
    """What appears and overlaps more with something of its label is no second one. Intersection over union."""
    motion: Motion = field(default_factory=Motion)


class ByteTracker(Tracker):
    """Follows objects by where they should be and how much boxes overlap. Nothing of it depends on the frame rate."""

    def __init__(self, rules: TrackRules = TrackRules()) -> None:
        self._rules = rules
        self._filters = BoxFilters(rules.motion)
        self._lives: list[Known] = []
        self._last_seen: Floats = np.empty((0, 4))
        self._last_id = 0
        self._last_ns: int | None = None
        # Seconds of looking: blind time and clocks that jump back are not in it.
        self._now_s = 0.0

    def resume(self, at_ns: int) -> None:
        """See `Tracker`."""
        if self._last_ns is not None:
            self._filters.predict(min(_LONGEST_STEP_S, (at_ns - self._last_ns) / 1e9))
            self._last_ns = at_ns

    def update(self, detections: Sequence[Detection], at_ns: int) -> tuple[Track, ...]:
        """See `Tracker`. Boxes that are not numbers or have no area are passed over."""
        seconds = self._pass_time(at_ns)
        seen = Sightings.of(detections, self._rules.low_score, self._rules.high_score)
        for life in self._lives:
            life.detection = None
        loose = self._associate(seen, at_ns)
        loose = self._recover(seen, self._unheld(seen, loose), at_ns)
        self._begin(seen, loose, at_ns)
        boxes = self._end(seconds).tolist()
        return tuple(life.as_track(Box(*corners)) for life, corners in zip(self._lives, boxes, strict=True))

    def _pass_time(self, at_ns: int) -> float:
        seconds = 0.0 if self._last_ns is None else max(0.0, (at_ns - self._last_ns) / 1e9)
        self._last_ns = at_ns
        if seconds > self._rules.forget_s:
            self._keep([])
        self._now_s += seconds
        self._filters.predict(min(seconds, _LONGEST_STEP_S))
        return seconds

    def _associate(self, seen: Sightings, at_ns: int) -> Rows:
        """Give known objects their detections. Returns the good detections that are left over."""
        rules = self._rules
        tracks = np.arange(len(self._lives))
        good, weak = np.flatnonzero(seen.good), np.flatnonzero(~seen.good)
        if not len(tracks) or not len(seen.scores):
            return good
        misfits = self._misfits(seen)
        pairs = _pairs(misfits, tracks, good, rules.misfit)
        first = {row for row, _ in pairs}
        rest = np.array([row for row in tracks.tolist() if row not in first], dtype=np.intp)
        pairs += _pairs(misfits, rest, weak, rules.weak_misfit)
        if pairs:
            self._see(seen, pairs, at_ns)
        taken = {column for _, column in pairs}
        return np.array([column for column in good.tolist() if column not in taken], dtype=np.intp)

    def _misfits(self, seen: Sightings) -> Floats:
        """How badly each box fits each track, see `TrackRules`; infinite where it cannot be; shape (tracks, boxes)."""
        rules = self._rules
        expected = in_picture(self._filters.boxes)
        overlap = overlaps(expected, seen.corners)
        unlikely = self._filters.distances(centred(expected), centred(seen.corners))
        misfits: Floats = 0.5 * (1.0 - overlap) + 0.5 * np.minimum(1.0, unlikely / rules.likely)
        misfits[(unlikely > rules.likely) & (overlap < rules.enough_overlap)] = np.inf
        unseen = np.array([min(2.0, self._now_s - life.seen_s) for life in self._lives])
        classes = np.array([life.class_id for life in self._lives])
        misfits += rules.unseen_misfit * unseen[:, None]
        misfits += rules.other_label_misfit * (classes[:, None] != seen.classes)
        return misfits

    def _see(self, seen: Sightings, pairs: list[tuple[int, int]], at_ns: int) -> None:
        rows = np.array([row for row, _ in pairs], dtype=np.intp)
        columns = np.array([column for _, column in pairs], dtype=np.intp)
        measured = completed(seen.corners[columns], self._filters.boxes[rows])
        trust = np.clip(seen.scores[columns] / self._rules.high_score, 0.2, 1.0)
        self._filters.correct(rows, measured, trust)
        self._note(seen, pairs, at_ns)

    def _note(self, seen: Sightings, pairs: list[tuple[int, int]], at_ns: int) -> None:
        """Write down who was seen where; the filters know it already."""
        rows = [row for row, _ in pairs]
        self._last_seen[rows] = self._filters.boxes[rows]
        for row, column in pairs:
            life = self._lives[row]
            faded = math.exp((life.seen_s - self._now_s) / self._rules.vote_memory_s)
            life.see(seen.detections[column], seen.index[column], at_ns, self._now_s, faded)
            life.hits += bool(seen.good[column])

    def _unheld(self, seen: Sightings, loose: Rows) -> Rows:
        """Boxes that are good enough to be something new, and no second ones of what has its box already."""
        fresh = loose[seen.scores[loose] >= self._rules.new_score]
        held = [row for row, life in enumerate(self._lives) if life.detection is not None]
        if not len(fresh) or not held:
            return fresh
        doubled = overlaps(in_picture(self._filters.boxes[held]), seen.corners[fresh])
        classes = np.array([self._lives[row].class_id for row in held])
        limits = np.where(classes[:, None] == seen.classes[fresh], self._rules.double_overlap, SAME_PLACE)
        return fresh[~(doubled > limits).any(axis=0)]

    def _recover(self, seen: Sightings, fresh: Rows, at_ns: int) -> Rows:
        """Give lost objects the boxes that they may be after all. Returns the others."""
        lost = np.array([r for r, life in enumerate(self._lives) if life.confirmed and life.detection is None], np.intp)
        if not len(fresh) or not len(lost):
            return fresh
        unseen_s = np.array([self._now_s - self._lives[row].seen_s for row in lost.tolist()])
        found = centred(seen.corners[fresh])
        strange = estrangement(self._filters.boxes[lost], self._last_seen[lost], unseen_s, found)
        classes = np.array([self._lives[row].class_id for row in lost.tolist()])
        strange[classes[:, None] != seen.classes[fresh]] = np.inf
        pairs = assign(strange, 1.0)
        if not pairs:
            return fresh
        rows = lost[[row for row, _ in pairs]]
        columns = [column for _, column in pairs]
        self._filters.restart(rows, found[columns])
        self._note(seen, list(zip(rows.tolist(), fresh[columns].tolist(), strict=True)), at_ns)
        return np.delete(fresh, columns)

    def _begin(self, seen: Sightings, fresh: Rows, at_ns: int) -> None:
        """Start a track for what belongs to nothing known."""
        if not len(fresh):
            return
        boxes = centred(seen.corners[fresh])
        self._filters.add(boxes)
        self._last_seen = np.concatenate((self._last_seen, boxes))
        for column in fresh.tolist():
            found = seen.detections[column]
            self._last_id += 1
            life = Known(
                self._last_id, found.label, found.class_id, found.score, at_ns, at_ns, self._now_s, self._now_s
            )
            life.see(found, seen.index[column], at_ns, self._now_s, 1.0)
            self._lives.append(life)

    def _wait_for_hidden(self, corners: Floats, seconds: float) -> None:
        """Let the time not count for who may be behind another."""
        lately = self._now_s - _MISSED_S
        lost = [row for row, life in enumerate(self._lives) if life.confirmed and life.seen_s < lately]
        if not lost:
            return
        there = [row for row, life in enumerate(self._lives) if life.confirmed and life.detection is not None]
        for row in np.array(lost)[hidden(corners[lost], corners[there])].tolist():
            self._lives[row].hidden_s += seconds

    def _end(self, seconds: float) -> Floats:
        """Confirm what has been seen long enough, and forget what has not been seen for too long.

        Returns:
            The corners of what is left, as far as it is in the picture.
        """
        corners = in_picture(self._filters.boxes)
        unseen = [row for row, life in enumerate(self._lives) if life.detection is None]
        if len(unseen) < len(self._lives):
            self._confirm()
        if not unseen:
            return corners
        self._wait_for_hidden(corners, seconds)
        gone = self._gone(unseen, corners)
        if not gone:
            return corners
        staying = [row for row in range(len(self._lives)) if row not in gone]
        self._keep(staying)
        return corners[staying]

    def _confirm(self) -> None:
        rules = self._rules
        for life in self._lives:
            if not life.confirmed and life.detection is not None:
                old_enough = self._now_s - life.first_s >= rules.confirm_s
                life.confirmed = old_enough and life.hits >= rules.confirm_hits

    def _gone(self, unseen: list[int], corners: Floats) -> set[int]:
        rules, gone = self._rules, set()
        inside, boxes = corners[unseen], self._filters.boxes[unseen]
        shown = (inside[:, 2] - inside[:, 0]) * (inside[:, 3] - inside[:, 1]) / (boxes[:, 2] * boxes[:, 3])
        for row, share in zip(unseen, shown.tolist(), strict=True):
            life = self._lives[row]
            keep_s = rules.keep_s if life.confirmed else rules.keep_tentative_s
            keep_s = min(keep_s + life.hidden_s, max(keep_s, rules.keep_hidden_s))
            if share < _OUTSIDE:
                keep_s = min(keep_s, rules.keep_outside_s)
            if self._now_s - life.seen_s > keep_s:
                gone.add(row)
        return gone

    def _keep(self, rows: list[int]) -> None:
        self._filters.keep(np.array(rows, dtype=np.intp))
        self._lives = [self._lives[row] for row in rows]
        self._last_seen = self._last_seen[rows]


def _pairs(costs: Floats, rows: Rows, columns: Rows, limit: float) -> list[tuple[int, int]]:
    if not len(rows) or not len(columns):
        return []
    return [(int(rows[row]), int(columns[column])) for row, column in assign(costs[np.ix_(rows, columns)], limit)]
