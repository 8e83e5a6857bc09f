"""The demo on a terminal, live."""

from __future__ import annotations

import asyncio
import time

from edgedet.demo.judge import DRAWN_EVERY_S
from edgedet.demo.layout import Snapshot, compose
from edgedet.demo.messages import figures, health_line, payload_line
from edgedet.demo.record import Record
from edgedet.demo.setting import Setting
from edgedet.demo.terminal import Terminal

_LAST_DRAWING_S = 2.0
_REST = 3.0
"""Pause after a drawing, in times of what it took: on a Pi, too, a quarter of a core is the most that it costs."""
_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


class Screen:
    """Draws what the record says, some times a second, in a thread: a slow terminal holds nothing up."""

    def __init__(
        self, terminal: Terminal, record: Record, setting: Setting, broker: str, seconds: float | None
    ) -> None:
        self._terminal = terminal
        self._record = record
        self._setting = setting
        self._broker = broker
        self._seconds = seconds

    async def run(self) -> None:
        """Draw for ever."""
        while True:
            began = time.monotonic()
            snapshot = self.snapshot()
            drawing = asyncio.get_running_loop().create_task(asyncio.to_thread(self._draw, snapshot), name="draw")
            try:
                await asyncio.shield(drawing)
            except asyncio.CancelledError:
                # The terminal is given back next, and nothing may be written to it after that.
                await asyncio.wait((drawing,), timeout=_LAST_DRAWING_S)
                raise
            took_s = time.monotonic() - began
            await asyncio.sleep(max(DRAWN_EVERY_S - took_s, _REST * took_s))

    def _draw(self, snapshot: Snapshot) -> None:
        self._terminal.show(compose(snapshot, *self._terminal.size()))

    def snapshot(self) -> Snapshot:
        """Everything that is to be seen now."""
        record = self._record
        elapsed_s = time.monotonic() - record.started
        clock = f"{elapsed_s:.0f} s" if self._seconds is None else f"{elapsed_s:.0f} of {self._seconds:.0f} s"
        hint = "q or Ctrl-C ends it"
        if not record.frames:
            hint = f"{_SPINNER[int(elapsed_s * 10) % len(_SPINNER)]} starting: broker, model, source"
        return Snapshot(
            title=f"edgedet demo · {self._setting.device} · {self._broker}",
            clock=clock,
            health=health_line(record),
            camera=record.camera,
            state=record.state(),
            view=record.view,
            facts=self._facts(),
            lines=tuple(record.lines),
            messages=self._messages(),
            hint=hint,
        )

    def _facts(self) -> tuple[tuple[str, str], ...]:
        record, known = self._record, figures(self._record)
        facts: list[tuple[str, str]] = []
        if self._setting.truth is not None:
            facts += [("now", str(record.now)), ("so far", str(record.total))]
            names = [label for label in self._setting.model.labels if record.labels.truth[label]]
            beside = [f"{name} {record.labels.found[name]}/{record.labels.truth[name]}" for name in names]
            facts.append(("", ", ".join(beside)))
        else:
            found = ", ".join(f"{count} {label}" for label, count in record.labels.found.most_common(5))
            facts.append(("now", found or "nothing found"))
        counts = ", ".join(f"{label} {count}" for label, count in sorted(record.counts().items()) if count != "0")
        kept = "" if record.state() in {"watching", "degraded"} else "kept: "
        facts += [
            ("counts", f"{kept}{counts or '0'}"),
            ("rate", f"{record.rate():.1f}/s of {known['captured']} captured"),
            ("latency", known["latency"]),
            ("invoke", known["inference"]),
            ("cost", f"CPU {known['cpu']}, {known['memory']}"),
            ("MQTT", f"{record.messages:,} messages{'' if record.linked else ', no broker'}"),
        ]
        return tuple(facts)

    def _messages(self) -> tuple[tuple[str, str], ...]:
        # By topic, not by time: at fifteen messages a second nothing that moves can be read.
        ordered = sorted(self._record.latest.items(), key=lambda item: (_rank(item[0]), item[0]))
        return tuple((topic, payload_line(heard)) for topic, heard in ordered)


def _rank(topic: str) -> int:
    for rank, end in enumerate(("/detections", "health", "/state", "availability", "stats")):
        if topic.endswith(end) and "detect/" not in topic and "min_score/" not in topic:
            return rank
    return 9
