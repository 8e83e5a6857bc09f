"""The demo in a pipe, a log or a dumb terminal: plain lines."""

from __future__ import annotations

import asyncio
import math
from typing import TextIO

from edgedet.demo.cells import shorten
from edgedet.demo.messages import figures, health_line, payload_line
from edgedet.demo.record import Line, Record
from edgedet.demo.subscriber import Heard

_STATUS_EVERY_S = 5.0
_WIDTH = 160
_SIGNS = {"act": ">>", "good": "ok", "bad": "!!", "event": "**", "log": "  "}


class Lines:
    """Prints what happens when it happens, and how things stand every few seconds."""

    def __init__(self, stream: TextIO, record: Record, *, with_truth: bool) -> None:
        self._stream = stream
        self._record = record
        self._with_truth = with_truth

    async def run(self) -> None:
        """Print for ever."""
        self._record.on_line(self._line)
        self._record.on_heard(self._heard)
        self._print("starting: broker, model, source")
        await self._record.wait_for(lambda: bool(self._record.frames), math.inf)
        while True:
            await asyncio.sleep(_STATUS_EVERY_S)
            self._status()

    def _line(self, line: Line) -> None:
        self._print(f"{line.at_s:6.1f} s  {_SIGNS.get(line.kind, '')} {line.text}")

    def _heard(self, heard: Heard) -> None:
        """States as they come; what comes with every frame is left to the status."""
        if not heard.payload:  # retained by somebody else's broker, and taken away at the end
            return
        below = heard.topic.removeprefix(f"{self._record.base}/")
        if below in {"availability", "health"} or below == f"{self._record.camera}/state":
            at_s = heard.at - self._record.started
            self._print(shorten(f"{at_s:6.1f} s  -- {heard.topic} {payload_line(heard)}", _WIDTH))

    def _status(self) -> None:
        record, known = self._record, figures(self._record)
        found = str(record.total)
        if not self._with_truth:
            found = ", ".join(f"{count} {label}" for label, count in record.labels.found.most_common(5)) or "nothing"
        self._print(
            f"          {record.camera} {record.state()}; health {health_line(record)}; {found}; "
            f"{record.rate():.1f} frames a second, latency {known['latency']}"
        )
        newest = record.latest.get(f"{record.camera}/detections")
        if newest is not None:
            self._print(shorten(f"          -- {newest.topic} {payload_line(newest)}", _WIDTH))

    def _print(self, text: str) -> None:
        print(text, file=self._stream, flush=True)
