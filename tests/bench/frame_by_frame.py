"""A run without workers, queues or overlap: each frame is read, looked at and written before the next is read.

    python tests/bench/frame_by_frame.py CLIP MODEL OUTPUT

What the pipeline finds must be this, line by line.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

from edgedet.accelerators import Options
from edgedet.accelerators.cpu import open_accelerator
from edgedet.app.model import open_model
from edgedet.cameras import video
from edgedet.geometry import LETTERBOX_GREY, Letterbox
from edgedet.models import decoders
from edgedet.models.quantise import InputEncoder
from edgedet.outputs.jsonlines import json_line
from edgedet.types import Box, Detection, FrameResult, FrameStamp, Inference


def main(clip: str, model_file: Path, output: Path) -> None:
    model = open_model(model_file)
    layout = model.layout
    accelerator = open_accelerator(Options(str(model_file)))
    encoder = InputEncoder.for_model(model.info, layout)
    decoder = decoders.build_decoder(layout, model.info.outputs)
    tensors = [np.empty(each.shape, each.dtype) for each in accelerator.outputs]
    limits = decoders.Limits(0.25, 0.7, 300)
    with video.open_camera(video.Settings(path=clip)) as camera, output.open("w", encoding="utf-8") as lines:
        for number, shot in enumerate(camera.frames()):
            letterbox = Letterbox.fit(shot.width, shot.height, layout.width, layout.height)
            view = np.full((layout.height, layout.width, 3), LETTERBOX_GREY, np.uint8)
            bottom, right = letterbox.top + letterbox.inner_height, letterbox.left + letterbox.inner_width
            shot.draw_detect(view[letterbox.top : bottom, letterbox.left : right])
            accelerator.load(lambda tensor, view=view: encoder.encode(view, tensor))
            accelerator.invoke()
            accelerator.read(tensors)
            found = decoders.in_frame(decoder.decode(tensors, limits), letterbox)
            detections = tuple(
                Detection(model.labels[class_id], int(class_id), float(score), Box(*map(float, box)))
                for class_id, score, box in zip(found.class_ids, found.scores, found.boxes, strict=True)
            )
            stamp = FrameStamp(number, time.monotonic_ns(), shot.pts_s, shot.width, shot.height)
            lines.write(json_line(clip, FrameResult(stamp, Inference("cpu", 0.0, 0.0, 0.0), detections)))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
