"""One line of JSON a frame: what `edgedet detect --format jsonl` writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from edgedet.outputs.encoding import detection_entries, quoted

if TYPE_CHECKING:
    from edgedet.types import FrameResult


@dataclass(frozen=True, slots=True)
class SourcedResult:
    """A looked-at frame and the name of where it came from."""

    source: str
    """As given on the command line; a folder's picture is `folder/name`."""
    result: FrameResult


class JsonLines:
    """Writes each result as one line to an open text stream, which stays its owner's."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def send(self, message: SourcedResult) -> None:
        """Write one line.

        Raises:
            ValueError: a number that is not finite.
            OSError: the stream cannot be written (a closed pipe, a full disk).
        """
        self._stream.write(json_line(message.source, message.result))


def json_line(source: str, result: FrameResult) -> str:
    """Return the line of one frame, with its newline.

    Raises:
        ValueError: a number that is not finite.
    """
    seen = result.stamp
    listed = ",".join([f"{entry}}}" for entry in detection_entries(result.detections)])
    return (
        f'{{"source":{quoted(source)},"frame":{seen.seq},"pts_s":{seen.pts_s:.4f},'
        f'"width":{seen.width},"height":{seen.height},"detections":[{listed}]}}\n'
    )
