"""JPEGs of full views: the right part, the right colours, the box on it, and none of what is masked."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import simplejpeg
from numpy.typing import NDArray

from camera_workers import first_frame
from edgedet.errors import WorkerError, WorkerLost
from edgedet.outputs.drawing import picture_of
from edgedet.types import Box, PixelFormat
from edgedet.workers.camera import CameraSpec, CameraWorker
from edgedet.workers.jpeg import SMALLEST_CROP, NoEncoder, encode
from edgedet.workers.pictures import (
    PictureOrder,
    PictureRequest,
    full_view_bytes,
    pack_request,
    unpack_request,
)
from jpegs import decoded

LIVE = {"type": "synthetic", "fps": 50.0, "size": [320, 240]}
GREEN = (0, 255, 0)


def i420(width: int, height: int, luma: int = 120, u: int = 128, v: int = 128) -> NDArray[np.uint8]:
    chroma = ((width + 1) // 2) * ((height + 1) // 2)
    planes = ((luma, width * height), (u, chroma), (v, chroma))
    return np.concatenate([np.full(count, level, np.uint8) for level, count in planes])


def request(width: int, height: int, order: PictureOrder, layout: PixelFormat = PixelFormat.I420) -> PictureRequest:
    return PictureRequest(1, 0, layout, width, height, order)


@pytest.mark.parametrize(("width", "height"), [(64, 48), (65, 49), (1, 1), (3, 2)])
def test_a_picture_of_any_size_comes_out_in_even_pixels_and_in_its_colours(width: int, height: int) -> None:
    # Some reddish, greenish and bluish greys: limited range that is taken for full would be off by up to 16 levels.
    for luma, u, v in ((30, 120, 140), (120, 100, 120), (225, 140, 120)):
        view = i420(width, height, luma, u, v)
        got = decoded(encode(view, request(width, height, PictureOrder(quality=95))))
        assert got.shape == (max(1, height // 2 * 2), max(1, width // 2 * 2), 3)
        wanted = np.asarray(picture_of(memoryview(view), PixelFormat.I420, width, height))
        assert np.abs(got.astype(int) - wanted[: got.shape[0], : got.shape[1]]).max() <= 2


def test_an_encoder_that_takes_no_planes_makes_the_same_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    ramp = np.arange(96 * 64 * 3 // 2, dtype=np.uint32)
    view = (16 + ramp * 200 // ramp.size).astype(np.uint8)
    order = PictureOrder(Box(0.2, 0.2, 0.8, 0.8), draw=True, quality=95)
    planes = decoded(encode(view, request(96, 64, order))).astype(int)
    monkeypatch.delattr(simplejpeg, "encode_jpeg_yuv_planes")
    assert np.abs(decoded(encode(view, request(96, 64, order))) - planes).mean() < 3
    odd = encode(i420(1, 1, 120, 100, 120), request(1, 1, PictureOrder()))
    assert np.abs(decoded(odd)[0, 0].astype(int) - (108, 138, 64)).max() <= 3


def test_a_picture_in_rgb_keeps_its_colours() -> None:
    view = np.empty((40, 60, 3), np.uint8)
    view[:, :30], view[:, 30:] = (200, 40, 40), (20, 60, 180)
    got = decoded(encode(view.ravel(), request(60, 40, PictureOrder(quality=95), PixelFormat.RGB24)))
    assert np.abs(got[20, 5].astype(int) - (200, 40, 40)).max() <= 6
    assert np.abs(got[20, 55].astype(int) - (20, 60, 180)).max() <= 6


@pytest.mark.parametrize("layout", [PixelFormat.I420, PixelFormat.RGB24])
def test_a_crop_is_the_box_with_a_margin_in_even_pixels(layout: PixelFormat) -> None:
    view = np.full(full_view_bytes(1000, 800, layout), 120, np.uint8)
    order = PictureOrder(Box(0.3, 0.2, 0.6, 0.7), crop=True)
    got = decoded(encode(view, request(1000, 800, order, layout)))
    # 300 x 400 pixels, and 60 on each side of it.
    assert got.shape == (520, 420, 3)


@pytest.mark.parametrize(
    "box",
    [Box(0.5, 0.5, 0.51, 0.51), Box(0.0, 0.0, 0.01, 0.01), Box(0.99, 0.99, 1.0, 1.0), Box(0.4, 1.0, 0.4, 1.0)],
)
def test_a_crop_of_a_tiny_box_is_large_enough_to_show_something_and_within_the_picture(box: Box) -> None:
    got = decoded(encode(i420(640, 480), request(640, 480, PictureOrder(box, draw=True, crop=True))))
    assert SMALLEST_CROP <= got.shape[0] <= SMALLEST_CROP + 2
    assert SMALLEST_CROP <= got.shape[1] <= SMALLEST_CROP + 2


def test_a_crop_of_a_picture_smaller_than_any_crop_is_the_picture() -> None:
    order = PictureOrder(Box(0.2, 0.2, 0.4, 0.4), crop=True)
    assert decoded(encode(i420(101, 77), request(101, 77, order))).shape == (76, 100, 3)


@pytest.mark.parametrize("layout", [PixelFormat.I420, PixelFormat.RGB24])
def test_the_box_is_drawn_where_the_object_is_and_nowhere_else(layout: PixelFormat) -> None:
    view = np.full(full_view_bytes(400, 300, layout), 128, np.uint8)
    untouched = view.copy()
    order = PictureOrder(Box(0.25, 0.2, 0.75, 0.8), draw=True, quality=95)
    got = decoded(encode(view, request(400, 300, order, layout))).astype(int)
    for x, y in ((101, 150), (298, 150), (200, 61), (200, 238)):
        assert np.abs(got[y, x] - GREEN).max() < 70, (x, y, got[y, x])
    for x, y in ((50, 150), (200, 150), (350, 150), (200, 30), (200, 280)):
        assert np.ptp(got[y, x]) < 12, (x, y, got[y, x])
    assert np.array_equal(view, untouched), "the frame itself is others' too"


@pytest.mark.parametrize(
    "box", [Box(-0.5, -0.5, 1.5, 1.5), Box(0.9, 0.9, 0.1, 0.1), Box(1.2, 0.1, 1.4, 0.3), Box(0.5, 0.5, 0.5, 0.5)]
)
@pytest.mark.parametrize("crop", [False, True])
def test_a_box_beyond_the_edge_upside_down_or_empty_is_drawn_as_far_as_it_can_be(box: Box, crop: bool) -> None:
    assert decoded(encode(i420(200, 180), request(200, 180, PictureOrder(box, draw=True, crop=crop)))).size > 0


@pytest.mark.parametrize("layout", [PixelFormat.I420, PixelFormat.RGB24])
def test_a_wide_picture_is_made_smaller_and_its_box_with_it(layout: PixelFormat) -> None:
    view = np.full(full_view_bytes(1203, 901, layout), 128, np.uint8)
    order = PictureOrder(Box(0.5, 0.5, 1.0, 1.0), draw=True, widest=500, quality=95)
    got = decoded(encode(view, request(1203, 901, order, layout))).astype(int)
    assert got.shape[1] <= 500
    assert abs(got.shape[1] / got.shape[0] - 1203 / 901) < 0.02
    middle_y, middle_x = got.shape[0] // 2, got.shape[1] // 2
    assert np.abs(got[middle_y + 1, got.shape[1] * 3 // 4] - GREEN).max() < 70
    assert np.abs(got[got.shape[0] * 3 // 4, middle_x + 1] - GREEN).max() < 70


def test_every_pixel_of_a_smaller_picture_is_the_mean_of_those_it_stands_for() -> None:
    stripes = i420(64, 64)
    stripes[: 64 * 64].reshape(64, 64)[:, ::2] = 20
    stripes[: 64 * 64].reshape(64, 64)[:, 1::2] = 220
    got = decoded(encode(stripes, request(64, 64, PictureOrder(widest=32))))
    assert got.shape == (32, 32, 3)
    assert np.ptp(got.astype(int)) <= 2


def test_an_interpreter_without_the_encoder_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "simplejpeg", None)
    with pytest.raises(NoEncoder, match="has no simplejpeg"):
        encode(i420(8, 8), request(8, 8, PictureOrder()))


@pytest.mark.parametrize("order", [PictureOrder(), PictureOrder(Box(0.25, 0.5, 0.75, 1.0), True, True, 640, 70)])
def test_an_order_arrives_as_it_was_given(order: PictureOrder) -> None:
    asked = PictureRequest(2**31, 513, PixelFormat.RGB24, 4056, 3040, order)
    assert unpack_request(pack_request(asked)) == asked


async def test_a_masked_area_is_black_in_every_picture_of_a_worker(camera_spec: CameraSpec) -> None:
    masked = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))
    orders = [
        PictureOrder(),
        PictureOrder(Box(0.6, 0.2, 0.9, 0.8), draw=True),
        PictureOrder(Box(0.4, 0.2, 0.6, 0.8), crop=True),
        PictureOrder(widest=160),
    ]
    async with first_frame(replace(camera_spec, full_view=True, masks=(masked,))) as (_, frame):
        for order in orders:
            future = frame.jpeg(order)
            assert future is not None
            picture = decoded(await future)
            # Up to a block before the mask's edge: there the JPEG's own ringing begins.
            edge = {160: 80 - 16, 320: 160 - 16}.get(picture.shape[1], picture.shape[1] // 2 - 16)
            assert picture[:, :edge].max() <= 8
            assert picture[:, edge + 32 :].max() > 60


async def test_a_frame_is_held_until_its_picture_is_made_and_then_given_back(camera_spec: CameraSpec) -> None:
    async with CameraWorker(replace(camera_spec, full_view=True, slots=2)) as camera:
        numbers = []
        async for frame in camera.frames():
            numbers.append(frame.stamp.seq)
            future = frame.jpeg(PictureOrder())
            frame.release()
            assert future is not None
            assert decoded(await future).shape == (240, 320, 3)
    assert numbers == list(range(40))


async def test_the_last_frame_of_a_source_can_still_be_made_a_picture(camera_spec: CameraSpec) -> None:
    source = {"type": "synthetic", "frames": 1, "size": [320, 240]}
    async with CameraWorker(replace(camera_spec, source=source, full_view=True)) as camera:
        frames = [frame async for frame in camera.frames()]
        future = frames[0].jpeg(PictureOrder())
        assert future is not None
        async with asyncio.timeout(20):
            assert decoded(await future).shape == (240, 320, 3)


async def test_two_holders_of_a_frame_give_it_back_once_each(camera_spec: CameraSpec) -> None:
    async with CameraWorker(replace(camera_spec, slots=1)) as camera:
        frames = camera.frames()
        frame = await anext(frames)
        other = frame.keep()
        frame.release()
        frame.release()
        with pytest.raises(RuntimeError, match="released"):
            frame.keep()
        following = asyncio.ensure_future(anext(frames))
        await asyncio.sleep(0.2)
        assert not following.done(), "the second holder still has the only slot"
        other.release()
        (await following).release()
        await frames.aclose()


async def test_a_live_camera_without_a_slot_to_spare_makes_no_picture(camera_spec: CameraSpec) -> None:
    async with CameraWorker(replace(camera_spec, source=LIVE, full_view=True, slots=2)) as camera:
        frames = camera.frames()
        first, second = await anext(frames), await anext(frames)
        assert second.jpeg(PictureOrder()) is None
        first.release()
        future = second.jpeg(PictureOrder())
        assert future is not None
        await future
        second.release()
        await frames.aclose()


async def test_a_frame_without_a_full_view_makes_no_picture(camera_spec: CameraSpec) -> None:
    async with first_frame(camera_spec) as (_, frame):
        assert frame.jpeg(PictureOrder()) is None


async def test_who_waits_for_a_picture_learns_that_the_worker_has_died(camera_spec: CameraSpec) -> None:
    async with first_frame(replace(camera_spec, source=LIVE, full_view=True)) as (camera, frame):
        assert camera.pid is not None
        os.kill(camera.pid, signal.SIGSTOP)
        future = frame.jpeg(PictureOrder())
        os.kill(camera.pid, signal.SIGKILL)
        assert future is not None
        with pytest.raises(WorkerLost):
            async with asyncio.timeout(20):
                await future
        assert frame.jpeg(PictureOrder()) is None


async def test_a_picture_that_cannot_be_made_is_refused_with_the_reason(camera_spec: CameraSpec) -> None:
    async with first_frame(replace(camera_spec, full_view=True)) as (_, frame):
        future = frame.jpeg(PictureOrder(widest=0))
        assert future is not None
        with pytest.raises(WorkerError, match="no picture"):
            await future
        again = frame.jpeg(PictureOrder())
        assert again is not None
        assert decoded(await again).shape == (240, 320, 3)


async def test_pictures_of_one_frame_that_are_asked_for_at_once_are_each_their_own(camera_spec: CameraSpec) -> None:
    async with first_frame(replace(camera_spec, full_view=True)) as (_, frame):
        futures = [frame.jpeg(PictureOrder(widest=widest)) for widest in (320, 160, 80)]
        # Nobody reads meanwhile: the worker is as far ahead as it may be.
        time.sleep(0.5)  # noqa: ASYNC251
        widths = [decoded(await future).shape[1] for future in futures if future is not None]
    assert widths == [320, 160, 80]


async def test_capture_goes_on_while_pictures_are_made(camera_spec: CameraSpec) -> None:
    async with CameraWorker(replace(camera_spec, source=LIVE | {"size": [1280, 720]}, full_view=True)) as camera:
        frames = camera.frames()
        made = 0
        async for frame in frames:
            futures = [frame.jpeg(PictureOrder(quality=quality)) for quality in range(80, 95)]
            frame.release()
            before = camera.captured
            await asyncio.gather(*(future for future in futures if future is not None))
            made += camera.captured - before
            if made >= 2:
                break
        await frames.aclose()
    assert made >= 2
