"""Takes each frame that the daemon has looked at: keeps its picture, and holds it against the truth."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgedet.cameras._scene.scene import Seen as Known
from edgedet.demo.picture import View
from edgedet.demo.record import ByLabel, Record
from edgedet.demo.score import Comparison, compare
from edgedet.types import Detection, ViewSize

if TYPE_CHECKING:
    from edgedet.pipeline import Seen

DRAWN_EVERY_S = 0.1
"""A terminal gets no more pictures than this: on a Pi drawing must not cost more than detecting."""
_MOST_WAITING = 30


@dataclass(frozen=True, slots=True)
class _Frame:
    pts_s: float
    frame: ViewSize
    detections: tuple[Detection, ...]
    pixels: bytes | None


class Judge:
    """`take` is the daemon's hook; `run` does the comparing in a thread, beside the daemon's loop."""

    def __init__(
        self, record: Record, view: ViewSize, truth: Callable[[float], Sequence[Known]] | None, min_score: float
    ) -> None:
        self._record = record
        self._view = view
        self._truth = truth
        self._min_score = min_score
        self._queue: asyncio.Queue[_Frame] = asyncio.Queue(_MOST_WAITING)
        self._drawn = 0.0

    def take(self, _camera: str, seen: Seen) -> None:
        """A frame was looked at; its pixels are valid only now."""
        stamp = seen.result.stamp
        pixels = None
        now = time.monotonic()
        if now - self._drawn >= DRAWN_EVERY_S:
            self._drawn = now
            pixels = bytes(seen.frame.detect)
        detections = tuple(found for found in seen.result.detections if found.score >= self._min_score)
        frame = _Frame(stamp.pts_s, ViewSize(stamp.width, stamp.height), detections, pixels)
        self._record.count_frame(now)
        if not self._queue.full():
            self._queue.put_nowait(frame)

    async def run(self) -> None:
        """Judge frames for ever."""
        while True:
            frame = await self._queue.get()
            comparison = await asyncio.to_thread(self._judge, frame)
            view = None
            if frame.pixels is not None:
                missed, false = (comparison.missed, comparison.false) if comparison else ((), ())
                view = View(frame.pixels, self._view, frame.frame, frame.detections, missed, false)
            if comparison is None:
                labels = ByLabel(found=Counter(found.label for found in frame.detections))
            else:
                labels = ByLabel(Counter(known.label for known in comparison.counted), Counter(comparison.found))
            self._record.judge_frame(view, comparison.score if comparison else None, labels)

    def _judge(self, frame: _Frame) -> Comparison | None:
        if self._truth is None:
            return None
        side = max(self._view.width, self._view.height)
        size = (frame.frame.width, frame.frame.height)
        return compare(self._truth(frame.pts_s), frame.detections, size, side)
