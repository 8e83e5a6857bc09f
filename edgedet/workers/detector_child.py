"""The detector worker's own side: take a slot, invoke, and decode frame n while frame n+1 is being invoked.

Each instance is a thread with an interpreter of its own that takes its next job straight from the socket: the kernel
is the queue, so that a job which waits there starts without waking anybody in between. `invoke()` releases the GIL;
one more thread decodes.
"""

from __future__ import annotations

import os
import queue
import socket
import statistics
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgedet.accelerators import Accelerator, Options, open_those_there
from edgedet.errors import ModelError
from edgedet.geometry import LETTERBOX_GREY, Letterbox
from edgedet.models import decoders
from edgedet.models.inspection import inspect
from edgedet.models.layout import Layout, identify
from edgedet.models.quantise import InputEncoder
from edgedet.workers import memory
from edgedet.workers.failure import run_or_end
from edgedet.workers.protocol import (
    MAX_MESSAGE,
    Kind,
    RawResult,
    Submission,
    classes_of,
    pack_json,
    pack_result,
    unpack_json,
    unpack_submit,
)
from edgedet.workers.protocol import Limits as WireLimits

Tensors = list[NDArray[np.generic]]
Work = Callable[[], None]

_SWITCH_INTERVAL_S = 1e-4
"""How long decoding may keep the GIL from an instance that has just finished its invoke. Python's 5 ms is longer than
a whole inference at 320 pixels."""
_OUTPUT_SETS = 2
"""For each instance: one that is being decoded and one that is being filled."""
_WARM_UP_QUICK_S = 0.05
"""A model faster than this is run some more times, so that the median says something."""
_WARM_UP_RUNS = 3
_LIMITS_KEPT = 64
_RECORD = np.dtype([("class_id", "<u4"), ("score", "<f4"), ("box", "<f4", (4,))])


@dataclass(frozen=True, slots=True)
class OutputSet:
    """Room for one frame's output tensors, and where it goes back to when it is no longer needed."""

    tensors: Tensors
    home: queue.SimpleQueue[OutputSet]


@dataclass(frozen=True, slots=True)
class Invoked:
    """A frame that came out of the accelerator and waits for its decoding."""

    submission: Submission
    instance: int
    outputs: OutputSet
    started_ns: int
    loaded_ns: int
    finished_ns: int


class Instance:
    """One interpreter in one thread."""

    def __init__(
        self,
        number: int,
        accelerator: Accelerator,
        encoder: InputEncoder,
        slots: Sequence[NDArray[np.uint8]],
        header: memoryview,
    ) -> None:
        self._number = number
        self._accelerator = accelerator
        self._encoder = encoder
        self._slots = slots
        self._header = header
        self._spare: queue.SimpleQueue[OutputSet] = queue.SimpleQueue()

    def run(self, connection: socket.socket, done: queue.SimpleQueue[Invoked]) -> None:
        """Take jobs from the socket until it is closed."""
        for _ in range(_OUTPUT_SETS):
            tensors = [np.empty(output.shape, output.dtype) for output in self._accelerator.outputs]
            self._spare.put(OutputSet(tensors, self._spare))
        accelerator, header, number = self._accelerator, self._header, self._number
        invoked: Invoked | None = None
        while True:
            message = _waiting_message(connection) if invoked is not None else None
            if message is None:
                if invoked is not None:
                    done.put(invoked)
                    invoked = None
                message = connection.recv(MAX_MESSAGE)
            if not message:
                os._exit(0)
            submission = unpack_submit(message)
            started_ns = time.monotonic_ns()
            # The deadline's clock starts here. One aligned store, which the daemon reads without a lock.
            header[number] = started_ns
            accelerator.load(partial(self._encoder.encode, self._slots[submission.slot]))
            loaded_ns = time.monotonic_ns()
            if invoked is not None:
                # Only now that the next job is loaded: decoding begins while invoke() has let go of the GIL, instead
                # of holding it against what must happen before (0.1 ms and more a frame).
                done.put(invoked)
            accelerator.invoke()
            finished_ns = time.monotonic_ns()
            header[number] = 0
            outputs = self._spare.get()
            accelerator.read(outputs.tensors)
            invoked = Invoked(submission, number, outputs, started_ns, loaded_ns, finished_ns)

    def warm_up(self) -> float:
        """Median seconds of an invoke on a grey picture; the first, which sets things up, is left out if it can be."""
        grey = np.full_like(self._slots[0], LETTERBOX_GREY)
        self._accelerator.load(partial(self._encoder.encode, grey))
        seconds: list[float] = []
        for _ in range(_WARM_UP_RUNS):
            self._header[self._number] = time.monotonic_ns()
            begun = time.perf_counter()
            self._accelerator.invoke()
            seconds.append(time.perf_counter() - begun)
            if seconds[0] > _WARM_UP_QUICK_S:
                break
        self._header[self._number] = 0
        return statistics.median(seconds[1:] or seconds)

    def answers(self) -> Tensors:
        """What the last invoke answered, as copies."""
        tensors: Tensors = [np.empty(output.shape, output.dtype) for output in self._accelerator.outputs]
        self._accelerator.read(tensors)
        return tensors


def _waiting_message(connection: socket.socket) -> bytes | None:
    """A message that is there already, or None."""
    try:
        return connection.recv(MAX_MESSAGE, socket.MSG_DONTWAIT)
    except BlockingIOError:
        return None


class Decoding:
    """Turns output tensors into results, one frame after the other."""

    def __init__(self, decoder: decoders.Decoder, layout: Layout) -> None:
        self._decoder = decoder
        self._layout = layout
        self._limits: dict[WireLimits, decoders.Limits] = {}

    def run(self, connection: socket.socket, done: queue.SimpleQueue[Invoked]) -> None:
        """Decode what was invoked, for ever."""
        while True:
            connection.send(pack_result(self._decode(done.get())))

    def refuse_nonsense(self, answers: Tensors, model: str) -> None:
        """Look at what the model says of a grey picture.

        Raises:
            ModelError: nothing but NaN. Published exports do that, and it would look like an empty scene for ever.
        """
        # NaN is counted whatever the threshold; one that nothing reaches spares the rest.
        found = self._decoder.decode(answers, decoders.Limits(min_score=1.0))
        if 0 < self._layout.anchors <= found.invalid:
            raise ModelError(
                f"{model}: answers with values that are no numbers (NaN)",
                hint="Export it again: with another quantisation, or as float32.",
            )

    def _decode(self, invoked: Invoked) -> RawResult:
        begun_ns = time.monotonic_ns()
        submission, outputs = invoked.submission, invoked.outputs
        found = self._decoder.decode(outputs.tensors, self._limits_for(submission.limits))
        outputs.home.put(outputs)
        boxes = b""
        if len(found):
            letterbox = Letterbox.fit(submission.width, submission.height, self._layout.width, self._layout.height)
            found = decoders.in_frame(found, letterbox)
            records = np.empty(len(found), _RECORD)
            records["class_id"] = found.class_ids
            records["score"] = found.scores
            records["box"] = found.boxes
            boxes = records.tobytes()
        return RawResult(
            invoked.instance,
            submission.ticket,
            found.invalid,
            invoked.loaded_ns - invoked.started_ns,
            invoked.finished_ns - invoked.loaded_ns,
            time.monotonic_ns() - begun_ns,
            boxes,
        )

    def _limits_for(self, asked: WireLimits) -> decoders.Limits:
        """Cameras have few distinct limits and every frame brings them along."""
        limits = self._limits.get(asked)
        if limits is None:
            if len(self._limits) >= _LIMITS_KEPT:
                self._limits.clear()
            limits = decoders.Limits(asked.min_score, asked.iou, asked.max_detections, classes_of(asked.class_bitmap))
            self._limits[asked] = limits
        return limits


def serve(connection: socket.socket, memory_fd: int) -> None:
    """The child's whole life. Ends the process; never returns to a caller that would do more."""
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    run_or_end(connection, partial(_serve, connection, memory_fd))


def _serve(connection: socket.socket, memory_fd: int) -> None:
    start = unpack_json(connection.recv(MAX_MESSAGE))
    info = inspect(Path(start["model"]))
    layout = identify(info)
    shared_layout = memory.Layout(start["slots"], layout.width * layout.height * 3, 0)
    shared = memory.attach(memory_fd, shared_layout.total)
    shape = (layout.height, layout.width, 3)
    slots = [
        np.frombuffer(shared, np.uint8, shared_layout.detect_bytes, shared_layout.detect_at(slot)).reshape(shape)
        for slot in range(start["slots"])
    ]
    backend = import_module(f"edgedet.accelerators.{start['backend']}")
    encoder = InputEncoder.for_model(info, layout)
    wishes = [_options(start, number, info.edgetpu_runtime) for number in range(start["instances"])]
    if hasattr(backend, "versions"):
        # Said before it is tried: a library that does not go with the runtime leaves no chance to say it after.
        for words in backend.versions(wishes[0]):
            connection.send(pack_json(Kind.NOTE, {"message": words}))
    accelerators, left_out = open_those_there(backend.open_accelerator, wishes)
    instances = [
        Instance(number, accelerator, encoder, slots, memory.header(shared))
        for number, accelerator in enumerate(accelerators)
    ]
    if start["twin"] is not None:
        from edgedet.workers.trust_child import verify

        for accelerator in accelerators:
            verify(accelerator, info, Path(start["twin"]), start["runtime"])
    warm_up_s = max(instance.warm_up() for instance in instances)
    decoding = Decoding(decoders.build_decoder(layout, info.outputs), layout)
    decoding.refuse_nonsense(instances[0].answers(), start["model"])
    done: queue.SimpleQueue[Invoked] = queue.SimpleQueue()
    for instance in instances:
        work = partial(run_or_end, connection, partial(instance.run, connection, done))
        threading.Thread(target=work, daemon=True).start()
    told = {"backend": start["backend"], "warm_up_ms": warm_up_s * 1000.0, "left_out": left_out}
    connection.send(pack_json(Kind.OPENED, told))
    decoding.run(connection, done)


def _options(start: dict[str, Any], number: int, edgetpu_runtime: int | None) -> Options:
    devices: list[str] = start["devices"]
    return Options(
        start["model"],
        start["threads"],
        start["runtime"],
        library=start["library"],
        device=devices[number] if number < len(devices) else "",
        delegate=start["delegate"],
        edgetpu_runtime=edgetpu_runtime,
    )
