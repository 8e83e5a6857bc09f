"""Which pictures quantisation is measured on, laid out for Ultralytics in a folder of our own.

Given its user's file, Ultralytics takes `path:` from a folder inside the image, leaves a cache beside the pictures, and
holds all of them in memory at once.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import yaml

MOST = 300
"""As many as Ultralytics recommends; at 640 pixels they take 4 GB, in float32."""

SAMPLE = "calibration_image_sample_data_20x128x128x3_float32.npy"
_KINDS = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
_HERE = "paths begin at the folder of the file they stand in, and only the current folder and what is below is seen"


class NoPictures(Exception):
    """What was given as `--data` has nothing to measure on; the text says where it was looked for."""


def data_set(given: str, folder: Path) -> str:
    """What to tell Ultralytics as `data=`: a description, in `folder`, of the pictures that `given` names.

    `given`: a folder, a data set's YAML file, or the name of a data set that Ultralytics fetches (returned as it is).

    Raises:
        NoPictures: there are none where it says.
    """
    path = Path(given)
    if not path.exists():
        if path.suffix in {".yaml", ".yml"} and path.name == given:
            return given
        raise NoPictures(f"--data {given}: neither a folder nor a file")
    found = _in_all([path.resolve()]) if path.is_dir() else _named_by(path)
    if not found:
        raise NoPictures(f"--data {given}: no pictures there ({', '.join(sorted(_KINDS))})")
    images = folder / "calibration" / "images"
    images.mkdir(parents=True)
    for number in np.linspace(0, len(found) - 1, min(len(found), MOST)).astype(int):
        (images / f"{number:06}{found[number].suffix.lower()}").symlink_to(found[number])
    described = folder / "calibration.yaml"
    # Labels are not looked at, but asked for.
    described.write_text(yaml.safe_dump({"path": str(images), "train": ".", "val": ".", "nc": 1}))
    return str(described)


def write_sample(folder: Path) -> None:
    """What onnx2tf checks itself on; noise makes the same model as the photographs that Ultralytics would fetch."""
    np.save(folder / SAMPLE, np.random.default_rng(0).random((20, 128, 128, 3), dtype=np.float32))


def _named_by(file: Path) -> list[Path]:
    try:
        described: Any = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise NoPictures(f"--data {file}: neither a folder nor YAML: {' '.join(str(error).split())}") from None
    if not isinstance(described, dict) or not (described.get("val") or described.get("train")):
        raise NoPictures(f"--data {file}: neither `val:` nor `train:` says where the pictures are")
    root = file.resolve().parent / str(described.get("path") or "")
    named = described.get("val") or described["train"]
    return _in_all(_place(root, str(each), file) for each in (named if isinstance(named, list) else [named]))


def _place(root: Path, named: str, file: Path) -> Path:
    # Data sets made by Roboflow say ../valid/images where they mean valid/images; Ultralytics knows.
    for place in (root / named, root / named.removeprefix("../")):
        if place.exists():
            return place.resolve()
    missing = Path(os.path.relpath(root / named)) if (root / named).is_relative_to(Path.cwd()) else root / named
    raise NoPictures(f"--data {file}: there is no {missing} in here; {_HERE}")


def _in_all(places: Iterable[Path]) -> list[Path]:
    """Pictures in these folders and below them, and those that text files list, a line each."""
    found: list[Path] = []
    for place in places:
        if place.is_dir():
            found += place.rglob("*")
        elif place.suffix == ".txt":
            found += (place.parent / line for line in place.read_text(encoding="utf-8").split("\n") if line)
        else:
            found.append(place)
    return sorted(each for each in found if each.suffix.lower() in _KINDS and each.is_file())
