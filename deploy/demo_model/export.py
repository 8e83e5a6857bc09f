"""From trained weights to a .tflite file: full-integer int8, with Ultralytics' metadata at its end."""

from __future__ import annotations

import argparse
import json
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import network
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow import keras
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from edgedet.cameras._scene.style import LABELS

HEADS = ("split", "single")
_METADATA = {
    "description": "edgedet's detector of its own synthetic scenes: for a first look and tests, not for real life",
    "author": "the edgedet authors",
    "license": "Apache-2.0",
    "task": "detect",
    "batch": 1,
    "stride": max(network.STRIDES),
    "imgsz": [network.SIDE, network.SIDE],
    "names": dict(enumerate(LABELS)),
}


def with_head(model: keras.Model, head: str) -> keras.Model:
    """The model as it is shipped.

    `split`: class logits (1, 1344, 4) and box sides (1, 1344, 64), each with its own scale. `single`: (1, 8, 1344) with
    cx, cy, w, h in fractions of the input and the scores, as Ultralytics exports it.
    """
    picture = keras.Input((network.SIDE, network.SIDE, 3), batch_size=1, name="picture")
    out = model(picture)
    if head == "split":
        return keras.Model(picture, [out["logits"], out["sides"]])

    def joined(logits: tf.Tensor, sides: tf.Tensor) -> tf.Tensor:
        centres, strides = network.anchors()
        spread = tf.nn.softmax(tf.reshape(sides, (1, -1, 4, network.BINS)))
        weights = tf.reshape(tf.range(network.BINS, dtype=tf.float32), (network.BINS, 1))
        distance = tf.reshape(tf.linalg.matmul(tf.reshape(spread, (-1, network.BINS)), weights), (1, -1, 4))
        distance *= strides[None] / network.SIDE
        near, far = distance[..., :2], distance[..., 2:]
        centre = centres[None] / network.SIDE + (far - near) / 2
        return tf.transpose(tf.concat([centre, near + far, tf.sigmoid(logits)], -1), (0, 2, 1))

    return keras.Model(picture, keras.layers.Lambda(lambda x: joined(*x))([out["logits"], out["sides"]]))


def samples(data: Path, count: int) -> Iterator[list[NDArray[np.float32]]]:
    """Pictures that the ranges of all tensors are measured on."""
    shards = sorted(data.glob("????.images.npy"))
    for i in range(count):
        images = np.load(shards[i % len(shards)], mmap_mode="r")
        picture = images[(i * 37) % len(images)].astype(np.float32)[None] / 255.0
        # The input's scale is 1/255 only if black and white are seen.
        picture[0, 0, 0], picture[0, 0, 1] = 0.0, 1.0
        yield [picture]


def convert(weights: Path, data: Path, head: str, calibrate_on: int) -> bytes:
    """The model as a .tflite file: int8, or float32 where `calibrate_on`, the number of pictures, is zero."""
    model = network.build()
    model.load_weights(weights)
    shipped = with_head(model, head)
    shipped.trainable = False
    traced = tf.function(lambda x: shipped(x, training=False)).get_concrete_function(
        tf.TensorSpec((1, network.SIDE, network.SIDE, 3), tf.float32, name="picture")
    )
    # The converter's calibration cannot run what reads variables.
    frozen = convert_variables_to_constants_v2(traced)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen])
    if calibrate_on:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: samples(data, calibrate_on)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = tf.int8
        converter.inference_output_type = tf.int8
    written: bytes = converter.convert()
    return written


def write(path: Path, model: bytes) -> None:
    """Write the model and append the metadata, as a zip that readers of TFLite do not see."""
    path.write_bytes(model)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        # A fixed date, so that the same weights give the same file.
        entry = zipfile.ZipInfo("metadata.json", (1980, 1, 1, 0, 0, 0))
        archive.writestr(entry, json.dumps(_METADATA, indent=2))


def main() -> None:
    """Export."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path)
    parser.add_argument("data", type=Path, help="shards of render.py")
    parser.add_argument("target", type=Path)
    parser.add_argument("--head", choices=HEADS, default="split")
    parser.add_argument("--float", action="store_true", help="float32, to compare with")
    parser.add_argument("--calibrate-on", type=int, default=200, help="pictures")
    options = parser.parse_args()
    write(
        options.target,
        convert(options.weights, options.data, options.head, 0 if options.float else options.calibrate_on),
    )
    print(f"{options.target}: {options.target.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
