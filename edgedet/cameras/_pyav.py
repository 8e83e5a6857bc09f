"""What every source that FFmpeg opens has in common: the shot, errors in plain words, packets that are damaged."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import av
from av.error import FFmpegError
from av.stream import Disposition

from edgedet.cameras._swscale import Painter, quarter_turns
from edgedet.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream
    from numpy.typing import NDArray

    from edgedet.types import PixelFormat


class FrameShot:
    """A frame as the decoder left it."""

    __slots__ = ("_frame", "_painter", "_turns", "captured_ns", "height", "name", "pts_s", "width")

    def __init__(self, frame: VideoFrame, painter: Painter, captured_ns: int, pts_s: float) -> None:
        self._frame = frame
        self._painter = painter
        self._turns = quarter_turns(frame)
        self.captured_ns = captured_ns
        self.pts_s = pts_s
        turned = self._turns % 2
        self.width: int = frame.height if turned else frame.width
        self.height: int = frame.width if turned else frame.height
        self.name = ""

    def draw_detect(self, window: NDArray[np.uint8]) -> None:
        """See `edgedet.cameras.Shot`."""
        self._painter.draw_detect(self._frame, window, self._turns)

    def draw_full(self, memory: NDArray[np.uint8]) -> PixelFormat:
        """See `edgedet.cameras.Shot`. I420, limited range."""
        return self._painter.draw_full(self._frame, memory, self._turns)


def keep_quiet() -> None:
    """Keep FFmpeg's own log off standard error: what matters in it comes as an exception or is counted."""
    av.logging.set_level(None)


def video_stream(container: InputContainer, name: str) -> VideoStream:
    """The stream to show: FFmpeg's choice, never a cover picture.

    Raises:
        SourceError: there is none.
    """
    moving = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    best = container.streams.best("video")
    stream = next((s for s in moving if best is not None and s.index == best.index), None)
    if stream is None and moving:
        stream = moving[0]
    if stream is None or stream.codec_context is None:
        what = "only sound" if container.streams.audio else "no video"
        raise SourceError(f"{name}: there is {what} in it", hint="Give a file or stream with a video track.")
    # One thread: with slices or frames in parallel FFmpeg takes the same processor time or more, and the cores are
    # the detector's. (768x432 H.264: 0.50 ms of processor time a frame, 0.54 with two threads.)
    stream.thread_type = "NONE"
    stream.codec_context.thread_count = 1
    return stream


def reason_of(error: FFmpegError | OSError) -> str:
    """FFmpeg's reason without the name of the file: that may be a URL with a password in it."""
    reason = (error.strerror or type(error).__name__).strip()
    return reason[:1].lower() + reason[1:]


class Decoding:
    """Decodes the packets of one opened stream and keeps count of what was damaged."""

    def __init__(self, container: InputContainer, stream: VideoStream) -> None:
        self._container = container
        self._stream = stream
        self.packets = 0
        """Packets that were read, whole or not."""
        self.damaged = 0
        """Packets in the middle of the stream that could not be decoded and were left out."""
        self.broken_tail = False
        """Whether the last packet read was damaged, and so nothing came after it."""
        self.read_error: FFmpegError | None = None
        """What ended the reading, where that was not the end of the stream."""

    def frames(self) -> Iterator[VideoFrame]:
        """Every frame that can be decoded, in order of presentation, but what is left of a torn-off last one."""
        pending: VideoFrame | None = None
        for packet in chain(self._read(), (None,)):
            for frame in self._decode(packet):
                if pending is not None:
                    yield pending
                    pending = None
                # Held back until another shows that the damage is in the middle and not the torn-off end.
                if frame.is_corrupt:
                    pending = frame
                else:
                    yield frame
        if pending is not None:
            self.broken_tail = True

    def _read(self) -> Iterator[Packet[VideoStream]]:
        """Packets in file order; a torn-off last one is left out."""
        held: Packet[VideoStream] | None = None
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                break
            except FFmpegError as error:
                self.read_error = error
                break
            if not packet.size:
                break
            self.packets += 1
            if held is not None:
                yield held
                held = None
            if packet.is_corrupt:
                held = packet
            else:
                yield packet
        if held is not None:
            self.broken_tail = True

    def _decode(self, packet: Packet[VideoStream] | None) -> list[VideoFrame]:
        """The frames that this packet completes; all that the decoder still holds where it is None."""
        try:
            return self._stream.codec_context.decode(packet)
        except EOFError:
            return []
        except FFmpegError:
            self.damaged += 1
            return []
