"""Annotated frames as a video that takes as long as what it was made of."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, cast

import av
import numpy as np
from av.codec.codec import UnknownCodecError
from av.video.frame import VideoFrame
from PIL import Image

from edgedet.errors import UsageError
from edgedet.outputs.drawing import annotate
from edgedet.outputs.save import refuse_source, writing

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.video.stream import VideoStream

    from edgedet.types import Detection, FrameStamp, PixelFormat

_TICK = Fraction(1, 30_000)
"""Fine enough for every usual rate, 29.97 among them; MPEG-4's own limit is 65,535 ticks a second."""
_STILL_S = 1.0
"""How long a still picture, which has no time of its own, is shown."""
# AVI has no times of presentation, so H.264, which changes the order of frames, comes out of it shuffled.
_CODECS = {".webm": ("libvpx-vp9", "libvpx"), ".avi": ("mpeg4",)}
_COMMON_CODECS = ("libx264", "libopenh264", "mpeg4")
_OPTIONS = {"libx264": {"preset": "veryfast", "crf": "20"}, "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8"}}
_BITS_A_PIXEL = 0.15
"""For the encoders that want a rate; enough for boxes with sharp edges."""


class VideoSaver:
    """A video whose frames lie where they lay in the source. Enter it, save frames in order, leave it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held: tuple[Image.Image, float] | None = None
        self._step_s = 0.0
        self._last_pts_s = -1.0
        self._offset_s = 0.0
        self._last_tick = -1
        self._size = (0, 0)
        self._source = ""
        self._container: OutputContainer | None = None
        self._stream: VideoStream | None = None
        self._codec = ""

    def __enter__(self) -> Self:
        """Find an encoder.

        Raises:
            UsageError: this build of FFmpeg has none for this kind of file.
        """
        names = _CODECS.get(self._path.suffix.lower(), _COMMON_CODECS)
        self._codec = next((name for name in names if _has_encoder(name)), "")
        if not self._codec:
            raise UsageError(
                f"--save {self._path}: FFmpeg has no encoder here for {self._path.suffix}",
                hint="Give a folder, or a name that ends in .mp4.",
            )
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        """Write what is still in the encoder and the index: without it an mp4 cannot be played."""
        try:
            # The first reason is the one to be told.
            with contextlib.suppress(Exception) if error is not None else contextlib.nullcontext():
                self._finish()
        finally:
            if self._container is not None:
                with writing(self._path):
                    self._container.close()

    def save(
        self,
        source: str,
        stamp: FrameStamp,
        full: memoryview,
        pixel_format: PixelFormat,
        detections: Sequence[Detection],
    ) -> None:
        """See `edgedet.outputs.save.Saver`.

        Raises:
            UsageError: a picture of another size than the first.
        """
        size = (stamp.width, stamp.height)
        if self._size == (0, 0):
            refuse_source(self._path, source)
            self._size = size
        elif size != self._size:
            raise UsageError(
                f"--save {self._path}: {stamp.name or source} is {size[0]}x{size[1]}, the first was "
                f"{self._size[0]}x{self._size[1]}: one video has one size",
                hint=f"Give a folder, such as {self._path.with_suffix('')}/.",
            )
        at_s = self._place(source, stamp.pts_s)
        picture = _even(annotate(full, pixel_format, stamp.width, stamp.height, detections))
        if self._held is not None:
            # The rate of the stream has to be said first, and how long a frame lasts is known with the next one.
            self._encode(*self._held, at_s - self._held[1])
        self._held = (picture, at_s)

    def _place(self, source: str, pts_s: float) -> float:
        """Where this frame goes, seconds from the start: sources follow each other, stills take their turn."""
        if self._last_pts_s >= 0 and (pts_s <= self._last_pts_s or source != self._source):
            previous_s = self._offset_s + self._last_pts_s
            self._offset_s = previous_s + (self._step_s or _STILL_S) - pts_s
        elif self._last_pts_s >= 0:
            self._step_s = pts_s - self._last_pts_s
        else:
            self._offset_s = -pts_s
        self._last_pts_s = pts_s
        self._source = source
        return self._offset_s + pts_s

    def _finish(self) -> None:
        if self._held is not None:
            held, self._held = self._held, None
            self._encode(*held, self._step_s or _STILL_S)
        if self._container is not None and self._stream is not None:
            with writing(self._path):
                self._container.mux(self._stream.encode(None))

    def _encode(self, picture: Image.Image, at_s: float, lasts_s: float) -> None:
        with writing(self._path):
            if self._container is None or self._stream is None:
                self._open(picture.size, lasts_s)
            if self._container is None or self._stream is None:
                raise RuntimeError("opening gave no stream")
            tick = self._stream.codec_context.time_base or _TICK
            number = max(self._last_tick + 1, round(at_s / tick))
            self._last_tick = number
            frame = VideoFrame.from_ndarray(np.asarray(picture), format="rgb24")
            frame = frame.reformat(format="yuv420p", dst_colorspace="ITU601")
            frame.pts = number
            frame.time_base = tick
            frame.duration = max(1, round(lasts_s / tick))
            self._container.mux(self._stream.encode(frame))

    def _open(self, size: tuple[int, int], step_s: float) -> None:
        rate = Fraction(1 / max(step_s, 1e-3)).limit_denominator(1001)
        container = av.open(str(self._path), "w")
        self._container = container
        options = dict(_OPTIONS.get(self._codec, {}))
        stream = cast("VideoStream", container.add_stream(self._codec, rate=rate, options=options))
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.bit_rate = 0 if self._codec == "libx264" else round(size[0] * size[1] * float(rate) * _BITS_A_PIXEL)
        # AVI knows frames at one rate and no times: there a frame is one tick.
        stream.codec_context.time_base = 1 / rate if self._path.suffix.lower() == ".avi" else _TICK
        self._stream = stream


def _has_encoder(name: str) -> bool:
    try:
        av.Codec(name, "w")
    except UnknownCodecError:
        return False
    return True


def _even(picture: Image.Image) -> Image.Image:
    """The picture with its last column and row doubled where the size is odd: chroma comes in pairs."""
    width, height = picture.size
    if not width % 2 and not height % 2:
        return picture
    even = Image.new("RGB", (width + width % 2, height + height % 2))
    # The copy that lies one further shows just where the picture itself does not reach.
    even.paste(picture, (width % 2, height % 2))
    even.paste(picture, (0, 0))
    return even
