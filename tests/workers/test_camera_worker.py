"""A real camera worker on the synthetic scene, really stopped and killed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from edgedet.errors import SourceError, SourceLost, WorkerLost
from edgedet.workers.camera import CameraSpec, CameraWorker

LIVE = {"type": "synthetic", "fps": 50.0, "size": [320, 240]}


async def test_a_finite_source_gives_every_frame_in_order_and_ends(camera_spec: CameraSpec) -> None:
    numbers = []
    async with CameraWorker(camera_spec) as camera:
        assert not (await camera.opened()).live
        async for frame in camera.frames():
            numbers.append(frame.stamp.seq)
            assert len(frame.detect) == camera_spec.view.width * camera_spec.view.height * 3
            frame.release()
    assert numbers == list(range(40))


async def test_a_source_waits_for_a_reader_that_keeps_its_frames(camera_spec: CameraSpec) -> None:
    async with CameraWorker(camera_spec) as camera:
        frames = camera.frames()
        kept = [await anext(frames) for _ in range(camera_spec.slots)]
        await asyncio.sleep(0.2)
        assert camera.captured == camera_spec.slots + 1
        assert camera.silent_s(time.monotonic_ns() + 10**12) == 0
        for frame in kept:
            frame.release()
        assert (await anext(frames)).stamp.seq == camera_spec.slots
        await frames.aclose()


async def test_a_live_source_loses_frames_rather_than_wait(camera_spec: CameraSpec) -> None:
    async with CameraWorker(replace(camera_spec, source=LIVE)) as camera:
        assert (await camera.opened()).live
        frames = camera.frames()
        kept = [await anext(frames) for _ in range(camera_spec.slots)]
        before = camera.captured
        while camera.captured < before + 10:
            await asyncio.sleep(0.02)
        for frame in kept:
            frame.release()
        assert (await anext(frames)).stamp.seq >= before + 9
        await frames.aclose()


async def test_frames_beyond_the_wanted_rate_are_not_even_handed_over(camera_spec: CameraSpec) -> None:
    spec = replace(camera_spec, source=LIVE, max_fps=5.0)
    async with CameraWorker(spec) as camera:
        frames = camera.frames()
        times_s = []
        for _ in range(4):
            frame = await anext(frames)
            times_s.append(frame.stamp.captured_ns / 1e9)
            frame.release()
        await frames.aclose()
    assert times_s[-1] - times_s[0] > 0.55


async def test_a_camera_that_stops_giving_frames_is_killed_and_called_stalled(camera_spec: CameraSpec) -> None:
    async with CameraWorker(replace(camera_spec, source=LIVE, stall_s=0.5)) as camera:
        frames = camera.frames()
        (await anext(frames)).release()
        assert camera.pid is not None
        os.kill(camera.pid, signal.SIGSTOP)
        with pytest.raises(SourceLost, match=r"no frame for 0.5 s") as caught:
            async for frame in frames:
                frame.release()
    assert caught.value.code == "camera_stalled"
    assert not Path(f"/proc/{camera.pid}/exe").exists()


async def test_a_camera_worker_that_dies_ends_its_frames_with_the_reason(camera_spec: CameraSpec) -> None:
    async with CameraWorker(replace(camera_spec, source=LIVE)) as camera:
        frames = camera.frames()
        frame = await anext(frames)
        assert camera.pid is not None
        os.kill(camera.pid, signal.SIGABRT)
        with contextlib.suppress(StopAsyncIteration), pytest.raises(WorkerLost, match="died of SIGABRT"):
            while True:
                (await anext(frames)).release()
        # What was handed over before stays readable: its memory lives as long as somebody looks at it.
        assert len(bytes(frame.detect)) == len(frame.detect)
        frame.release()


async def test_a_source_that_does_not_open_in_time_is_given_up(camera_spec: CameraSpec) -> None:
    async with CameraWorker(replace(camera_spec, open_deadline_s=0.3)) as camera:
        assert camera.pid is not None
        os.kill(camera.pid, signal.SIGSTOP)
        with pytest.raises(SourceError, match="not open within"):
            await camera.opened()
    assert not Path(f"/proc/{camera.pid}/exe").exists()


async def test_a_source_that_cannot_be_opened_says_why(camera_spec: CameraSpec) -> None:
    spec = replace(camera_spec, source={"type": "video", "path": "/no/such/clip.mp4"})
    async with CameraWorker(spec) as camera:
        with pytest.raises(SourceError, match=r"/no/such/clip\.mp4"):
            await camera.opened()


async def test_the_full_view_lies_beside_the_detect_view_only_when_it_is_wanted(camera_spec: CameraSpec) -> None:
    async with CameraWorker(replace(camera_spec, full_view=True)) as camera:
        async for frame in camera.frames():
            assert frame.full is not None
            assert any(frame.full[: 320 * 240])
            frame.release()
    async with CameraWorker(camera_spec) as camera:
        async for frame in camera.frames():
            assert frame.full is None
            frame.release()


async def test_what_is_masked_never_leaves_the_worker(camera_spec: CameraSpec) -> None:
    everything = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
    async with CameraWorker(replace(camera_spec, full_view=True, masks=(everything,))) as camera:
        async for frame in camera.frames():
            assert set(bytes(frame.detect)) <= {0, 114}
            assert frame.full is not None
            assert set(bytes(frame.full[: 320 * 240])) <= {0, 16}
            frame.release()


def test_a_worker_dies_with_the_process_that_started_it(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        "import asyncio, time\n"
        "from edgedet.types import ViewSize\n"
        "from edgedet.workers.camera import CameraSpec, CameraWorker\n"
        f"SPEC = CameraSpec('orphan', {LIVE!r}, ViewSize(64, 64), slots=2)\n"
        "async def main():\n"
        "    async with CameraWorker(SPEC) as camera:\n"
        "        await camera.opened()\n"
        "        print(camera.pid, flush=True)\n"
        "        await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        os.kill(worker, signal.SIGSTOP)
        parent.kill()
        parent.wait()
    deadline = time.monotonic() + 10
    while _is_alive(worker) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _is_alive(worker)


def _is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in {"Z", "X"}
