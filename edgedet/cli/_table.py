"""What was found, for a person at a terminal: a row a picture, and one a stretch of a video that shows the same."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, TextIO

from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from types import TracebackType

    from edgedet.app.sources import NamedSource
    from edgedet.pipeline import Seen
    from edgedet.types import Detection

_ROW = "{what:<32}  {when:>15}  {found}"


@dataclass(slots=True)
class _Stretch:
    """Frames in a row with the same objects."""

    source: str
    counts: Counter[str]
    first: int
    last: int
    begun_s: float
    ended_s: float
    best: dict[str, float]
    still: bool


class TableSink:
    """Rows on a terminal; the last stretch is written when the sink is left."""

    def __init__(self, stream: TextIO, console: Console | None = None) -> None:
        self._console = console or Console(file=stream)
        self._stretch: _Stretch | None = None

    def __enter__(self) -> Self:
        header = _ROW.format(what="frames", when="seconds", found="objects (best score)")
        self._console.print(Text(header, style="bold"))
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._flush()

    async def write(self, source: NamedSource, seen: Seen) -> None:
        """Lengthen the stretch, or write it and begin a new one."""
        stamp, detections = seen.result.stamp, seen.result.detections
        counts = Counter(detection.label for detection in detections)
        name = stamp.name or source.given
        stretch = self._stretch
        if stretch is None or stretch.source != name or stretch.counts != counts:
            self._flush()
            still = bool(stamp.name) or source.is_picture
            self._stretch = stretch = _Stretch(name, counts, stamp.seq, stamp.seq, stamp.pts_s, stamp.pts_s, {}, still)
        stretch.last, stretch.ended_s = stamp.seq, stamp.pts_s
        _keep_best(stretch.best, detections)

    def _flush(self) -> None:
        stretch, self._stretch = self._stretch, None
        if stretch is None:
            return
        found = ", ".join(
            f"{count} {label} ({stretch.best[label]:.2f})" for label, count in stretch.counts.most_common()
        )
        if stretch.still:
            what, when = stretch.source, ""
        else:
            what = str(stretch.first) if stretch.first == stretch.last else f"{stretch.first}-{stretch.last}"
            when = f"{stretch.begun_s:.1f}-{stretch.ended_s:.1f}"
        row = _ROW.format(what=what[-32:], when=when, found=found or "nothing")
        self._console.print(Text(row, style="" if found else "dim"))


def _keep_best(best: dict[str, float], detections: tuple[Detection, ...]) -> None:
    for detection in detections:
        best[detection.label] = max(best.get(detection.label, 0.0), detection.score)
