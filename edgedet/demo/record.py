"""Everything that the demo learns: frames from the daemon's own hook, the rest from a subscriber on the broker."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from edgedet.demo.picture import View
from edgedet.demo.score import Score
from edgedet.demo.subscriber import Heard

_LINES_KEPT = 200
_RATE_OVER_S = 3.0


@dataclass(frozen=True, slots=True)
class Line:
    """Something that is told to the user."""

    at_s: float
    """Since the start of the demo."""
    kind: str
    """`act`: what the demo does; `good` and `bad`: what came of it; `event`: what the daemon tells of an object; `log`:
    what its log says."""
    text: str


@dataclass(slots=True)
class ByLabel:
    """Counts of one label in the newest picture."""

    truth: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)


class Record:
    """What happened so far. Event loop only; `wait_for` waits until something is so."""

    def __init__(self, base: str, camera: str, started: float) -> None:
        self.base = base
        self.camera = camera
        self.started = started
        """time.monotonic()."""
        self.view: View | None = None
        self.now = Score()
        self.total = Score()
        self.labels = ByLabel()
        self.frames = 0
        self.frame_times: deque[float] = deque(maxlen=400)
        self.latest: dict[str, Heard] = {}
        """The newest message of each topic, named below `base`."""
        self.heard: deque[Heard] = deque(maxlen=2000)
        self.messages = 0
        self.linked = False
        """Whether the subscriber has its broker."""
        self.lines: deque[Line] = deque(maxlen=_LINES_KEPT)
        self._on_line: list[Callable[[Line], None]] = []
        self._on_heard: list[Callable[[Heard], None]] = []
        self._changed = asyncio.Event()

    def on_line(self, callback: Callable[[Line], None]) -> None:
        """Call with each line from now on."""
        self._on_line.append(callback)

    def on_heard(self, callback: Callable[[Heard], None]) -> None:
        """Call with each message from now on."""
        self._on_heard.append(callback)

    def say(self, kind: str, text: str) -> None:
        """Tell the user; see `Line.kind`."""
        line = Line(time.monotonic() - self.started, kind, text)
        self.lines.append(line)
        for callback in self._on_line:
            callback(line)

    def count_frame(self, at: float) -> None:
        """A frame was looked at; `at` is time.monotonic()."""
        self.frames += 1
        self.frame_times.append(at)
        self._changed.set()

    def judge_frame(self, view: View | None, score: Score | None, labels: ByLabel) -> None:
        """What a frame came to; the view only where it is to be drawn, the score where there is a truth."""
        if view is not None:
            self.view = view
        if score is not None:
            self.now = score
            self.total += score
        self.labels = labels

    def hear(self, message: Heard) -> None:
        """A message came over MQTT."""
        self.messages += 1
        self.heard.append(message)
        self.latest[message.topic.removeprefix(f"{self.base}/")] = message
        for callback in self._on_heard:
            callback(message)
        if message.topic == f"{self.base}/{self.camera}/events":
            self._tell_event(self.json(f"{self.camera}/events"))
        self._changed.set()

    def _tell_event(self, event: Mapping[str, Any] | None) -> None:
        """Only what is rare enough to be read: coming, going, crossing a line."""
        match event:
            case {"type": "new" | "end" as kind, "label": label, "track_id": track}:
                self.say("event", f"event {kind}: {label} #{track}")
            case {"type": "line_cross", "label": label, "track_id": track, "line": line, "direction": direction}:
                self.say("event", f"event line_cross: {label} #{track}, {line} ({direction})")

    def link(self, linked: bool) -> None:  # noqa: FBT001 - a callback's only value
        """The subscriber has found or lost its broker."""
        self.linked = linked
        self._changed.set()

    def rate(self) -> float:
        """Frames a second that were looked at lately."""
        now = time.monotonic()
        recent = [at for at in self.frame_times if now - at < _RATE_OVER_S]
        return len(recent) / min(_RATE_OVER_S, max(now - self.started, 0.1))

    def text(self, topic: str) -> str | None:
        """The newest payload of a topic below `base`, as text."""
        heard = self.latest.get(topic)
        return None if heard is None else heard.payload.decode(errors="replace")

    def json(self, topic: str) -> Mapping[str, Any] | None:
        """The newest payload of a topic below `base`, read as JSON."""
        heard = self.latest.get(topic)
        if heard is None:
            return None
        try:
            value = json.loads(heard.payload)
        except ValueError:
            return None
        return value if isinstance(value, dict) else None

    def state(self) -> str:
        """What the camera's `state` topic said last."""
        return self.text(f"{self.camera}/state") or "starting"

    def counts(self) -> dict[str, str]:
        """What the `objects` topics said last, by label."""
        start = f"{self.camera}/objects/"
        return {topic.removeprefix(start): self.text(topic) or "" for topic in self.latest if topic.startswith(start)}

    def since(self, at: float, topic: str) -> list[Heard]:
        """Messages of a topic below `base` (or of all that begin so, with `/` at its end) since that moment."""
        full = f"{self.base}/{topic}"
        return [
            heard
            for heard in self.heard
            if heard.at >= at and (heard.topic == full or (full.endswith("/") and heard.topic.startswith(full)))
        ]

    async def wait_for(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        """Wait until it holds, looking after every change; False when that takes too long."""
        give_up = time.monotonic() + timeout_s
        while not condition():
            left = give_up - time.monotonic()
            if left <= 0:
                return False
            self._changed.clear()
            try:
                async with asyncio.timeout(min(left, 0.2)):
                    await self._changed.wait()
            except TimeoutError:
                continue
        return True
