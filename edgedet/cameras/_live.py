"""What network and USB cameras have in common: they run by themselves, and may stop at any time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

from av.error import ExitError, FFmpegError

from edgedet.cameras._pyav import FrameShot, keep_quiet, reason_of, video_stream
from edgedet.cameras._swscale import Painter
from edgedet.errors import SourceError, SourceLost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream


LONGEST_SILENCE_S = 60.0
"""What a read may take where nothing else is said. Mostly the supervisor is sooner: it knows the camera's usual pause,
and what hangs here cannot judge itself."""


class LiveCamera:
    """Implements `edgedet.cameras.Camera` for what FFmpeg reads live. Connecting again is the supervisor's business."""

    def __init__(
        self, name: str, connect: Callable[[], InputContainer], *, first_frame_s: float, silence_s: float | None = None
    ) -> None:
        self._name = name
        self._connect = connect
        self._first_frame_s = first_frame_s
        self._silence_s = silence_s or LONGEST_SILENCE_S
        self._container: InputContainer | None = None
        self._stalled = False
        self._given = 0

    @property
    def live(self) -> bool:
        """Always: a slow reader loses frames."""
        return True

    @property
    def expected_frames(self) -> int | None:
        """It has no end."""
        return None

    @property
    def notes(self) -> tuple[str, ...]:
        """None: what goes wrong with a live source ends it."""
        return ()

    def __enter__(self) -> Self:
        """Connect.

        Raises:
            SourceError: it cannot be reached, or refuses, or has no video.
        """
        keep_quiet()
        self._container = self._connect()
        try:
            video_stream(self._container, self._name)
        except SourceError:
            self._container.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Release the device, or take leave of the server if it is still listening."""
        # To close means to say good-bye and wait for the answer, which a server that hangs never gives. The socket
        # goes with the process.
        if self._container is not None and not self._stalled:
            self._container.close()

    def frames(self) -> Iterator[FrameShot]:
        """See `edgedet.cameras.Camera`. Never ends but with an error."""
        if self._container is None:
            raise SourceError(f"{self._name} is not open", hint="Enter it before asking for frames.")
        painter = Painter()
        stream = video_stream(self._container, self._name)
        packets = self._container.demux(stream)
        first_ns = last_ns = time.monotonic_ns()
        while True:
            decoded = self._next(packets, stream)
            # Whatever came: a read that times out hands over the part of a frame that it had, and that may be decoded.
            patience_s = self._silence_s if self._given else self._first_frame_s
            if time.monotonic_ns() - last_ns > patience_s * 1e9:
                raise self._stall(patience_s)
            for frame in decoded:
                now_ns = time.monotonic_ns()
                if not self._given:
                    first_ns = now_ns
                self._given += 1
                # By our own clock: the time stamps of a stream may be missing, or jump when its sender learns the hour.
                yield FrameShot(frame, painter, now_ns, (now_ns - first_ns) / 1e9)
            if decoded:
                last_ns = time.monotonic_ns()

    def _next(self, packets: Iterator[Packet[VideoStream]], stream: VideoStream) -> list[VideoFrame]:
        """What the next packet gives; nothing for one that is damaged."""
        try:
            packet = next(packets, None)
        except ExitError:
            raise self._stall(self._silence_s) from None
        except FFmpegError as error:
            raise self._lost(reason_of(error), "camera_absent") from None
        if packet is None or not packet.size:
            raise self._lost("the other side has closed the stream", "camera_absent")
        try:
            return stream.codec_context.decode(packet)
        except FFmpegError:
            return []

    def _stall(self, waited_s: float) -> SourceError:
        self._stalled = True
        return self._lost(f"no picture for {waited_s:g} s", "camera_stalled")

    def _lost(self, reason: str, code: str) -> SourceError:
        hint = "Check that the camera is running and its network or cable is good."
        if self._given:
            return SourceLost(f"{self._name} breaks off at frame {self._given}: {reason}", hint=hint, code=code)
        return SourceError(f"{self._name} gives no picture: {reason}", hint=hint, code=code)
