"""Whether an Edge TPU computes what its model's CPU twin computes: asked once, before it is believed.

A device that was reset, or is too hot, can answer quickly and wrongly: all zeros, the same for every picture, the
picture before. Detections prove nothing then, since no objects look like an empty scene. So two pictures that no camera
gives are shown to both, and the raw outputs are compared where those of the twin differ most from each other: an answer
that does not depend on the picture, or depends on another one, cannot be near the twin's both times.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edgedet.accelerators import Accelerator, Options
from edgedet.accelerators.cpu import open_accelerator
from edgedet.errors import AcceleratorError
from edgedet.models.inspection import ModelInfo, inspect
from edgedet.models.kinds import Kind
from edgedet.models.layout import identify
from edgedet.models.quantise import InputEncoder

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Answers = list[NDArray[np.float32]]

_SELECTED = frozenset({Kind.SSD, Kind.SELECTED})
"""Layouts that have chosen among boxes already: their lists change their order at the smallest rounding."""
_COMPARED = 500
"""Values of a tensor, those in which the twin's two answers differ most."""
_FARTHEST = 0.35
"""Of the distance between the twin's two answers. Two implementations of one int8 model were 0.01 to 0.18 apart there
(YOLOv8n at 320 and 640 pixels, edgedet's own); all-zero, constant, permuted and old answers 0.4 and more."""


def probes(height: int, width: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Two RGB pictures of blocks in all sizes, the same in every run."""
    first, second = (_blocks(height, width, np.random.default_rng(seed)) for seed in (1, 2))
    return first, second


def verify(accelerator: Accelerator, info: ModelInfo, twin: Path, runtime: str) -> None:
    """Holds where the accelerator answers as the model's twin does on the CPU.

    Raises:
        AcceleratorError: it does not; the code is `edgetpu_wrong_answers`, or `model_mismatch` for no twin at all.
        ModelError: the twin is no use.
    """
    layout = identify(info)
    if layout.kind in _SELECTED:
        return
    twin_info = inspect(twin)
    pictures = probes(layout.height, layout.width)
    if [each.shape for each in twin_info.outputs] != [each.shape for each in info.outputs]:
        raise AcceleratorError(
            f"{info.path} was not compiled from {twin}: they answer in other shapes",
            hint="Give the file that the other was compiled from.",
            code="model_mismatch",
        )
    expected = _ask(open_accelerator(Options(str(twin), runtime=runtime)), twin_info, pictures)
    distance = farthest(_ask(accelerator, info, pictures), expected)
    if distance > _FARTHEST:
        raise AcceleratorError(
            f"the Edge TPU answers wrongly: {distance:.1f} away from what the CPU computes, {_FARTHEST} are allowed",
            hint="It may be too hot, or short of power; it is tried again.",
            code="edgetpu_wrong_answers",
        )


def farthest(answers: tuple[Answers, Answers], expected: tuple[Answers, Answers]) -> float:
    """The largest distance of an answer from the expected one; 1 is how far the expected two are from each other.

    Compared are the values in which those two differ most. 0 where they do not differ at all: that proves nothing.
    """
    distances = [0.0]
    for first, second, wanted_first, wanted_second in zip(*answers, *expected, strict=True):
        contrast = np.abs(wanted_first - wanted_second).ravel()
        chosen = np.argsort(contrast)[-min(_COMPARED, max(1, contrast.size // 4)) :]
        scale = float(contrast[chosen].mean())
        if scale > 0:
            pairs = ((first, wanted_first), (second, wanted_second))
            distances += [float(np.abs(one - other).ravel()[chosen].mean()) / scale for one, other in pairs]
    return max(distances) if np.isfinite(distances).all() else float("inf")


def _ask(accelerator: Accelerator, info: ModelInfo, pictures: tuple[NDArray[np.uint8], ...]) -> tuple[Answers, Answers]:
    encoder = InputEncoder.for_model(info, identify(info))
    answers = []
    for picture in pictures:
        accelerator.load(partial(encoder.encode, picture))
        accelerator.invoke()
        raw: list[NDArray[np.generic]] = [np.empty(output.shape, output.dtype) for output in accelerator.outputs]
        accelerator.read(raw)
        answers.append(
            [
                (values.astype(np.float32) - told.zero_point) * (told.scale or 1.0)
                for values, told in zip(raw, info.outputs, strict=True)
            ]
        )
    return answers[0], answers[1]


def _blocks(height: int, width: int, random: np.random.Generator) -> NDArray[np.uint8]:
    picture = np.full((height, width, 3), 128.0)
    for side in (64, 32, 16, 8):
        blocks = random.uniform(-90.0, 90.0, (height // side + 1, width // side + 1, 3)) * side / 64
        picture += blocks.repeat(side, axis=0).repeat(side, axis=1)[:height, :width]
    painted: NDArray[np.uint8] = np.clip(picture, 0, 255).astype(np.uint8)
    return painted
