"""The program that edgedet grew from: read, predict and show as coroutines that are joined by queues, None at the end.

    .venv-bench/bin/python tests/bench/grown_from.py MODEL CLIP SIZE FRAMES [plain]

It runs on an environment of its own with Ultralytics (AGPL-3.0) and OpenCV, and prints one JSON line. Its own faults
are kept: nothing in it suspends, so that every frame is read before the first is predicted. It draws each frame, as it
did, but shows it nowhere; `plain` leaves the drawing out.
"""

import asyncio
import json
import sys
import time

import cv2
import torchvision_stand_in
from ultralytics import YOLO


async def read(clip, frames, queue):
    capture = cv2.VideoCapture(clip)
    for _ in range(frames):
        there, frame = capture.read()
        if not there:
            break
        await queue.put(frame)
    await queue.put(None)


async def predict(model, size, queue, results):
    while (frame := await queue.get()) is not None:
        await results.put(model.predict(frame, imgsz=size, conf=0.25, verbose=False)[0])
    await results.put(None)


async def show(results, found, plain):
    while (result := await results.get()) is not None:
        if not plain:
            result.plot()
        found.append(len(result.boxes))


async def main(model_file, clip, size, frames, plain):
    model = YOLO(model_file, task="detect")
    _, frame = cv2.VideoCapture(clip).read()
    for _ in range(3):
        model.predict(frame, imgsz=size, verbose=False)[0].plot()
    queue, results, found = asyncio.Queue(), asyncio.Queue(), []
    begun, cpu_begun = time.perf_counter(), time.process_time()
    await asyncio.gather(read(clip, frames, queue), predict(model, size, queue, results), show(results, found, plain))
    seconds, cpu_s = time.perf_counter() - begun, time.process_time() - cpu_begun
    print(json.dumps({"frames": len(found), "seconds": seconds, "cpu_s": cpu_s, "objects": sum(found)}))


if __name__ == "__main__":
    torchvision_stand_in.use_if_needed()
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), "plain" in sys.argv[5:]))
