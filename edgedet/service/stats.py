"""How fast each camera's pipeline is: counts and percentiles of the last half minute. Pure: time comes in."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

WINDOW_S = 30
_MAX_SAMPLES = 8192
_NS_PER_S = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Of a sample, in its own unit (milliseconds here)."""

    p50: float
    p95: float
    p99: float

    def body(self) -> dict[str, float]:
        """Return it as the payloads have it."""
        return {"p50": round(self.p50, 3), "p95": round(self.p95, 3), "p99": round(self.p99, 3)}


def percentiles(values: Sequence[float]) -> Percentiles | None:
    """Return the percentiles by nearest rank: each is a value that did occur. None without values."""
    if not values:
        return None
    ranked = sorted(values)
    count = len(ranked)
    p50, p95, p99 = (ranked[max(0, -(-count * share // 100) - 1)] for share in (50, 95, 99))
    return Percentiles(p50, p95, p99)


@dataclass(frozen=True, slots=True)
class CameraFigures:
    """One camera, over the window; rates are None before anything can be said."""

    captured_fps: float | None
    processed_fps: float | None
    dropped: int
    """Since the start: frames that a newer one replaced."""
    inference_ms: Percentiles | None
    latency_ms: Percentiles | None
    """Capture to publish."""

    def body(self) -> dict[str, object]:
        """Return it as the `stats` payload has it."""
        return {
            "captured_fps": None if self.captured_fps is None else round(self.captured_fps, 2),
            "processed_fps": None if self.processed_fps is None else round(self.processed_fps, 2),
            "dropped": self.dropped,
            "inference_ms": None if self.inference_ms is None else self.inference_ms.body(),
            "latency_ms": None if self.latency_ms is None else self.latency_ms.body(),
        }


class Rate:
    """Events a second over a sliding window, in one counter a second: the same memory at any rate."""

    def __init__(self, window_s: int = WINDOW_S) -> None:
        self._window_s = window_s
        self._counts: dict[int, int] = {}
        self._first_ns: int | None = None

    def count(self, now_ns: int) -> None:
        """Note one event."""
        if self._first_ns is None:
            self._first_ns = now_ns
        second = now_ns // _NS_PER_S
        self._counts[second] = self._counts.get(second, 0) + 1
        if len(self._counts) > self._window_s + 2:
            self._forget(now_ns)

    def per_second(self, now_ns: int) -> float | None:
        """Return the rate; None within the first second after the first event, and before it."""
        if self._first_ns is None or now_ns - self._first_ns < _NS_PER_S:
            return None
        self._forget(now_ns)
        # The second that runs is whole only at its end: counted in full, with the time that it really had.
        oldest_ns = max(self._first_ns, (now_ns // _NS_PER_S - self._window_s + 1) * _NS_PER_S)
        return sum(self._counts.values()) * _NS_PER_S / (now_ns - oldest_ns)

    def _forget(self, now_ns: int) -> None:
        oldest = now_ns // _NS_PER_S - self._window_s + 1
        for second in [second for second in self._counts if second < oldest]:
            del self._counts[second]


class CameraMeter:
    """Collects what happens to the frames of one camera. A few hundred nanoseconds a call."""

    def __init__(self, window_s: int = WINDOW_S) -> None:
        self._window_ns = window_s * _NS_PER_S
        self._processed = Rate(window_s)
        self._samples: deque[tuple[int, float, float]] = deque(maxlen=_MAX_SAMPLES)

    def processed(self, now_ns: int, *, inference_ms: float, latency_ms: float) -> None:
        """Note a frame whose detections went out."""
        self._processed.count(now_ns)
        self._samples.append((now_ns, inference_ms, latency_ms))

    def figures(self, now_ns: int, *, captured_fps: float | None, dropped: int) -> CameraFigures:
        """Return what can be said now. What the camera's worker and the channel count themselves is passed on."""
        oldest_ns = now_ns - self._window_ns
        while self._samples and self._samples[0][0] < oldest_ns:
            self._samples.popleft()
        return CameraFigures(
            captured_fps=captured_fps,
            processed_fps=self._processed.per_second(now_ns),
            dropped=dropped,
            inference_ms=percentiles([sample[1] for sample in self._samples]),
            latency_ms=percentiles([sample[2] for sample in self._samples]),
        )
