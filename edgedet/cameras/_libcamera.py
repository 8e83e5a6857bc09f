"""A camera of libcamera, driven through picamera2: two streams, one loop that takes requests and gives them back."""

from __future__ import annotations

import time
from concurrent.futures import TimeoutError as JobTimeoutError
from threading import Thread
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from edgedet.cameras._bilinear import scale
from edgedet.cameras._controls import resolved
from edgedet.cameras._picamera2_access import libraries, number_of, refusal
from edgedet.cameras._planes import FORMATS, Stream
from edgedet.errors import SourceError, SourceLost
from edgedet.geometry import Letterbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from numpy.typing import NDArray

    from edgedet.cameras.picamera2 import Settings
    from edgedet.types import PixelFormat, ViewSize

_BUFFERS = 4
"""One is exposed, one is processed, picamera2 keeps the last one, and one is drawn here."""
_SILENCE_S = 2.5
"""A camera that has given frames and gives none for so long has stalled: it is to be known within 3 s."""
_SILENT_FRAMES = 3
"""A slow camera may keep silent for so many of its own frames."""
_FIRST_FRAME_S = 10.0
"""A sensor takes a second or two to start, and an IMX500 longer."""
_WAIT_S = 0.5
"""How long one wait for a frame takes at most."""
_CLOSING_S = 2.0
"""`stop()` may block for ever (raspberrypi/picamera2#1264). After this it is left to the end of the process."""
_SAME_CLOCK_NS = 60 * 10**9
"""A time stamp further from now than this is of another clock."""


class LibcameraShot:
    """A completed request, held until the next one is asked for. What is not drawn is not copied."""

    __slots__ = ("_lores", "_main", "_request", "captured_ns", "height", "name", "pts_s", "width")

    def __init__(self, request: Any, main: Stream, lores: Stream | None, captured_ns: int, pts_s: float) -> None:
        self._request = request
        self._main = main
        self._lores = lores
        self.captured_ns = captured_ns
        self.pts_s = pts_s
        self.name = ""
        self.width = main.width
        self.height = main.height

    def draw_detect(self, window: NDArray[np.uint8]) -> None:
        """See `edgedet.cameras.Shot`. A copy of the `lores` stream; scaled only where the window is of another size."""
        name, stream = ("main", self._main) if self._lores is None else ("lores", self._lores)
        buffer = self._request.make_buffer(name)
        if window.shape[:2] == (stream.height, stream.width):
            stream.draw_rgb(buffer, window)
            return
        picture = np.empty((stream.height, stream.width, 3), np.uint8)
        stream.draw_rgb(buffer, picture)
        scale(picture, window)

    def draw_full(self, memory: NDArray[np.uint8]) -> PixelFormat:
        """See `edgedet.cameras.Shot`."""
        return self._main.draw_full(self._request.make_buffer("main"), memory)


class LibcameraCamera:
    """Implements `edgedet.cameras.Camera` and `edgedet.cameras.ScalesItself`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._view: ViewSize | None = None
        self._camera: Any = None
        self._held: Any = None
        self._main: Stream | None = None
        self._lores: Stream | None = None
        self._notes: list[str] = []
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
        """What was asked for and this camera does not do."""
        return tuple(self._notes)

    def scale_to(self, view: ViewSize) -> None:
        """See `edgedet.cameras.ScalesItself`."""
        self._view = view

    def __enter__(self) -> Self:
        """Take the camera, configure and start it.

        Raises:
            SourceError: there is no such camera (`camera_absent`), another process has it (`camera_busy`), or it
                refuses what is asked of it.
        """
        picamera2, libcamera = libraries()
        number = number_of(self._settings.camera, picamera2.Picamera2.global_camera_info())
        try:
            self._camera = picamera2.Picamera2(number)
            self._configure(libcamera)
            self._camera.start()
        except (RuntimeError, OSError, ValueError, TypeError, AttributeError, IndexError) as error:
            self._close()
            if isinstance(error, SourceError):
                raise
            raise refusal(self._name, error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Release the camera, unless it hangs: then only the end of this process does."""
        if not self._stalled:
            self._release()
            self._close()

    def frames(self) -> Iterator[LibcameraShot]:
        """See `edgedet.cameras.Camera`. Never ends but with an error."""
        if self._camera is None or self._main is None:
            raise SourceError(f"{self._name} is not open", hint="Enter it before asking for frames.")
        first_ns = last_ns = 0
        while True:
            self._release()
            request = self._held = self._next_request()
            # Rising even if the camera's clock is set anew.
            last_ns = max(_captured_ns(request), last_ns + 1)
            first_ns = first_ns or last_ns
            self._given += 1
            yield LibcameraShot(request, self._main, self._lores, last_ns, (last_ns - first_ns) / 1e9)

    def _release(self) -> None:
        request, self._held = self._held, None
        if request is not None:
            request.release()

    def _next_request(self) -> Any:
        """The next request that the camera completes; to be released."""
        # A job that was waited for in vain stays queued, takes a frame when one comes, and nobody would ever release
        # that: two such jobs starve the camera for good. So there is one job, waited for until it has its frame.
        job = self._camera.capture_request(wait=False)
        begun_ns = time.monotonic_ns()
        pauses_s = _SILENT_FRAMES * self._settings.pause_s
        patience_s = max(_SILENCE_S, pauses_s) if self._given else _FIRST_FRAME_S + pauses_s
        while True:
            try:
                return self._camera.wait(job, timeout=_WAIT_S)
            except (TimeoutError, JobTimeoutError):
                if time.monotonic_ns() - begun_ns > patience_s * 1e9:
                    self._stalled = True
                    raise self._stall(patience_s) from None
            except (RuntimeError, OSError) as error:
                raise self._lost(f"{error}", "camera_crashed") from error

    def _configure(self, libcamera: Any) -> None:
        settings = self._settings
        upside_down = settings.rotation == 180
        transform = libcamera.Transform(hflip=settings.hflip != upside_down, vflip=settings.vflip != upside_down)
        controls, self._notes[:] = resolved(settings, self._camera.camera_controls, libcamera)
        size = self._lores_size()
        configuration = self._camera.create_video_configuration(
            main={"size": settings.size, "format": "YUV420"},
            lores=None if size is None else {"size": size, "format": self._lores_format()},
            raw=None,
            transform=transform,
            # What I420 means everywhere in edgedet: BT.601 in limited range.
            colour_space=libcamera.ColorSpace.Smpte170m(),
            buffer_count=_BUFFERS,
            controls=controls,
            display=None,
            encode=None,
        )
        # Not all that picamera2 puts there by itself is known to every camera.
        known = self._camera.camera_controls
        configuration["controls"] = {name: value for name, value in configuration["controls"].items() if name in known}
        self._camera.configure(configuration)
        # What is asked for is adjusted without a word: only this says what will come.
        adjusted = self._camera.camera_configuration()
        self._main = Stream.of(adjusted["main"])
        self._lores = None if adjusted.get("lores") is None else Stream.of(adjusted["lores"])
        if self._lores is not None and not _same_shape(self._main, self._lores):
            self._lores = None  # it shows another part of the scene, or the same one distorted
        for stream in filter(None, (self._main, self._lores)):
            if stream.format not in FORMATS:
                raise SourceError(
                    f"{self._name} gives {stream.format}, which cannot be read here",
                    hint="For a USB camera use type: v4l2.",
                )

    def _lores_size(self) -> tuple[int, int] | None:
        """Of the second stream: the picture's place in the detect view, made even; never larger than the first."""
        if self._view is None:
            return None
        width, height = self._settings.size
        inner = Letterbox.fit(width, height, self._view.width, self._view.height)
        # Rounded up: to shrink by a pixel is better than to stretch by one.
        size = (inner.inner_width + inner.inner_width % 2, inner.inner_height + inner.inner_height % 2)
        return size if size[0] <= width and size[1] <= height else None

    def _lores_format(self) -> str:
        # The ISP up to the Pi 4 (VC4) gives its second stream in YUV only; that of the Pi 5 converts for nothing.
        platform = getattr(type(self._camera), "platform", None)
        return "BGR888" if getattr(platform, "name", "") == "PISP" else "YUV420"

    def _close(self) -> None:
        camera = self._camera
        if camera is None:
            return

        def close() -> None:
            try:
                # Jobs run in turn, and that which stops the camera would wait behind one that has no frame. Bookworm's
                # first picamera2 does not have this yet.
                if hasattr(camera, "cancel_all_and_flush"):
                    camera.cancel_all_and_flush()
                camera.close()
            except (RuntimeError, OSError, AttributeError):
                return  # what cannot be closed is released by the kernel when this process ends

        closing = Thread(target=close, name="close-camera", daemon=True)
        closing.start()
        closing.join(_CLOSING_S)
        if not closing.is_alive():
            self._camera = None

    def _stall(self, waited_s: float) -> SourceError:
        return self._lost(f"no picture for {waited_s:g} s", "camera_stalled")

    def _lost(self, reason: str, code: str) -> SourceError:
        hint = "Look at the camera's cable and at `dmesg`; the camera is opened again by a fresh worker."
        if self._given:
            return SourceLost(f"{self._name} breaks off at frame {self._given}: {reason}", hint=hint, code=code)
        return SourceError(f"{self._name} gives no picture: {reason}", hint=hint, code=code)

    @property
    def _name(self) -> str:
        return f"camera {self._settings.camera}"


def _same_shape(main: Stream, lores: Stream) -> bool:
    """Whether both show the same picture, but for what even numbers of pixels make of its size."""
    return lores.width <= main.width and abs(lores.height - lores.width * main.height / main.width) <= 2


def _captured_ns(request: Any) -> int:
    """When the frame was exposed, by CLOCK_MONOTONIC."""
    # Documented as the time since boot, in fact monotonic; on a Pi, which never suspends, the two are one.
    now_ns = time.monotonic_ns()
    stamp = request.get_metadata().get("SensorTimestamp")
    return stamp if isinstance(stamp, int) and 0 <= now_ns - stamp < _SAME_CLOCK_NS else now_ns
