"""`edgedet` whose catalogue has one model more, `tiny`: the files in the folder that is named before its arguments."""

from __future__ import annotations

import sys
from pathlib import Path

from edgedet.app.model_store import sums_of
from edgedet.models import catalogue
from edgedet.models.catalogue import Ready, RemoteFile

NAMES = ("tiny_320.tflite", "tiny_320_edgetpu.tflite", "tiny_labels.txt")


def tiny(folder: Path) -> Ready:
    """The catalogue's entry for the files that are in `folder` now."""
    cpu, edgetpu, labels = (RemoteFile(name, sums_of(folder / name)[1]) for name in NAMES)
    return Ready("tiny", "a model for tests", 256, cpu, edgetpu, labels, origin="the tests")


if __name__ == "__main__":
    catalogue.READY = (*catalogue.READY, tiny(Path(sys.argv.pop(1))))
    from edgedet.cli import main

    main()
