"""Clips and pictures that the tests make for themselves, so that none of them needs the data."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray


def colourful(width: int, height: int, *, phase: int = 0) -> NDArray[np.uint8]:
    """A smooth picture of many colours, different in every corner, that moves with `phase`."""
    x = np.linspace(0, 3, width) + phase * 0.05
    y = np.linspace(0, 2, height)[:, None]
    red = 128 + 100 * np.sin(x + y)
    green = 128 + 100 * np.cos(1.3 * x - y)
    blue = 128 + 100 * np.sin(0.7 * x + 2 * y + 1)
    return np.stack((red, green, blue), axis=2).astype(np.uint8)


def write_clip(
    path: Path,
    *,
    frames: int = 30,
    size: tuple[int, int] = (128, 96),
    rate: int = 10,
    sound: bool = False,
    index_first: bool = True,
) -> Path:
    """A clip whose format follows from the ending of `path`; every frame is different."""
    options = {"movflags": "faststart"} if path.suffix == ".mp4" and index_first else {}
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream("mpeg4", rate=rate)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.bit_rate = 2_000_000
        audio = container.add_stream("aac", rate=8000) if sound else None
        for index in range(frames):
            frame = av.VideoFrame.from_ndarray(colourful(*size, phase=index), "rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if audio is not None:
            container.mux([packet for frame in _silence(frames / rate) for packet in audio.encode(frame)])
            container.mux(audio.encode(None))
    return path


def write_sound(path: Path) -> Path:
    """A file that holds sound and nothing to see."""
    with av.open(str(path), "w") as container:
        audio = container.add_stream("aac", rate=8000)
        container.mux([packet for frame in _silence(1.0) for packet in audio.encode(frame)])
        container.mux(audio.encode(None))
    return path


def _silence(seconds: float) -> list[av.AudioFrame]:
    frames = []
    for start in range(0, int(seconds * 8000), 1024):
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 8000
        frame.pts = start
        frame.time_base = Fraction(1, 8000)
        frames.append(frame)
    return frames


def cut(path: Path, share: float) -> Path:
    """The first part of a file, as a full disk or a lost connection leaves it."""
    data = path.read_bytes()
    part = path.with_name(f"cut_{path.name}")
    part.write_bytes(data[: int(len(data) * share)])
    return part


def turn_mp4(path: Path, degrees_clockwise: int) -> Path:
    """The same MP4 with the note that a phone makes which is held upright or upside down."""
    one = 1 << 16
    rows = {0: (one, 0, 0, one), 90: (0, one, -one, 0), 180: (-one, 0, 0, -one), 270: (0, -one, one, 0)}
    a, b, c, d = rows[degrees_clockwise]
    data = bytearray(path.read_bytes())
    # The matrix is the last but two fields of the track header (ISO/IEC 14496-12, 8.3.2): 40 bytes after its version.
    matrix_at = data.index(b"tkhd") + 4 + 40
    assert struct.unpack_from(">9i", data, matrix_at) == (one, 0, 0, 0, one, 0, 0, 0, one << 14)
    struct.pack_into(">9i", data, matrix_at, a, b, 0, c, d, 0, 0, 0, one << 14)
    turned = path.with_name(f"turned_{degrees_clockwise}.mp4")
    turned.write_bytes(data)
    return turned


def rgb_of_i420(memory: NDArray[np.uint8], width: int, height: int) -> NDArray[np.float64]:
    """Tightly packed I420 in limited range, BT.601, as RGB of shape (height, width, 3)."""
    half_height, half_width = (height + 1) // 2, (width + 1) // 2
    luma_size, chroma_size = height * width, half_height * half_width
    luma = memory[:luma_size].reshape(height, width).astype(float)
    chroma = memory[luma_size : luma_size + 2 * chroma_size].reshape(2, half_height, half_width).astype(float) - 128
    u, v = chroma.repeat(2, axis=1).repeat(2, axis=2)[:, :height, :width]
    luma = (luma - 16) * 255 / 219
    red = luma + 1.596 * v
    green = luma - 0.392 * u - 0.813 * v
    blue = luma + 2.017 * u
    return np.stack((red, green, blue), axis=2).clip(0, 255)
