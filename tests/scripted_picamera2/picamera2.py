"""A picamera2 whose camera does what a script says: the real one never stalls when a test wants it to.

It keeps the habits of picamera2 0.3.38 that matter to who uses it: formats and sizes are adjusted without a word, rows
are padded, a job that was waited for in vain stays queued and takes a frame later, a request that nobody releases is a
buffer that the camera has lost, and `stop()` runs in the camera's own thread.

The script is a JSON file that `EDGEDET_SCRIPTED_CAMERA` names. It is read again for every frame.

    cameras      what `global_camera_info()` gives
    platform     VC4 (up to the Pi 4) or PISP (Pi 5)
    busy         another process has the camera
    refuses      configuring it fails with these words
    adjust       {"main": format}: what is given in place of what was asked for, by stream
    resize       {"lores": [width, height]}: the same for its size
    fps          frames a second
    silent       no frame comes
    stop_blocks  stop() does not return
    black        the lens is covered
    moves        no picture is like the one before; else all are the same
    controls     {name: [lowest, highest, default]}
    clock_ahead_s  how far the sensor's time stamps are ahead of the clock
"""

from __future__ import annotations

import enum
import json
import os
import threading
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

MODELS = [{"Model": "imx708", "Id": "/base/soc/i2c0mux/i2c@1/imx708@1a", "Num": 0, "Location": 2, "Rotation": 180}]
CONTROLS = {
    "FrameDurationLimits": [(8000, 8000), (120000, 120000), None],
    "ExposureValue": [-8.0, 8.0, 0.0],
    "AfMode": [0, 2, 0],
    "NoiseReductionMode": [0, 4, 0],
    "ColourGains": [0.0, 32.0, None],
}
_ALIGNMENT = 64
_UNPLUGGED = threading.Event()


class _Platform(enum.Enum):
    VC4 = 0
    PISP = 1


def script() -> dict[str, Any]:
    text = Path(os.environ["EDGEDET_SCRIPTED_CAMERA"]).read_text(encoding="utf-8")
    return json.loads(text) if text else {}


def scene(width: int, height: int) -> np.ndarray:
    """RGB that is another colour in each corner: red, green, blue, grey."""
    x, y = np.linspace(0, 1, width)[None, :], np.linspace(0, 1, height)[:, None]
    red = 40 + 180 * (1 - x) * (1 - y) + 60 * x * y
    green = 40 + 180 * x * (1 - y) + 60 * x * y
    blue = 40 + 180 * (1 - x) * y + 60 * x * y
    return np.stack((red, green, blue), axis=2)


def encode(rgb: np.ndarray, fmt: str, stride: int) -> np.ndarray:
    """RGB as that format, in rows of `stride` bytes whose padding is not black."""
    height, width, _ = rgb.shape
    if fmt in ("BGR888", "RGB888"):
        rows = np.full((height, stride), 77, np.uint8)
        rows[:, : width * 3] = (rgb if fmt == "BGR888" else rgb[..., ::-1]).reshape(height, -1)
        return rows.ravel()
    if fmt in ("XBGR8888", "XRGB8888"):
        rows = np.full((height, stride), 77, np.uint8)
        rows[:, : width * 4].reshape(height, width, 4)[..., :3] = rgb if fmt == "XBGR8888" else rgb[..., ::-1]
        return rows.ravel()
    if fmt == "YUYV":
        return np.zeros(height * stride, np.uint8)
    red, green, blue = (rgb[..., channel] for channel in range(3))
    luma = 16 + (65.738 * red + 129.057 * green + 25.064 * blue) / 256
    u = 128 + (-37.945 * red - 74.494 * green + 112.439 * blue) / 256
    v = 128 + (112.439 * red - 94.154 * green - 18.285 * blue) / 256
    u, v = (plane.reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3)) for plane in (u, v))
    first, second = (v, u) if fmt in ("YVU420", "NV21") else (u, v)
    rows = np.full((height * 3 // 2, stride), 77, np.uint8)
    rows[:height, :width] = np.rint(luma)
    if fmt in ("NV12", "NV21"):
        rows[height:, :width:2], rows[height:, 1:width:2] = np.rint(first), np.rint(second)
    else:
        halves = rows[height:].reshape(height, stride // 2)
        halves[: height // 2, : width // 2], halves[height // 2 :, : width // 2] = np.rint(first), np.rint(second)
    return rows.ravel()


class _Job:
    def __init__(self, function: Any) -> None:
        self._function = function
        self.future: Future[Any] = Future()

    def execute(self) -> bool:
        done, result = self._function()
        if done:
            self.future.set_result(result)
        return done


class _Request:
    def __init__(self, camera: Picamera2, stamp_ns: int) -> None:
        self._camera = camera
        self._stamp_ns = stamp_ns
        self._released = False

    def make_buffer(self, name: str) -> np.ndarray:
        if self._released:
            raise RuntimeError("the request has been released")
        buffer = self._camera.buffers[name].copy()
        if script().get("black"):
            stream = self._camera.configuration[name]
            buffer = encode(np.zeros((stream["size"][1], stream["size"][0], 3)), stream["format"], stream["stride"])
        if script().get("moves"):
            buffer[::7] ^= self._stamp_ns & 1
        return buffer

    def get_metadata(self) -> dict[str, Any]:
        return {"SensorTimestamp": self._stamp_ns}

    def release(self) -> None:
        if self._released:
            raise RuntimeError("CompletedRequest: lock now has negative ref_count")
        self._released = True
        self._camera.free += 1


class Picamera2:
    platform = _Platform.VC4
    opened: ClassVar[list[Picamera2]] = []

    @staticmethod
    def global_camera_info() -> list[dict[str, Any]]:
        Picamera2.platform = _Platform[script().get("platform", "VC4")]
        return script().get("cameras", MODELS)

    def __init__(self, camera_num: int = 0) -> None:
        if script().get("busy"):
            try:
                raise RuntimeError("Failed to acquire camera: Device or resource busy")
            except RuntimeError as error:
                raise RuntimeError("Camera __init__ sequence did not complete.") from error
        self.number = camera_num
        self.closed = False
        self.free = 0
        self.completed: list[_Request] = []
        self.jobs: list[_Job] = []
        self.buffers: dict[str, np.ndarray] = {}
        self.configuration: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._running = threading.Event()
        self._thread: threading.Thread | None = None
        self.opened.append(self)

    @property
    def camera_controls(self) -> dict[str, Any]:
        return {name: tuple(limits) for name, limits in script().get("controls", CONTROLS).items()}

    def create_video_configuration(self, **wanted: Any) -> dict[str, Any]:
        return {**wanted, "controls": {"NoiseReductionMode": 1} | wanted["controls"]}

    def configure(self, configuration: dict[str, Any]) -> None:
        if words := script().get("refuses"):
            raise RuntimeError(words)
        unknown = set(configuration["controls"]) - set(self.camera_controls)
        if unknown:
            raise RuntimeError(f"Control {unknown.pop()} is not advertised by libcamera")
        lores = configuration["lores"]
        if lores is not None and self.platform is _Platform.VC4 and lores["format"] in ("BGR888", "RGB888"):
            raise RuntimeError("lores stream must be YUV")
        self.configuration = dict(configuration)
        for name in ("main", "lores"):
            if configuration[name] is not None:
                self.configuration[name] = self._adjusted(name, dict(configuration[name]))

    def _adjusted(self, name: str, stream: dict[str, Any]) -> dict[str, Any]:
        if any(side % 2 for side in stream["size"]):
            raise RuntimeError("width and height should be even")
        stream["size"] = tuple(script().get("resize", {}).get(name, stream["size"]))
        stream["format"] = fmt = script().get("adjust", {}).get(name, stream["format"])
        width, height = stream["size"]
        row = width * {"BGR888": 3, "RGB888": 3, "XBGR8888": 4, "XRGB8888": 4, "YUYV": 2}.get(fmt, 1)
        stream["stride"] = -(-row // _ALIGNMENT) * _ALIGNMENT
        turned = self.configuration["transform"]
        picture = scene(width, height)[:: -1 if turned.vflip else 1, :: -1 if turned.hflip else 1]
        self.buffers[name] = encode(picture, fmt, stream["stride"])
        return stream

    def camera_configuration(self) -> dict[str, Any]:
        return self.configuration

    def start(self) -> None:
        self.free = self.configuration["buffer_count"]
        self._running.set()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def capture_request(self, wait: bool | None = None) -> _Job:
        assert wait is False, "without a limit this waits for ever"
        with self._lock:
            job = _Job(lambda: (True, self.completed.pop(0)) if self.completed else (False, None))
            self.jobs.append(job)
            self._work()
        return job

    def wait(self, job: _Job, timeout: float | None = None) -> _Request:
        return job.future.result(timeout=timeout)

    def cancel_all_and_flush(self) -> None:
        with self._lock:
            self.jobs.clear()

    def stop(self) -> None:
        while not _UNPLUGGED.is_set() and script().get("stop_blocks"):
            time.sleep(0.1)
        self._running.clear()
        if self._thread is not None:
            self._thread.join()

    def close(self) -> None:
        self.stop()
        self.closed = True

    def _run(self) -> None:
        while self._running.is_set():
            said = script()
            time.sleep(1 / said.get("fps", 100))
            with self._lock:
                if self.free and not said.get("silent"):
                    self.free -= 1
                    stamp_ns = time.monotonic_ns() + int(said.get("clock_ahead_s", 0) * 1e9)
                    self.completed.append(_Request(self, stamp_ns))
                self._work()
                while len(self.completed) > 1:
                    self.completed.pop(0).release()

    def _work(self) -> None:
        while self.jobs and self.jobs[0].execute():
            self.jobs.pop(0)


def unplug() -> None:
    """End what still runs of cameras that nobody could close."""
    _UNPLUGGED.set()
    for thread in threading.enumerate():
        if thread.name == "close-camera":
            thread.join()
    for camera in Picamera2.opened:
        camera._running.clear()
        if camera._thread is not None:
            camera._thread.join()
