"""What the room ``texture`` leaves for those after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..base.artifacts import Record


@dataclass(frozen=True)
class StylisedTexture(Record):
    """t_z of the paper.

    Attributes:
        texture: (S, S, 3) uint8 RGB.
        vertices: (V, 3) head space: the deformed head's.
        style_loss, content_loss: means over the last tenth of the steps.
        steps: optimisation steps.
    """

    kind: ClassVar[str] = "texture"
    texture: np.ndarray
    vertices: np.ndarray
    style_loss: float
    content_loss: float
    steps: int
