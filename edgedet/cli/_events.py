"""Events on their way to a stream: JSON lines for programs, rows for a person at a terminal."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TextIO

from edgedet.outputs.eventlines import event_line
from edgedet.types import EventKind

if TYPE_CHECKING:
    from rich.console import Console

    from edgedet.app.replay import Told
    from edgedet.types import Event

_STYLES = {EventKind.NEW: "bold green", EventKind.END: "dim", EventKind.UPDATE: ""}


def event_writer(chosen_format: str, stream: TextIO, console: Console | None) -> Callable[[Told], None]:
    """What takes each event: `jsonl`, `table` or `none`."""
    if chosen_format == "jsonl":
        return lambda told: _write_line(stream, told)
    if chosen_format == "none":
        return lambda _told: None
    from rich.console import Console as RichConsole
    from rich.text import Text

    rows = console or RichConsole(file=stream)
    rows.print(Text(f"{'seconds':>9}  {'event':<11} {'object':<20} {'score':>5}  where", style="bold"))
    return lambda told: rows.print(Text(_row(told), style=_STYLES.get(told.event.kind, "cyan")))


def _write_line(stream: TextIO, told: Told) -> None:
    stream.write(event_line(told.source, told.frame, told.pts_s, told.seq, told.event))


def _row(told: Told) -> str:
    event = told.event
    named = f"{event.label} #{event.track_id}"
    return f"{told.pts_s:9.2f}  {event.kind:<11} {named:<20} {event.score:5.2f}  {_where(event)}".rstrip()


def _where(event: Event) -> str:
    if event.kind in {EventKind.ZONE_ENTER, EventKind.ZONE_LEAVE}:
        return event.zone or ""
    if event.kind is EventKind.LINE_CROSS:
        return f"{event.line} ({event.direction})"
    if event.ended_ns is not None:
        lasted_s = (event.ended_ns - event.started_ns) / 1e9
        return f"after {lasted_s:.1f} s, {event.end_reason}"
    words = [*event.zones]
    if event.stationary:
        words.append("stationary")
    if event.loitering:
        words.append(f"loitering in {', '.join(event.loitering)}")
    return ", ".join(words)
