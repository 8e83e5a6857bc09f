"""The clips that are measured over: rendered from the synthetic scene, or cut from the user's own to the length needed.

They are files like any other, so that reading and decoding cost what they cost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import av
from av.error import FFmpegError

from edgedet.cameras import synthetic, video
from edgedet.errors import SourceError

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.stream import VideoStream

_RATE = 30
_MADE_UP_STEP = 40
_ENCODERS = (("libx264", {"preset": "veryfast", "crf": "23"}), ("mpeg4", {"q": "4"}))
"""The first that this build of FFmpeg has; cameras and phones record H.264."""


@dataclass(frozen=True, slots=True)
class Clip:
    """A video file that is measured over."""

    path: Path
    frames: int
    """0 where the file does not say."""
    width: int
    height: int
    codec: str


def render(
    path: Path,
    frames: int,
    size: tuple[int, int] = (640, 480),
    on_frame: Callable[[], None] = lambda: None,
) -> Clip:
    """Encode that many frames of the synthetic scene into the file `path`; its ending names the container."""
    scene = synthetic.scene_of(synthetic.Settings(size=size, seed=1))
    with av.open(str(path), "w") as container:
        stream = _encoder(container)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        for number in range(frames):
            picture = av.VideoFrame.from_ndarray(scene.render(number / _RATE), "rgb24")
            container.mux(stream.encode(picture))
            on_frame()
        container.mux(stream.encode(None))
        codec = stream.codec_context.name
    return Clip(path, frames, *size, codec)


def _encoder(container: av.container.OutputContainer) -> VideoStream:
    for name, options in _ENCODERS:
        if name in av.codecs_available:
            return cast("VideoStream", container.add_stream(name, rate=_RATE, options=options))
    raise SourceError("this build of PyAV has no encoder for a clip", hint="Give a video file with --source.")


def look_at(path: Path) -> Clip:
    """What is known of somebody's own video.

    Raises:
        SourceError: it is none.
    """
    # Its driver knows best what is no video, and says so in words.
    with video.open_camera(video.Settings(path=str(path))) as camera:
        shot = next(iter(camera.frames()))
    with _reading(path) as given:
        stream = given.streams.video[0]
        return Clip(path, stream.frames, shot.width, shot.height, stream.codec_context.name)


def repeat(source: Path, path: Path, frames: int) -> Clip:
    """A clip of `frames` frames: the packets of `source` again and again, not encoded anew.

    Raises:
        SourceError: `source` is no video.
    """
    with _reading(source) as given:
        stream = given.streams.video[0]
        packets = [packet for packet in given.demux(stream) if packet.size]
        with av.open(str(path), "w") as container:
            _mux(container, container.add_stream_from_template(stream, opaque=True), packets, frames)
        codec = stream.codec_context
        return Clip(path, frames, codec.width, codec.height, codec.name)


@contextmanager
def _reading(path: Path) -> Iterator[av.container.InputContainer]:
    hint = "Give a video file that FFmpeg can read."
    try:
        container = av.open(f"file:{path}", metadata_errors="replace")
    except FFmpegError as error:
        raise SourceError(f"{path}: cannot be read as video: {error.strerror}", hint=hint) from None
    with container:
        if not container.streams.video:
            raise SourceError(f"{path}: there is no video in it", hint=hint)
        yield container


def _mux(
    container: av.container.OutputContainer, copy: VideoStream, packets: list[Packet[VideoStream]], frames: int
) -> None:
    """Packets round after round with rising time stamps; each round begins with the key frame of the first packet."""
    time_base = packets[0].time_base
    known = [packet.pts for packet in packets if packet.pts is not None]
    # Streams without containers have no time stamps, and any will do.
    shown = known if len(known) == len(packets) else [number * _MADE_UP_STEP for number in range(len(packets))]
    decoded = sorted(shown)
    step = (decoded[-1] - decoded[0]) // max(1, len(packets) - 1) or _MADE_UP_STEP
    length = decoded[-1] - decoded[0] + step
    # Not every container keeps the times of decoding: they follow from those of showing, so much earlier that none of
    # them comes after its frame is to be shown.
    lag = max(before - after for before, after in zip(decoded, shown, strict=True))
    for number in range(frames):
        rounds, place = divmod(number, len(packets))
        packet = packets[place]
        packet.pts = shown[place] - decoded[0] + rounds * length
        packet.dts = decoded[place] - decoded[0] - lag + rounds * length
        packet.time_base = time_base  # the muxer leaves its own there
        packet.stream = copy
        container.mux(packet)
