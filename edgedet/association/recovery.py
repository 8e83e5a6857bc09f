"""Which lost object a box may be that fits nothing known: who stood walks off, who was hidden comes out.

In the middle of a picture hardly anything begins. A box there that belongs to nothing known is more often something
that was lost a moment ago, and moved as no filter foretold, than something new. All over arrays, without a state.
"""

from __future__ import annotations

import numpy as np

from edgedet.association.kalman import Floats

_AT_ONCE = 0.3
"""So far from where it should be a lost object may turn up, in sizes √(width x height) of the larger box."""
_SPEED = 1.2
"""And so much further for every second that it has not been seen: a hurried step."""
_LONGEST_S = 1.5
"""After which it is looked for no further away: who could be anybody is nobody."""
_TALLER = 1.4
"""Of two heights the larger by the smaller; a person is as tall from all sides."""
_WIDER = 3.5
"""Of two widths: who stands with his side to the camera is a third as wide as the same with a foot forward."""
_COVERED = 0.5
"""Share of an expected box that another's box covers where it may well be hidden."""
_IN_FRONT = 0.1
"""Who is in front has his feet lower in the picture, or not higher than by this share of the other's height."""


def estrangement(lost: Floats, last_seen: Floats, unseen_s: Floats, found: Floats) -> Floats:
    """How little each box looks like each lost object; 0: exactly where and what it was; infinite: it cannot be.

    Args:
        lost: where objects should be, shape (n, 4): centre x and y, width, height.
        last_seen: where they were seen last, the same.
        unseen_s: for how long they were not seen, shape (n,), seconds.
        found: the boxes, shape (m, 4), likewise centre and size.

    Returns:
        Shape (n, m), below 1 for what it can be.
    """
    apart = _from_way(last_seen[:, :2], lost[:, :2], found[:, :2])
    sizes = np.sqrt(np.maximum((lost[:, 2] * lost[:, 3])[:, None], found[:, 2] * found[:, 3]))
    reach = (_AT_ONCE + _SPEED * np.minimum(unseen_s, _LONGEST_S))[:, None] * sizes
    wider, taller = (np.abs(np.log(last_seen[:, side, None] / found[:, side])) for side in (2, 3))
    shares = np.stack((apart / reach, wider / np.log(_WIDER), taller / np.log(_TALLER)))
    strange: Floats = np.where((shares < 1.0).all(axis=0), shares.mean(axis=0), np.inf)
    return strange


def _from_way(start: Floats, end: Floats, points: Floats) -> Floats:
    """Distance of each point from each straight way: (n, 2), (n, 2) and (m, 2) give (n, m).

    Whether a lost object went on as foretold, or stood, or did something in between, nobody knows.
    """
    way = end - start
    length = np.maximum((way * way).sum(axis=1), 1e-12)
    from_start = points - start[:, None, :]
    share = np.clip((from_start * way[:, None, :]).sum(axis=2) / length[:, None], 0.0, 1.0)
    distances: Floats = np.linalg.norm(from_start - share[:, :, None] * way[:, None, :], axis=2)
    return distances


def hidden(expected: Floats, in_front: Floats) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which objects may be out of sight behind others.

    Args:
        expected: where they should be, corners, shape (n, 4).
        in_front: what is seen, corners, shape (m, 4).
    """
    left, top, right, bottom = expected.T[:, :, None]
    left_, top_, right_, bottom_ = in_front.T
    width = np.maximum(0.0, np.minimum(right, right_) - np.maximum(left, left_))
    height = np.maximum(0.0, np.minimum(bottom, bottom_) - np.maximum(top, top_))
    covered = width * height >= _COVERED * (right - left) * (bottom - top)
    lower = bottom_ >= bottom - _IN_FRONT * (bottom - top)
    behind: np.ndarray[tuple[int], np.dtype[np.bool_]] = (covered & lower).any(axis=1)
    return behind
