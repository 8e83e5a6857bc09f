"""Pictures from workers of several sources and interpreters: a clip's, a Pi's, and a Python without the encoder."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import scripted_camera
from clips import write_clip
from edgedet.errors import WorkerError
from edgedet.outputs.drawing import picture_of
from edgedet.types import PixelFormat
from edgedet.workers.camera import CameraSpec, CameraWorker
from edgedet.workers.pictures import PictureOrder
from jpegs import decoded
from scripted_camera import Script

WITHOUT_ENCODER = """
import runpy, sys
sys.modules["simplejpeg"] = None
sys.argv.pop(0)
runpy.run_path(sys.argv[0], run_name="__main__")
"""


async def picture_and_view(spec: CameraSpec) -> tuple[NDArray[np.int64], NDArray[np.int64], PixelFormat]:
    """The first frame as a JPEG decoded, and as its full view converted by FFmpeg."""
    async with CameraWorker(replace(spec, full_view=True)) as camera:
        frames = camera.frames()
        frame = await anext(frames)
        future = frame.jpeg(PictureOrder(quality=95))
        assert future is not None
        assert frame.full is not None
        picture = decoded(await future).astype(int)
        view = np.asarray(picture_of(frame.full, frame.pixel_format, frame.stamp.width, frame.stamp.height)).astype(int)
        layout = frame.pixel_format
        frame.release()
        await frames.aclose()
    return picture, view, layout


async def test_the_planes_of_a_clip_become_a_picture_in_their_colours(camera_spec: CameraSpec, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", size=(320, 240))
    spec = replace(camera_spec, source={"type": "video", "path": os.fspath(clip)})
    picture, view, layout = await picture_and_view(spec)
    assert layout is PixelFormat.I420
    assert np.abs(picture - view).mean() < 3


async def test_the_planes_of_a_pis_camera_become_a_picture_in_their_colours(
    camera_spec: CameraSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEDET_SCRIPTED_CAMERA", os.fspath(tmp_path / "script.json"))
    Script(tmp_path / "script.json")
    python = scripted_camera.interpreter(tmp_path)
    source = {"type": "picamera2", "size": [640, 360], "fps": 30.0, "python": python}
    picture, view, layout = await picture_and_view(replace(camera_spec, source=source, python=python))
    assert layout is PixelFormat.I420
    assert picture.shape == (360, 640, 3)
    assert np.abs(picture - view).mean() < 3


async def test_a_python_without_the_encoder_goes_without_pictures_and_says_so_once(
    camera_spec: CameraSpec, tmp_path: Path
) -> None:
    start = tmp_path / "start.py"
    start.write_text(WITHOUT_ENCODER)
    python = tmp_path / "python-without-encoder"
    python.write_text(f'#!/bin/sh\nshift\nexec {sys.executable} -I {start} "$@"\n')
    python.chmod(0o755)
    notes: list[str] = []
    spec = replace(camera_spec, full_view=True, python=os.fspath(python))
    async with CameraWorker(spec, on_note=notes.append) as camera:
        numbers = []
        async for frame in camera.frames():
            numbers.append(frame.stamp.seq)
            future = frame.jpeg(PictureOrder())
            frame.release()
            assert future is not None
            with pytest.raises(WorkerError, match="has no simplejpeg"):
                await future
    assert numbers == list(range(40))
    assert len(notes) == 1
    assert notes[0].startswith("There are no pictures: this camera's Python has no simplejpeg")
