"""Reading video files: to the end or where they break off, once, in a loop, or at their own pace."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

import av
from av.error import FFmpegError

from edgedet.cameras._files import refuse_unreadable
from edgedet.cameras._pyav import Decoding, FrameShot, keep_quiet, reason_of, video_stream
from edgedet.cameras._swscale import Painter
from edgedet.errors import SourceError, SourceLost

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

    from edgedet.cameras.video import Settings

_EARLY_NS = 500_000
"""How much earlier than it should need to the decoder is asked for the next frame of a paced file."""
_LATE_NS = 1_000_000_000
"""Further behind than this (a suspended machine), pacing starts anew instead of hurrying through what is due."""
_DEFAULT_STEP_S = 0.04
"""Between frames of a stream that has neither time stamps nor a rate: FFmpeg's own default, 25 a second."""
_STATES_DURATION = frozenset(("mov", "matroska", "webm", "flv", "avi"))
_GIVE_VIDEO = "Give a video file that FFmpeg can read, such as MP4, MKV or AVI."
_REPAIR = "Copy or record it again; a repair tool may save the rest."


class VideoCamera:
    """Implements `edgedet.cameras.Camera` for files."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._container: InputContainer | None = None
        self._notes: list[str] = []

    @property
    def live(self) -> bool:
        """Only when it is paced."""
        return self._settings.realtime

    @property
    def expected_frames(self) -> int | None:
        """What the file's header says, or its length times its rate; None where it loops or does not say."""
        if self._settings.loop or self._container is None:
            return None
        stream = video_stream(self._container, self._settings.path)
        stated_s = _stated_s(self._container, stream)
        rate = stream.average_rate
        return stream.frames or (round(stated_s * rate) if rate else 0) or None

    @property
    def notes(self) -> tuple[str, ...]:
        """What was damaged and passed over; complete when the frames have ended."""
        return tuple(self._notes)

    def __enter__(self) -> Self:
        """Open the file.

        Raises:
            SourceError: it cannot be read, or there is no video in it.
        """
        keep_quiet()
        self._container = self._open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Close the file."""
        if self._container is not None:
            self._container.close()
            self._container = None

    def frames(self) -> Iterator[FrameShot]:
        """See `edgedet.cameras.Camera`."""
        shots = self._shots()
        return _paced(shots) if self._settings.realtime else shots

    def _shots(self) -> Iterator[FrameShot]:
        path = self._settings.path
        painter = Painter()
        offset_s = 0.0
        given = 0
        while True:
            reading = _Reading(self._opened(), path)
            yield from reading.shots(painter, offset_s)
            given += reading.given
            if reading.damaged:
                self._note(f"{path}: damaged frames that were left out: {reading.damaged}")
            reason = reading.reason_of_break()
            if not reading.given:
                reason = reason or "none of its data can be decoded"
            if not given:
                raise SourceError(f"{path}: not one frame could be read: {reason}", hint=_REPAIR)
            if reason and not (self._settings.loop and reading.given):
                raise SourceLost(f"{path} breaks off at frame {given}: {reason}")
            if not self._settings.loop:
                return
            if reason:
                self._note(f"{path} breaks off at frame {reading.given}: {reason}")
            offset_s += reading.end_s
            self._open_again(given)

    def _open_again(self, given: int) -> None:
        """For the next round. Not rewound: raw streams and some containers cannot seek, and opening takes 6 ms."""
        self._opened().close()
        self._container = None
        try:
            self._container = self._open()
        except SourceError as error:
            raise SourceLost(f"{self._settings.path} breaks off at frame {given}: {error.message}") from None

    def _opened(self) -> InputContainer:
        if self._container is None:
            raise SourceError(f"{self._settings.path} is not open", hint="Enter it before asking for frames.")
        return self._container

    def _note(self, text: str) -> None:
        if text not in self._notes:
            self._notes.append(text)

    def _open(self) -> InputContainer:
        path = self._settings.path
        address = path
        if "://" not in path:
            refuse_unreadable(path)
            if Path(path).is_dir():
                raise SourceError(f"{path} is a folder, not a video", hint="Folders are of `type: images`.")
            # Else a colon in the name would be read as a protocol.
            address = f"file:{path}"
        try:
            container = av.open(address, metadata_errors="replace")
        except FFmpegError as error:
            reason = reason_of(error)
            raise SourceError(f"{path} cannot be read as video: {reason}", hint=_advice(path)) from None
        try:
            # FFmpeg draws text files as a terminal would: nobody means that.
            if container.format.name == "tty":
                raise SourceError(f"{path} is a text file, not a video", hint=_GIVE_VIDEO)
            video_stream(container, path)
        except SourceError:
            container.close()
            raise
        return container


class _Reading:
    """One pass over the file, from its first frame to its end."""

    def __init__(self, container: InputContainer, path: str) -> None:
        self._container = container
        self._stream = video_stream(container, path)
        self._decoding = Decoding(container, self._stream)
        rate = self._stream.average_rate or self._stream.guessed_rate
        self._step_s = float(1 / rate) if rate else _DEFAULT_STEP_S
        self._first_s: float | None = None
        # Not the frame's own: what the decoder still held at the end of the file has none. And no fraction, which would
        # take 20 us a frame.
        self._ticks_per_s = float(1 / self._stream.time_base) if self._stream.time_base else 0.0
        self.given = 0
        """Frames that were handed out."""
        self.end_s = 0.0
        """When the last of them ceases to be shown, seconds from the first."""

    @property
    def damaged(self) -> int:
        """Packets that were left out."""
        return self._decoding.damaged

    def shots(self, painter: Painter, offset_s: float) -> Iterator[FrameShot]:
        """Every frame, with `offset_s` added to its time."""
        for frame in self._decoding.frames():
            pts_s = self._time_of(frame)
            self.given += 1
            yield FrameShot(frame, painter, time.monotonic_ns(), offset_s + pts_s)

    def _time_of(self, frame: VideoFrame) -> float:
        """Seconds from the first frame; counted on at the stream's rate where the file has no time stamps."""
        pts_s = self.end_s
        if frame.pts is not None and self._ticks_per_s:
            shown_s = frame.pts / self._ticks_per_s
            if self._first_s is None:
                self._first_s = shown_s
            pts_s = max(0.0, shown_s - self._first_s)
        lasts_s = frame.duration / self._ticks_per_s if frame.duration and self._ticks_per_s else self._step_s
        self.end_s = max(self.end_s, pts_s + lasts_s)
        return pts_s

    def reason_of_break(self) -> str:
        """Why the file is not whole, empty when it is. Meant for after the last frame."""
        if self._decoding.read_error is not None:
            return reason_of(self._decoding.read_error)
        if self._decoding.broken_tail:
            return "the data ends in the middle of a frame"
        stated_s = _stated_s(self._container, self._stream)
        promised = self._stream.frames
        if promised:
            # The count alone proves nothing: an edit list may leave frames out on purpose.
            if self._decoding.packets < promised and self.end_s < stated_s - 1.5 * self._step_s:
                return f"the rest of its {promised} frames is missing"
        elif self.end_s < stated_s - max(0.5, 3 * self._step_s):
            return f"it should last {stated_s:.1f} s and ends after {self.end_s:.1f} s"
        return ""


def _stated_s(container: InputContainer, stream: VideoStream) -> float:
    """How long the file itself says that the video lasts, in seconds; 0.0 where it does not say.

    Only containers whose header says it: for others FFmpeg guesses from the bit rate.
    """
    if not _STATES_DURATION.intersection(container.format.name.split(",")):
        return 0.0
    lengths = []
    if stream.duration and stream.time_base:
        lengths.append(float(stream.duration * stream.time_base))
    elif len(container.streams) > 1:
        # The whole file's length may be its sound's.
        return 0.0
    if container.duration:
        lengths.append(container.duration / av.time_base)
    return min(lengths, default=0.0)


def _paced(shots: Iterator[FrameShot]) -> Iterator[FrameShot]:
    """The same shots, each when its time has come, counted from the first.

    Most of each pause comes before the decoder is asked for the next frame, as with a camera: what it gives is then
    still in the processor's caches when it is scaled (0.2 ms against 0.65).
    """
    start_ns: int | None = None
    before_ns, gap_ns, decoding_ns = 0, 0, 0
    while True:
        if start_ns is not None:
            _sleep_until(start_ns + before_ns + gap_ns - 2 * decoding_ns - _EARLY_NS)
        asked_ns = time.monotonic_ns()
        shot = next(shots, None)
        if shot is None:
            return
        now_ns = time.monotonic_ns()
        pts_ns = round(shot.pts_s * 1e9)
        if start_ns is None or now_ns - (start_ns + pts_ns) > _LATE_NS:
            start_ns = now_ns - pts_ns
        else:
            # Of uneven gaps the shorter one is expected, so that no frame is late for having been waited for.
            gap_ns = min(pts_ns - before_ns, gap_ns or pts_ns - before_ns)
            decoding_ns = now_ns - asked_ns
        before_ns = pts_ns
        _sleep_until(start_ns + pts_ns)
        # To whoever reads it, the frame is taken now, and not when the decoder had it ready.
        shot.captured_ns = time.monotonic_ns()
        yield shot


def _sleep_until(due_ns: int) -> None:
    wait_ns = due_ns - time.monotonic_ns()
    if wait_ns > 0:
        time.sleep(wait_ns / 1e9)


def _advice(path: str) -> str:
    if "://" in path:
        return "Check the address, and that the server is up."
    with Path(path).open("rb") as file:
        head = file.read(12)
    if head[4:8] in (b"ftyp", b"mdat", b"moov", b"free", b"wide"):
        return "It is an MP4 whose index is missing or damaged: the recording was not closed. " + _REPAIR
    return _GIVE_VIDEO
