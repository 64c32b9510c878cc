"""What the room ``texture`` leaves for those after it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, ClassVar

import numpy as np

from ..base.artifacts import Record
from ..base.layout import Array


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
    texture: Annotated[np.ndarray, Array("uint8", "S", "S", 3)]
    vertices: Annotated[np.ndarray, Array("f", "V", 3)]
    style_loss: float
    content_loss: float
    steps: int
    shell_texture: Annotated[np.ndarray, Array("uint8", "S2", "S2", 3)] = field(
        default_factory=lambda: np.zeros((0, 0, 3), np.uint8)
    )
    shell_vertices: Annotated[np.ndarray, Array("f", "V2", 3)] = field(
        default_factory=lambda: np.zeros((0, 3), np.float32)
    )

    def flaw(self) -> str | None:
        """See :meth:`portrait_pipeline.base.artifacts.Record.flaw`."""
        if not self.texture.size or bool(self.shell_texture.size) != bool(len(self.shell_vertices)):
            return "a texture is empty"
        return None
