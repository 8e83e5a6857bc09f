"""JPEGs as a test looks at them."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def decoded(jpeg: bytes) -> NDArray[np.uint8]:
    """Its pixels: height, width, RGB."""
    return np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB"))
