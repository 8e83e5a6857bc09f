"""The network: a small YOLOv8 (C2f blocks, SPPF, FPN, decoupled anchor-free head with DFL) in plain Keras.

Every activation is ReLU6 and every convolution has its batch normalisation, which folds away: that quantises to int8
with little loss and maps to an Edge TPU.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from tensorflow import keras

layers = keras.layers

SIDE = 256
STRIDES = (8, 16, 32)
BINS = 16
"""Length of the distribution of each box side: sides reach up to 15 strides from the anchor."""
CLASSES = 4


def _conv(x: keras.KerasTensor, channels: int, size: int = 3, stride: int = 1) -> keras.KerasTensor:
    if stride == 2:
        # Padding on both sides as PyTorch does it; "same" would shift the picture by half a pixel.
        x = layers.ZeroPadding2D(size // 2)(x)
    x = layers.Conv2D(channels, size, stride, "valid" if stride == 2 else "same", use_bias=False)(x)
    x = layers.BatchNormalization(momentum=0.97, epsilon=1e-3)(x)
    return layers.ReLU(6.0)(x)


def _c2f(x: keras.KerasTensor, channels: int, repeats: int, *, shortcut: bool) -> keras.KerasTensor:
    half = channels // 2
    kept, flow = _conv(x, half, 1), _conv(x, half, 1)
    found = [kept, flow]
    for _ in range(repeats):
        step = _conv(_conv(flow, half), half)
        flow = layers.Add()([flow, step]) if shortcut else step
        found.append(flow)
    return _conv(layers.Concatenate()(found), channels, 1)


def _sppf(x: keras.KerasTensor, channels: int) -> keras.KerasTensor:
    found = [_conv(x, channels // 2, 1)]
    for _ in range(3):
        found.append(layers.MaxPooling2D(5, 1, "same")(found[-1]))
    return _conv(layers.Concatenate()(found), channels, 1)


def build(width: tuple[int, int, int, int, int] = (16, 32, 64, 96, 128)) -> keras.Model:
    """RGB in [0, 1], (256, 256, 3), to class logits (1344, 4) and box sides (1344, 64), strides 8, 16, 32."""
    picture = keras.Input((SIDE, SIDE, 3))
    x = _conv(picture, width[0], 3, 2)
    # No C2f at stride 4, where YOLOv8 has one: it would cost an eighth of the training time.
    x = _conv(x, width[1], 3, 2)
    p3 = _c2f(_conv(x, width[2], 3, 2), width[2], 1, shortcut=True)
    p4 = _c2f(_conv(p3, width[3], 3, 2), width[3], 2, shortcut=True)
    p5 = _sppf(_c2f(_conv(p4, width[4], 3, 2), width[4], 1, shortcut=True), width[4])
    n4 = _c2f(layers.Concatenate()([layers.UpSampling2D()(p5), p4]), width[3], 1, shortcut=False)
    n3 = _c2f(layers.Concatenate()([layers.UpSampling2D()(n4), p3]), width[2], 1, shortcut=False)
    d4 = _c2f(layers.Concatenate()([_conv(n3, width[2], 3, 2), n4]), width[3], 1, shortcut=False)
    d5 = _c2f(layers.Concatenate()([_conv(d4, width[3], 3, 2), p5]), width[4], 1, shortcut=False)
    logits, sides = [], []
    for level, stride in zip((n3, d4, d5), STRIDES, strict=True):
        cells = (SIDE // stride) ** 2
        of_class = _conv(level, 48)
        of_box = _conv(level, 48)
        # The first guess of a class is rare: about five objects in a picture (as in Ultralytics' bias_init).
        rare = keras.initializers.Constant(float(np.log(5 / CLASSES / (640 / stride) ** 2)))
        raw = layers.Conv2D(CLASSES, 1, bias_initializer=rare)(of_class)
        logits.append(layers.Reshape((cells, CLASSES))(raw))
        raw = layers.Conv2D(4 * BINS, 1, bias_initializer=keras.initializers.Ones())(of_box)
        sides.append(layers.Reshape((cells, 4 * BINS))(raw))
    outputs = {
        "logits": layers.Concatenate(axis=1, name="logits", dtype="float32")(logits),
        "sides": layers.Concatenate(axis=1, name="sides", dtype="float32")(sides),
    }
    return keras.Model(picture, outputs)


def anchors() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Centres (1344, 2) in pixels of the input, and strides (1344, 1)."""
    centres, strides = [], []
    for stride in STRIDES:
        steps = (np.arange(SIDE // stride) + 0.5) * stride
        x, y = np.meshgrid(steps, steps)
        centres.append(np.stack([x, y], -1).reshape(-1, 2))
        strides.append(np.full((len(steps) ** 2, 1), stride))
    return np.concatenate(centres).astype(np.float32), np.concatenate(strides).astype(np.float32)
