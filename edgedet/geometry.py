"""Letterbox and its inverse.

The rounding is that of Ultralytics' LetterBox (centred, grey 114), so that a model sees what it was trained on:
half a pixel of another rounding costs measurable mAP on small objects.
"""

from __future__ import annotations

from dataclasses import dataclass

from edgedet.types import Box

LETTERBOX_GREY = 114
"""The padding's value in each of R, G and B."""


@dataclass(frozen=True, slots=True)
class Letterbox:
    """How a full frame lies in the detect view: scaled by one factor, centred, the rest grey. All in pixels."""

    view_width: int
    view_height: int
    left: int
    top: int
    inner_width: int
    inner_height: int

    @classmethod
    def fit(cls, width: int, height: int, view_width: int, view_height: int) -> Letterbox:
        """The letterbox of a `width` x `height` frame in the view.

        Raises:
            ValueError: a size below one pixel.
        """
        if min(width, height, view_width, view_height) < 1:
            raise ValueError(f"cannot fit {width}x{height} into {view_width}x{view_height}")
        scale = min(view_width / width, view_height / height)
        inner_width = max(1, min(view_width, round(width * scale)))
        inner_height = max(1, min(view_height, round(height * scale)))
        # Ultralytics rounds (padding / 2 - 0.1), so that an odd row of padding goes to the bottom.
        left = round((view_width - inner_width) / 2 - 0.1)
        top = round((view_height - inner_height) / 2 - 0.1)
        return cls(view_width, view_height, max(0, left), max(0, top), inner_width, inner_height)

    def to_frame(self, box: Box) -> Box:
        """A box in fractions of the detect view, in fractions of the full frame, clipped to it."""
        return Box(
            _clip((box.x1 * self.view_width - self.left) / self.inner_width),
            _clip((box.y1 * self.view_height - self.top) / self.inner_height),
            _clip((box.x2 * self.view_width - self.left) / self.inner_width),
            _clip((box.y2 * self.view_height - self.top) / self.inner_height),
        )

    def to_view(self, box: Box) -> Box:
        """The inverse of `to_frame`, for boxes inside the frame."""
        return Box(
            (box.x1 * self.inner_width + self.left) / self.view_width,
            (box.y1 * self.inner_height + self.top) / self.view_height,
            (box.x2 * self.inner_width + self.left) / self.view_width,
            (box.y2 * self.inner_height + self.top) / self.view_height,
        )


def _clip(value: float) -> float:
    return 0.0 if value < 0.0 else 1.0 if value > 1.0 else value


def intersection_over_union(a: Box, b: Box) -> float:
    """Overlap of two boxes in [0, 1]; 0.0 where both are empty."""
    width = min(a.x2, b.x2) - max(a.x1, b.x1)
    height = min(a.y2, b.y2) - max(a.y1, b.y1)
    if width <= 0.0 or height <= 0.0:
        return 0.0
    overlap = width * height
    return overlap / (a.area + b.area - overlap)
