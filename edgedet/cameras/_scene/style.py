"""What a scene may look like, and which part of it the bundled model never saw while it was trained."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

LABELS = ("person", "car", "bicycle", "dog")
"""What a scene can hold, in the order of the bundled model's class ids."""


class FigurePool(Enum):
    """Which bodies, cuts of clothing and vehicle shapes a scene draws from. The two have nothing in common."""

    TRAINED = "trained"
    """What the bundled model was trained on."""
    UNSEEN = "unseen"
    """Held out of the training: what the model is judged on, and what users see."""


TRAINED_CAMERA_HEIGHTS_M = ((1.5, 2.9), (3.9, 6.0))
"""Camera heights of the training scenes, metres above the ground."""
UNSEEN_CAMERA_HEIGHTS_M = ((3.1, 3.7),)
"""Camera heights that training never saw."""

TRAINED_BUILDS = ((0.78, 0.95), (1.10, 1.32))
"""Breadth of the trained people relative to their height, 1.0 being average."""
UNSEEN_BUILDS = ((0.98, 1.07),)
"""Breadth of the people that training never saw."""

TRAINED_OUTFITS = ("shirt", "shorts", "coat", "backpack", "cap")
UNSEEN_OUTFITS = ("skirt", "hooded", "vest")

TRAINED_BODIES = ("hatchback", "saloon", "van")
UNSEEN_BODIES = ("estate", "pickup")


@dataclass(frozen=True, slots=True)
class Style:
    """How a scene is to look. What is None is drawn from the scene's seed."""

    figures: FigurePool = FigurePool.UNSEEN
    labels: tuple[str, ...] = LABELS
    """Which of `LABELS` may appear."""
    objects: tuple[int, int] = (4, 8)
    """Least and greatest number of moving objects that share the scene; (0, 0) for an empty one."""
    parked_cars: int | None = None
    """Cars that stand at the roadside for good."""
    camera_height_m: float | None = None
    """Metres above the ground; None draws from the heights that belong to `figures`."""
    night: bool | None = None
    rain: bool | None = None
    fog: float | None = None
    """Share of an object's colour that is lost at 30 m, in [0, 1)."""
    noise: float | None = None
    """Standard deviation of the sensor's noise, in grey levels of 255."""

    @property
    def camera_heights_m(self) -> tuple[tuple[float, float], ...]:
        """The ranges that `camera_height_m` is drawn from."""
        return TRAINED_CAMERA_HEIGHTS_M if self.figures is FigurePool.TRAINED else UNSEEN_CAMERA_HEIGHTS_M
