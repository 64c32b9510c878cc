"""What the room ``texture`` leaves for those after it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from ..base.artifacts import Record


@dataclass(frozen=True)
class StylisedTexture(Record):
    """t_z of the paper.

    Attributes:
        texture: (S, S, 3) uint8 RGB, the head's.
        vertices: (V, 3) head space: the deformed head's.
        style_loss, content_loss: means over the last tenth of the steps.
        steps: optimisation steps.
        shell_texture: (S2, S2, 3) uint8 RGB of the shell; (0, 0, 3) without one.
        shell_vertices: (V2, 3) head space: the shell on the deformed head; (0, 3) without one.
    """

    kind: ClassVar[str] = "texture"
    texture: np.ndarray
    vertices: np.ndarray
    style_loss: float
    content_loss: float
    steps: int
    shell_texture: np.ndarray = field(default_factory=lambda: np.zeros((0, 0, 3), np.uint8))
    shell_vertices: np.ndarray = field(default_factory=lambda: np.zeros((0, 3), np.float32))
