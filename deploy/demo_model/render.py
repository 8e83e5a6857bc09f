"""Renders training pictures: scenes of the trained pool, letterboxed as edgedet does it, in shards on disk."""

from __future__ import annotations

import argparse
import io
from pathlib import Path
from random import Random

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgedet.cameras._scene.scene import LABELS, FigurePool, Scene, Seen, Style, is_countable
from edgedet.geometry import LETTERBOX_GREY, Letterbox

SIDE = 256
"""Width and height of the model's input, pixels."""
MOST_BOXES = 24
"""Rows of the label table: further boxes would be dropped (scenes have fewer)."""
_SIZES = ((640, 480), (640, 480), (640, 360), (512, 384), (512, 288), (480, 480), (360, 640), (320, 240))
_SHOTS = 4


def scene_for_training(seed: int) -> Scene:
    """A scene that holds nothing of what the evaluation is made of."""
    random = Random(seed)
    many = random.choice(((0, 3), (5, 9), (8, 13)))
    return Scene(seed, random.choice(_SIZES), Style(figures=FigurePool.TRAINED, objects=many))


def letterboxed(picture: NDArray[np.uint8], random: Random) -> NDArray[np.uint8]:
    """The picture in the model's input, by one of the scalings that a source may use."""
    height, width = picture.shape[:2]
    box = Letterbox.fit(width, height, SIDE, SIDE)
    image, inner = Image.fromarray(picture), (box.inner_width, box.inner_height)
    if random.random() < 0.4:
        packed = io.BytesIO()
        image.save(packed, "JPEG", quality=random.randint(60, 95))
        image = Image.open(packed)
    kind = random.random()
    if kind < 0.5:
        image = image.resize(inner, Image.Resampling.BILINEAR)
    elif kind < 0.7:
        image = image.resize(inner, Image.Resampling.BOX)
    else:
        matrix = (width / inner[0], 0.0, 0.0, 0.0, height / inner[1], 0.0)
        image = image.transform(inner, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)
    out = np.full((SIDE, SIDE, 3), LETTERBOX_GREY, np.uint8)
    out[box.top : box.top + inner[1], box.left : box.left + inner[0]] = np.asarray(image)
    return out


def labelled(seen: tuple[Seen, ...], width: int, height: int) -> NDArray[np.float32]:
    """One row for each object: class id, x1, y1, x2, y2 in pixels of the input, 1 for an ignore region."""
    table = np.full((MOST_BOXES, 6), -1.0, np.float32)
    box = Letterbox.fit(width, height, SIDE, SIDE)
    for row, one in zip(table, seen, strict=False):
        view = box.to_view(one.box)
        corners = (view.x1 * SIDE, view.y1 * SIDE, view.x2 * SIDE, view.y2 * SIDE)
        row[:] = (LABELS.index(one.label), *corners, float(not is_countable(one, (width, height), SIDE)))
    return table


def shard(folder: Path, number: int, pictures: int) -> None:
    """Write one shard, `NNNN.npz`-like pair of arrays; one that exists is kept."""
    target = folder / f"{number:04d}.labels.npy"
    if target.exists():
        return
    images = np.empty((pictures, SIDE, SIDE, 3), np.uint8)
    labels = np.empty((pictures, MOST_BOXES, 6), np.float32)
    for i in range(pictures):
        if i % _SHOTS == 0:
            scene = scene_for_training(1_000_000 + number * 10_000 + i)
        random = Random(number * 100_003 + i)
        moment = random.uniform(0.0, 3600.0)
        images[i] = letterboxed(scene.render(moment), random)
        labels[i] = labelled(scene.truth(moment), *scene.size)
    np.save(folder / f"{number:04d}.images.npy", images)
    # The labels come last: a shard counts once they are there.
    part = folder / f"{number:04d}.part.npy"
    np.save(part, labels)
    part.rename(target)


def main() -> None:
    """Render the shards that are missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--shards", type=int, default=24)
    parser.add_argument("--pictures", type=int, default=500, help="in each shard")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    for number in range(options.shards):
        shard(options.folder, number, options.pictures)
        print(f"shard {number + 1} of {options.shards}", flush=True)


if __name__ == "__main__":
    main()
