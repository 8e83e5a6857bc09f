"""The camera worker's own side: frames out of a driver, into slots, a ticket for each.

A live source never waits for the daemon: without a free slot the frame is dropped before it costs more than its
decoding. Any other source waits for a slot, so that every frame comes, in order.
"""

from __future__ import annotations

import os
import select
import socket
import sys
import time
from functools import partial
from importlib import import_module
from typing import Any

from edgedet.cameras import Camera, ScalesItself, Shot
from edgedet.types import FrameStamp, ViewSize
from edgedet.workers import memory
from edgedet.workers.failure import run_or_end
from edgedet.workers.masks import Masks
from edgedet.workers.observer import Observer
from edgedet.workers.picture_press import PicturePress
from edgedet.workers.protocol import (
    MAX_MESSAGE,
    Kind,
    Ticket,
    pack_ended,
    pack_json,
    pack_ticket,
    unpack_attend,
    unpack_json,
    unpack_release,
)
from edgedet.workers.rhythm import Rhythm
from edgedet.workers.slots import Slots

CAPTURED = 0
"""Index in the header: frames that the source has given, dropped ones too."""
CAPTURED_AT = 1
"""Index in the header: CLOCK_MONOTONIC nanoseconds of the last of them."""
WAITING = 2
"""Index in the header: 1 while the child waits for a slot, when its silence is the daemon's doing."""
USUAL = 3
"""Index in the header: the usual pause between two frames, nanoseconds; 0 while it is not known."""


class Pace:
    """Lets frames through at a rate at most, on a grid of due times: jitter neither adds up nor costs frames."""

    _LEEWAY = 0.1
    """Share of the interval by which a frame may be early: a camera of 15 frames a second that is wanted at 5 must not
    fall to 3.75 because every third frame comes a millisecond too soon."""

    def __init__(self, interval_s: float) -> None:
        self._interval_ns = int(interval_s * 1e9)
        self._due_ns: int | None = None

    def early_ns(self, now_ns: int) -> int:
        """How long until a frame may pass; 0 if now."""
        if self._due_ns is None:
            return 0
        return max(0, self._due_ns - int(self._LEEWAY * self._interval_ns) - now_ns)

    def passed(self, now_ns: int) -> None:
        """A frame has gone through."""
        if self._due_ns is None or now_ns - self._due_ns > self._interval_ns:
            self._due_ns = now_ns
        self._due_ns += self._interval_ns


class CameraChild:
    """A driver's frames, and the daemon at the other end of the socket."""

    def __init__(
        self,
        connection: socket.socket,
        slots: Slots,
        header: memoryview,
        pace: Pace,
        observer: Observer,
        first_seq: int,
    ) -> None:
        self._connection = connection
        self._slots = slots
        self._observer = observer
        self._header = header
        self._pace = pace
        self._first_seq = first_seq
        self._notes = 0
        self._press = PicturePress(connection, slots.full_view, self._tell)
        self._fault: str | None = None

    def run(self, camera: Camera) -> None:
        """Hand over every frame that the policy lets through, then say that the source has ended."""
        self._tell_notes(camera)
        captured = 0
        rhythm = Rhythm()
        for captured, shot in enumerate(camera.frames(), 1):
            now_ns = time.monotonic_ns()
            if captured > 1:
                rhythm.note(now_ns - self._header[CAPTURED_AT])
                self._header[USUAL] = rhythm.usual_ns
            self._header[CAPTURED] = captured
            self._header[CAPTURED_AT] = now_ns
            if len(camera.notes) > self._notes:
                self._tell_notes(camera)
            early_ns = self._pace.early_ns(now_ns)
            if early_ns:
                if camera.live:
                    self._drain()  # a picture that is asked for does not wait until the next frame is due
                    continue
                # A source that waits for us loses nothing by the limit: it just goes slower.
                self._header[WAITING] = 1
                self._sleep(early_ns)
                self._header[CAPTURED_AT] = time.monotonic_ns()
                self._header[WAITING] = 0
            slot = self._take_slot(camera)
            if slot is None:
                continue
            self._pace.passed(now_ns + early_ns)
            self._hand_over(slot, self._first_seq + captured - 1, shot)
            if camera.live:
                # The kernel wakes the daemon on this very core, where it would wait until the next frame is decoded:
                # 1.1 ms of latency against 0.3, measured at 30 frames a second on two cores that were otherwise idle.
                os.sched_yield()
        if len(camera.notes) > self._notes:
            self._tell_notes(camera)
        self._connection.send(pack_ended(captured))

    def _hand_over(self, slot: int, seq: int, shot: Shot) -> None:
        """Draw the frame and send its ticket, or keep the slot where nobody needs to look at it."""
        observer = self._observer
        self._slots.draw_detect(slot, shot, observer)
        if observer.fault != self._fault:
            self._fault = observer.fault
            self._connection.send(pack_json(Kind.SIGHT, {"code": self._fault}))
        if not observer.wants(shot):
            self._slots.free.append(slot)
            return
        pixel_format = self._slots.draw_full(slot, shot)
        stamp = FrameStamp(
            seq,
            shot.captured_ns,
            shot.pts_s,
            shot.width,
            shot.height,
            shot.name,
            moving=observer.moving,
            night=observer.night,
        )
        self._connection.send(pack_ticket(Ticket(slot, pixel_format, stamp)))

    def linger(self) -> None:
        """Make pictures of the last frames for as long as the daemon wants some; it ends this process."""
        while True:
            self._receive(0)

    def _sleep(self, duration_ns: int) -> None:
        """Let time pass, and do what is asked meanwhile."""
        until_ns = time.monotonic_ns() + duration_ns
        while (left_ns := until_ns - time.monotonic_ns()) > 0:
            if select.select([self._connection], [], [], left_ns / 1e9)[0]:
                self._drain()

    def _take_slot(self, camera: Camera) -> int | None:
        free = self._slots.free
        self._drain()
        if not free and not camera.live:
            self._header[WAITING] = 1
            while not free:
                self._receive(0)
                self._drain()
            self._header[CAPTURED_AT] = time.monotonic_ns()
            self._header[WAITING] = 0
        return free.pop() if free else None

    def _drain(self) -> None:
        try:
            while True:
                self._receive(socket.MSG_DONTWAIT)
        except BlockingIOError:
            return

    def _receive(self, flags: int) -> None:
        message = self._connection.recv(MAX_MESSAGE, flags)
        if not message:
            os._exit(0)
        if message[0] == Kind.ENCODE:
            self._press.take(message)
        elif message[0] == Kind.ATTEND:
            self._observer.attend(following=unpack_attend(message))
        else:
            self._slots.free.append(unpack_release(message))

    def _tell_notes(self, camera: Camera) -> None:
        for note in camera.notes[self._notes :]:
            self._tell(note)
        self._notes = len(camera.notes)

    def _tell(self, note: str) -> None:
        self._connection.send(pack_json(Kind.NOTE, {"message": note}))


def serve(connection: socket.socket, memory_fd: int) -> None:
    """The child's whole life; ends the process."""
    run_or_end(connection, partial(_serve, connection, memory_fd))
    # The daemon may still read from our slots: the memory lives as long as it is mapped there.
    sys.stderr.flush()
    os._exit(0)


def _serve(connection: socket.socket, memory_fd: int) -> None:
    start = unpack_json(connection.recv(MAX_MESSAGE))
    driver = import_module(f"edgedet.cameras.{start['source']['type']}")
    settings = driver.Settings(**{key: _plain(value) for key, value in start["source"].items()})
    width, height = start["view"]
    layout = memory.Layout(start["slots"], width * height * 3, start["full_bytes"])
    shared = memory.attach(memory_fd, layout.total)
    slots = Slots(shared, layout, (width, height), Masks(start["masks"]))
    source = driver.open_camera(settings)
    if isinstance(source, ScalesItself):
        source.scale_to(ViewSize(width, height))
    with source as camera:
        opened = {"live": camera.live, "expected_frames": camera.expected_frames}
        connection.send(pack_json(Kind.OPENED, opened))
        observer = Observer(live=camera.live, idle_fps=start["idle_fps"])
        pace = Pace(start["min_interval_s"])
        child = CameraChild(connection, slots, memory.header(shared), pace, observer, start["first_seq"])
        child.run(camera)
    if layout.full_bytes:
        child.linger()


def _plain(value: Any) -> Any:
    """JSON has lists where settings have tuples."""
    return tuple(_plain(item) for item in value) if isinstance(value, list) else value
