"""Camera workers that are really started, for the tests of what becomes of their frames."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from edgedet.workers.camera import CameraSpec, CameraWorker
from edgedet.workers.frame import Frame


@asynccontextmanager
async def first_frame(spec: CameraSpec) -> AsyncIterator[tuple[CameraWorker, Frame]]:
    """A worker and the first frame that it gives, which is released at the end."""
    async with CameraWorker(spec) as camera:
        frames = camera.frames()
        frame = await anext(frames)
        try:
            yield camera, frame
        finally:
            frame.release()
            await frames.aclose()
