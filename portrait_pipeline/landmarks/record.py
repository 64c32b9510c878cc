"""What the room ``landmarks`` leaves for those after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..base.artifacts import Record


@dataclass(frozen=True)
class LocatedPair(Record):
    """Both images, upright and reduced, with their 68 points (image px).

    Attributes:
        photo, art: (H, W, 3) uint8 RGB.
        photo_points, art_points: (68, 2).
        photo_source, art_source: detector or file the points come from.
        more_photos: further photos of the same person, each (H, W, 3) uint8 RGB; more_points: their (68, 2) points.
    """

    kind: ClassVar[str] = "landmarks"
    photo: np.ndarray
    art: np.ndarray
    photo_points: np.ndarray
    art_points: np.ndarray
    photo_source: str
    art_source: str
    more_photos: tuple[np.ndarray, ...] = ()
    more_points: tuple[np.ndarray, ...] = ()
