"""Trains the network for as many minutes as it is given, and goes on where it was stopped."""

from __future__ import annotations

import argparse
import json
import math
import os
import time
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import loss
import network
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow import keras

_PEAK_RATE = 2.5e-3
_AVERAGING = 0.998


def batches(folder: Path, size: int, seed: int) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.float32]]]:
    """Pictures and labels, shuffled over all shards that are on disk at that moment; for ever."""
    rng = np.random.default_rng(seed)
    shards: dict[str, tuple[NDArray[np.uint8], NDArray[np.float32]]] = {}
    while True:
        for labels in sorted(folder.glob("????.labels.npy")):
            if labels.name not in shards:
                images = folder / labels.name.replace("labels", "images")
                shards[labels.name] = (np.load(images, mmap_mode="r"), np.load(labels))
        places = [(name, i) for name, (_, rows) in shards.items() for i in range(len(rows))]
        if not places:
            raise SystemExit(f"{folder} holds no shards: run render.py first")
        rng.shuffle(places)
        for start in range(0, len(places) - size + 1, size):
            part = places[start : start + size]
            yield (
                np.stack([shards[name][0][i] for name, i in part]),
                np.stack([shards[name][1][i] for name, i in part]),
            )


def varied(images: tf.Tensor, truth: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Mirrored half of the time, with other light, tint, contrast and noise."""
    count = tf.shape(images)[0]
    x = tf.cast(images, tf.float32) / 255.0
    flip = tf.random.uniform((count, 1, 1, 1)) < 0.5
    x = tf.where(flip, x[:, :, ::-1], x)
    side = float(network.SIDE)
    mirrored = tf.stack(
        [truth[..., 0], side - truth[..., 3], truth[..., 2], side - truth[..., 1], truth[..., 4], truth[..., 5]], -1
    )
    truth = tf.where(flip[:, :, 0], mirrored, truth)
    gain = tf.random.uniform((count, 1, 1, 1), 0.75, 1.3) * tf.random.uniform((count, 1, 1, 3), 0.93, 1.07)
    grey = 114.0 / 255.0
    changed = (x - grey) * tf.random.uniform((count, 1, 1, 1), 0.8, 1.2) + grey
    changed = changed * gain + tf.random.normal(tf.shape(x), stddev=0.012)
    # The grey border of the letterbox is never lit.
    border = tf.reduce_all(tf.abs(x - grey) < 1e-3, -1, keepdims=True)
    return tf.where(border, x, tf.clip_by_value(changed, 0.0, 1.0)), truth


def main() -> None:
    """Train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=60.0, help="of training, over all runs together")
    parser.add_argument("--steps", type=int, default=0, help="stop after that many steps (0: by time)")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--save-every", type=float, default=180.0, help="seconds")
    parser.add_argument("--precision", choices=("float32", "mixed_bfloat16"), default="float32",
                        help="mixed_bfloat16 is faster on a processor with AVX512-BF16 or AMX")  # fmt: skip
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    keras.mixed_precision.set_global_policy(options.precision)
    keras.utils.set_random_seed(options.seed)
    options.out.mkdir(parents=True, exist_ok=True)
    model, state = network.build(), {"step": 0, "minutes": 0.0}
    optimizer = keras.optimizers.AdamW(_PEAK_RATE, weight_decay=5e-4, clipnorm=10.0)
    optimizer.build(model.trainable_variables)
    averaged = [tf.Variable(v) for v in model.trainable_variables]
    latest = tf.train.Checkpoint(model=model, optimizer=optimizer, averaged=averaged)
    note = options.out / "state.json"
    if note.exists():
        state = json.loads(note.read_text())
        latest.read(str(options.out / "latest")).expect_partial()

    @tf.function(input_signature=[
        tf.TensorSpec((None, network.SIDE, network.SIDE, 3), tf.uint8), tf.TensorSpec((None, None, 6), tf.float32),
        tf.TensorSpec((), tf.float32),
    ])  # fmt: skip
    def step(images: tf.Tensor, truth: tf.Tensor, keep: tf.Tensor) -> tf.Tensor:
        x, truth = varied(images, truth)
        with tf.GradientTape() as tape:
            out = model(x, training=True)
            terms = loss.detection_loss(out["logits"], out["sides"], truth)
            total = tf.reduce_sum(terms)
        gradients = tape.gradient(total, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        for mean, now in zip(averaged, model.trainable_variables, strict=True):
            mean.assign(mean * keep + now * (1.0 - keep))
        return terms

    def save() -> None:
        latest.write(str(options.out / "latest"))
        current = [v.numpy() for v in model.trainable_variables]
        for variable, mean in zip(model.trainable_variables, averaged, strict=True):
            variable.assign(mean)
        part = options.out / "part.weights.h5"
        model.save_weights(part)
        part.rename(options.out / "averaged.weights.h5")
        for variable, value in zip(model.trainable_variables, current, strict=True):
            variable.assign(value)
        note.write_text(json.dumps(state))

    began, before = time.monotonic(), state["minutes"]
    saved = reported = began
    seen, terms = 0, np.zeros(3)
    print(f"{model.count_params():,} parameters, from step {state['step']}", flush=True)
    for images, truth in batches(options.data, options.batch, options.seed + state["step"]):
        share = min(1.0, state["minutes"] / options.minutes)
        warm = min(1.0, (state["step"] + 1) / 150)
        optimizer.learning_rate.assign(_PEAK_RATE * warm * (0.01 + 0.99 * (1 + math.cos(math.pi * share)) / 2))
        keep = min(_AVERAGING, (1 + state["step"]) / (10 + state["step"]))
        terms = 0.95 * terms + 0.05 * step(images, truth, tf.constant(keep, tf.float32)).numpy()
        state["step"] += 1
        seen += len(images)
        now = time.monotonic()
        state["minutes"] = before + (now - began) / 60
        if now - reported > 20 or state["step"] == 1:
            reported = now
            rate = seen / (now - began)
            print(f"step {state['step']}, {state['minutes']:.1f} min, {rate:.1f} pictures/s, box {terms[0]:.3f}, "
                  f"class {terms[1]:.3f}, sides {terms[2]:.3f}", flush=True)  # fmt: skip
        done = state["minutes"] >= options.minutes or state["step"] == options.steps
        if done or now - saved > options.save_every:
            saved = now
            save()
        if done:
            return


if __name__ == "__main__":
    main()
