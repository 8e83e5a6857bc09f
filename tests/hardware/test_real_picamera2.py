"""The camera worker on the real picamera2 and the real libcamera, whose virtual camera stands in for a sensor.

That camera gives NV12 whatever is asked for, at a size that it chooses, and as fast as it can; it cannot stall, and it
always stops. What it cannot do is scripted in tests/workers/test_camera_worker_picamera2.py.
"""

from __future__ import annotations

import io
import json
import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from clips import colourful, rgb_of_i420
from edgedet.app.model import open_model
from edgedet.errors import SourceError, SourceLost, WorkerLost
from edgedet.geometry import Letterbox
from edgedet.settings.model_choice import BUNDLED_MODEL
from edgedet.types import PixelFormat, ViewSize
from edgedet.workers.camera import CameraSpec, CameraWorker
from edgedet.workers.detector import DetectorSpec, DetectorWorker
from edgedet.workers.protocol import Limits
from edgedet.workers.turns import Share
from integration.broker import Broker, Subscriber
from integration.edgedet_process import RunningDaemon
from picamera2_root import Picamera2Root

# The root may have to be made first.
pytestmark = pytest.mark.timeout(900)

VIEW = ViewSize(320, 320)
BARS = [(1, 1, 1), (1, 1, 0), (0, 1, 1), (0, 1, 0), (1, 0, 1), (1, 0, 0), (0, 0, 1), (0, 0, 0)]
"""The colours of the pattern from left to right: white, yellow, cyan, green, magenta, red, blue, black."""


def jpeg(pixels: NDArray[np.uint8]) -> bytes:
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "JPEG", quality=95, subsampling=0)
    return data.getvalue()


@pytest.fixture
def spec(picamera2_root: Picamera2Root) -> CameraSpec:
    picamera2_root.show([jpeg(colourful(640, 480))])
    source = {"type": "picamera2", "camera": "virtual pictures", "size": [640, 480], "python": picamera2_root.python}
    return CameraSpec("porch", source, VIEW, slots=4, max_fps=20.0, python=picamera2_root.python)


def inner(frame: memoryview, width: int, height: int) -> NDArray[np.int64]:
    """The picture in the detect view, without the letterbox around it."""
    box = Letterbox.fit(width, height, VIEW.width, VIEW.height)
    view = np.frombuffer(frame, np.uint8).reshape(VIEW.height, VIEW.width, 3)
    return view[box.top : box.top + box.inner_height, box.left : box.left + box.inner_width].astype(int)


async def first_views(spec: CameraSpec) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Both views of the first frame as RGB."""
    async with CameraWorker(replace(spec, full_view=True)) as camera:
        frames = camera.frames()
        frame = await anext(frames)
        stamp = frame.stamp
        detect = inner(frame.detect, stamp.width, stamp.height)
        assert frame.pixel_format is PixelFormat.I420
        assert frame.full is not None
        full = rgb_of_i420(np.frombuffer(frame.full, np.uint8), stamp.width, stamp.height)
        frame.release()
        await frames.aclose()
    return detect, full


async def test_both_views_are_the_picture_that_the_camera_sees(spec: CameraSpec) -> None:
    detect, full = await first_views(spec)
    # This camera passes a JPEG's full range on as what it calls limited; only in that the picture is another.
    stretched = (colourful(640, 480).astype(float) - 16) * (255 / 219)
    expected = Image.fromarray(np.rint(stretched).clip(0, 255).astype(np.uint8))
    assert np.abs(full - np.asarray(expected)).mean() < 5
    assert np.abs(detect - np.asarray(expected.resize((320, 240), Image.Resampling.BILINEAR))).mean() < 5


async def test_the_colours_of_a_test_pattern_come_out_as_they_are(spec: CameraSpec) -> None:
    detect, full = await first_views(replace(spec, source={**spec.source, "camera": "virtual bars"}))
    for picture in (detect, full):
        width = picture.shape[1]
        seen = [tuple(np.rint(picture[:, round((bar + 0.5) * width / 8)].mean(axis=0) / 255)) for bar in range(8)]
        assert seen == BARS


async def test_frames_are_stamped_by_the_clock_of_the_daemon_and_no_faster_than_wanted(spec: CameraSpec) -> None:
    async with CameraWorker(spec) as camera:
        assert (await camera.opened()).live
        frames = camera.frames()
        ages_s, stamps = [], []
        for _ in range(12):
            frame = await anext(frames)
            stamps.append(frame.stamp.captured_ns)
            ages_s.append((time.monotonic_ns() - frame.stamp.captured_ns) / 1e9)
            frame.release()
        await frames.aclose()
    assert all(0 <= age_s < 1 for age_s in ages_s)
    assert stamps == sorted(stamps)
    assert (stamps[-1] - stamps[0]) / 1e9 > 11 * 0.045


async def test_a_camera_that_libcamera_does_not_find_is_absent_and_those_it_finds_are_named(spec: CameraSpec) -> None:
    async with CameraWorker(replace(spec, source={**spec.source, "camera": 7})) as camera:
        with pytest.raises(SourceError, match="there is no camera 7") as caught:
            await camera.opened()
    assert caught.value.code == "camera_absent"
    assert "virtual bars" in caught.value.hint
    assert "virtual pictures" in caught.value.hint


async def test_a_control_that_it_does_not_have_is_said_and_it_looks_all_the_same(spec: CameraSpec) -> None:
    notes: list[str] = []
    source = {**spec.source, "controls": {"AfMode": "Continuous"}, "rotation": 180}
    async with CameraWorker(replace(spec, source=source), notes.append) as camera:
        frames = camera.frames()
        (await anext(frames)).release()
        await frames.aclose()
    assert len(notes) == 1
    assert notes[0].startswith("control AfMode: this camera does not have it")


async def test_a_killed_worker_leaves_the_camera_to_the_next(spec: CameraSpec) -> None:
    for end in (signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT):
        async with CameraWorker(spec) as camera:
            frames = camera.frames()
            (await anext(frames)).release()
            assert camera.pid is not None
            os.kill(camera.pid, end)
            with pytest.raises(WorkerLost, match=end.name):
                async for frame in frames:
                    frame.release()


async def test_a_camera_process_that_stands_still_is_stalled_and_replaced(spec: CameraSpec) -> None:
    async with CameraWorker(replace(spec, stall_s=1.0)) as camera:
        frames = camera.frames()
        (await anext(frames)).release()
        assert camera.pid is not None
        os.kill(camera.pid, signal.SIGSTOP)
        with pytest.raises(SourceLost) as caught:
            async for frame in frames:
                frame.release()
    assert caught.value.code == "camera_stalled"
    async with CameraWorker(spec) as camera:
        frames = camera.frames()
        (await anext(frames)).release()
        await frames.aclose()


def libraries_of(pid: int, word: str) -> set[str]:
    """Shared libraries in use by a process whose path holds the word."""
    lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
    return {line.split()[-1] for line in lines if word in line and ".so" in line}


async def test_camera_and_detector_run_side_by_side_on_two_pythons_with_two_numpys(
    spec: CameraSpec, picamera2_root: Picamera2Root
) -> None:
    camera_numpy = picamera2_root.run("import numpy, picamera2; print(numpy.__version__)").strip()
    assert camera_numpy != np.__version__
    model = open_model(BUNDLED_MODEL)
    lost: list[object] = []
    async with (
        DetectorWorker(DetectorSpec(model.path, model.view), lost.append) as detector,
        CameraWorker(replace(spec, view=model.view)) as camera,
    ):
        frames = camera.frames()
        for _ in range(5):
            frame = await anext(frames)
            await detector.turn(Share())
            answer = await detector.submit(frame.detect, frame.stamp, Limits(0.25, 0.7, 300))
            assert answer.invoke_ns > 0
            frame.release()
        assert camera.pid is not None
        assert detector.pid is not None
        of_camera, of_detector = (libraries_of(worker.pid, "numpy") for worker in (camera, detector) if worker.pid)
        assert of_camera
        assert of_detector
        assert not of_camera & of_detector
        assert libraries_of(camera.pid, "libcamera.so")
        assert not libraries_of(detector.pid, "libcamera.so")
        await frames.aclose()
    assert not lost


async def test_the_daemon_looks_through_it_and_says_what_it_saw_when(
    picamera2_root: Picamera2Root, tmp_path: Path
) -> None:
    picamera2_root.show([jpeg(colourful(640, 480))])
    config = tmp_path / "edgedet.yaml"
    with Broker(tmp_path) as broker:
        config.write_text(
            "version: 1\n"
            "device: dev\n"
            f"state_dir: {tmp_path / 'state'}\n"
            f"mqtt: {{url: 'mqtt://127.0.0.1:{broker.port}'}}\n"
            f"detector: {{model: {BUNDLED_MODEL}, accelerators: [cpu]}}\n"
            "cameras:\n"
            "  gate:\n"
            f"    source: {{type: picamera2, camera: virtual pictures, python: {picamera2_root.python}}}\n"
            "    publish: {detections: all}\n"
        )
        with Subscriber(broker.port) as heard, RunningDaemon(config, tmp_path / "log") as run:
            await heard.until(lambda: len(heard.of("edgedet/dev/gate/detections")) >= 10)
            assert heard.last("edgedet/dev/gate/state") == b"watching"
            bodies = [json.loads(payload) for payload in heard.of("edgedet/dev/gate/detections")]
            assert run.stop() == 0
    assert {(body["width"], body["height"]) for body in bodies} == {(640, 480)}  # all that this camera can do
    assert all(body["inference_ms"] < body["latency_ms"] < 2000 for body in bodies)
    assert all(0 <= body["mono_ns"] - body["captured_ns"] < 2e9 for body in bodies)


HELD_UP = """
from itertools import islice
from threading import Timer
from edgedet.cameras import _libcamera
from edgedet.cameras.picamera2 import Settings, open_camera

_libcamera._WAIT_S = 0.05
with open_camera(Settings(size=(640, 480), camera="virtual bars")) as camera:
    frames = camera.frames()
    next(frames)
    for _ in range(6):
        # Two of four buffers are taken away for a while: that is how this camera is made to give no frame.
        camera._release()
        taken = [camera._camera.wait(camera._camera.capture_request(wait=False), timeout=5) for _ in range(2)]
        Timer(0.4, lambda: [request.release() for request in taken]).start()
        assert len(list(islice(frames, 10))) == 10
    print("frames go on")
"""

ABANDONED = """
from concurrent.futures import TimeoutError as JobTimeoutError
from edgedet.cameras.picamera2 import Settings, open_camera

def wait(job, seconds):
    try:
        return camera._camera.wait(job, timeout=seconds)
    except (TimeoutError, JobTimeoutError):
        return None

with open_camera(Settings(size=(640, 480), camera="virtual bars")) as camera:
    itself = camera._camera
    for _ in range(2):
        taken = [wait(itself.capture_request(wait=False), 1) for _ in range(2)]
        assert wait(itself.capture_request(wait=False), 0.2) is None  # in vain, and forgotten
        for request in filter(None, taken):
            request.release()
    print("starved" if wait(itself.capture_request(wait=False), 1) is None else "frames go on")
    import os, sys
    sys.stdout.flush()
    os._exit(0)
"""


def test_waiting_in_vain_costs_the_camera_nothing_though_an_abandoned_wait_would_starve_it(
    picamera2_root: Picamera2Root,
) -> None:
    assert picamera2_root.run(ABANDONED).strip() == "starved"
    assert picamera2_root.run(HELD_UP).strip() == "frames go on"


async def test_each_worker_leaves_the_camera_as_the_next_one_needs_it(spec: CameraSpec) -> None:
    # Each in a process of its own, as the daemon does it. In one process, the real picamera2 opened for the third time
    # gives no frame in one of ten runs.
    for _ in range(5):
        async with CameraWorker(spec) as camera:
            frames = camera.frames()
            for _ in range(3):
                (await anext(frames)).release()
            await frames.aclose()
