"""The stages between a camera and what is published: functions over channels, without knowledge of concrete outputs.

Frames that are being looked at lie in the camera's slots; a stage that is done with a frame releases it. The order of
frames survives several accelerator instances, since answers are awaited in the order in which frames were handed over.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass

from edgedet.channel import EndOfStream, Latest
from edgedet.errors import EdgedetError, WorkerLost
from edgedet.types import FrameResult, Inference
from edgedet.workers.frame import Frame
from edgedet.workers.gate import Gate
from edgedet.workers.protocol import Limits, RawResult, detections_of
from edgedet.workers.supervisor import Answerer
from edgedet.workers.turns import Share

_TRIES = 3
"""A frame that was being looked at when a worker died is shown to the next one; the same frame three times is its
fault, not the workers'."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A frame with what was found in it. The frame is still the holder's to release."""

    frame: Frame
    result: FrameResult
    invalid: int
    """How many of the model's values were no finite numbers and were left out."""


def to_seen(frame: Frame, raw: RawResult, labels: tuple[str, ...]) -> Seen:
    """Put names and milliseconds to a worker's answer."""
    inference = Inference(raw.backend, raw.prepare_ns / 1e6, raw.invoke_ns / 1e6, raw.decode_ns / 1e6)
    return Seen(frame, FrameResult(frame.stamp, inference, detections_of(raw.boxes, labels)), raw.invalid)


async def every_frame(
    frames: AsyncIterator[Frame],
    detector: Answerer,
    limits: Callable[[], Limits],
    labels: tuple[str, ...],
    depth: int,
    gate: Gate | None = None,
) -> AsyncGenerator[Seen]:
    """Each frame with its answer, in order, as many as `depth` under way; a slow reader holds the source back.

    A frame whose worker died is handed to the next one: nothing is lost. With a gate, frames are passed over while
    nothing moves; the reader says after each answer, in `gate.attending`, whether it follows something.

    Raises:
        EdgedetError: the source broke off (after what it gave has come out), or the detector has given up.
    """
    pending: asyncio.Queue[tuple[Frame, asyncio.Future[RawResult]] | None] = asyncio.Queue(depth)
    feeder = asyncio.get_running_loop().create_task(_feed(frames, detector, limits, pending, gate), name="feed")
    try:
        while (item := await pending.get()) is not None:
            frame, answer = item
            raw = await _answer(frame, answer, detector, limits)
            yield to_seen(frame, raw, labels)
            pending.task_done()
        await feeder
    finally:
        feeder.cancel()
        await asyncio.gather(feeder, return_exceptions=True)


async def _feed(
    frames: AsyncIterator[Frame],
    detector: Answerer,
    limits: Callable[[], Limits],
    pending: asyncio.Queue[tuple[Frame, asyncio.Future[RawResult]] | None],
    gate: Gate | None,
) -> None:
    try:
        async for frame in frames:
            if gate is not None and not await _opens(gate, frame, pending):
                frame.release()
                continue
            await pending.put((frame, await _hand_over(frame, detector, limits)))
    except EdgedetError:
        # What was handed over before still comes out; only then is the error told.
        await pending.put(None)
        raise
    await pending.put(None)


async def _opens(
    gate: Gate, frame: Frame, pending: asyncio.Queue[tuple[Frame, asyncio.Future[RawResult]] | None]
) -> bool:
    if not frame.stamp.moving:
        # What is followed is known only when all frames before this one have been looked at: without this the same
        # recording would come out differently on a faster machine.
        await pending.join()
    return gate.opens(round(frame.stamp.pts_s * 1e9), moving=frame.stamp.moving)


async def _hand_over(frame: Frame, detector: Answerer, limits: Callable[[], Limits]) -> asyncio.Future[RawResult]:
    while True:
        await detector.turn()
        try:
            return detector.submit(frame.detect, frame.stamp, limits())
        except WorkerLost:
            continue


async def _answer(
    frame: Frame, answer: asyncio.Future[RawResult], detector: Answerer, limits: Callable[[], Limits]
) -> RawResult:
    for _ in range(_TRIES - 1):
        try:
            return await answer
        except EdgedetError:
            answer = await _hand_over(frame, detector, limits)
    return await answer


async def capture(frames: AsyncIterator[Frame], newest: Latest[Frame]) -> None:
    """Keep the newest frame of a live source at hand; the one that it replaces goes back at once.

    Raises:
        EdgedetError: the source broke off.
    """
    try:
        async for frame in frames:
            replaced = newest.put(frame)
            if replaced is not None:
                replaced.release()
    finally:
        newest.close()


async def newest_frames(
    newest: Latest[Frame],
    detector: Answerer,
    limits: Callable[[], Limits],
    labels: tuple[str, ...],
    depth: int,
    share: Share | None = None,
) -> AsyncGenerator[Seen]:
    """The newest frame whenever the detector has a turn for this camera, with its answer.

    A frame whose worker died counts as dropped: by the time that there is a new one, there is a newer frame.
    """
    pending: asyncio.Queue[tuple[Frame, asyncio.Future[RawResult]] | None] = asyncio.Queue(depth)
    feeder = asyncio.get_running_loop().create_task(_feed_newest(newest, detector, limits, pending, share), name="feed")
    try:
        while (item := await pending.get()) is not None:
            frame, answer = item
            try:
                raw = await answer
            except EdgedetError:
                newest.give_up()
                frame.release()
                continue
            yield to_seen(frame, raw, labels)
        await feeder
    finally:
        feeder.cancel()
        await asyncio.gather(feeder, return_exceptions=True)


async def _feed_newest(
    newest: Latest[Frame],
    detector: Answerer,
    limits: Callable[[], Limits],
    pending: asyncio.Queue[tuple[Frame, asyncio.Future[RawResult]] | None],
    share: Share | None,
) -> None:
    try:
        while True:
            await newest.ready()
            await detector.turn(share)
            # Taken only now: while this camera waited for its turn, a newer frame may have come.
            frame = newest.take()
            if frame is None:
                raise RuntimeError(f"{newest.name}: an item that was ready is gone: it has a second consumer")
            try:
                answer = detector.submit(frame.detect, frame.stamp, limits())
            except WorkerLost:
                newest.give_up()
                frame.release()
                continue
            await pending.put((frame, answer))
    except EndOfStream:
        await pending.put(None)
    except EdgedetError:
        await pending.put(None)
        raise
