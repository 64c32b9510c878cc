"""What the room ``photo_texture`` leaves for those after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..base.artifacts import Record


@dataclass(frozen=True)
class PhotoTexture(Record):
    """t_x of the paper.

    Attributes:
        texture: (S, S, 3) uint8 RGB, row 0 is v = 1.
        seen: (S, S) bool, texels taken from the photo.
        labels: (S, S) uint8 regions of the head, see :mod:`.regions.labels`.
    """

    kind: ClassVar[str] = "photo_texture"
    texture: np.ndarray
    seen: np.ndarray
    labels: np.ndarray
