"""What the room ``photo_texture`` leaves for those after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from ..base.artifacts import Record
from ..base.layout import Array
from ..regions.labels import TRANSPARENT


@dataclass(frozen=True)
class PhotoTexture(Record):
    """t_x of the paper.

    Attributes:
        texture: (S, S, 3) uint8 RGB, row 0 is v = 1.
        seen: (S, S) bool, texels taken from the photo.
        labels: (S, S) uint8 regions of the head, see :mod:`.regions.labels`.
    """

    kind: ClassVar[str] = "photo_texture"
    texture: Annotated[np.ndarray, Array("uint8", "S", "S", 3)]
    seen: Annotated[np.ndarray, Array("bool", "S", "S")]
    labels: Annotated[np.ndarray, Array("uint8", "S", "S")]

    def flaw(self) -> str | None:
        """See :meth:`portrait_pipeline.base.artifacts.Record.flaw`."""
        if not self.texture.size:
            return "'texture' is empty"
        most = int(self.labels.max())
        return f"'labels' has {most}, expected 0 to {TRANSPARENT}" if most > TRANSPARENT else None
