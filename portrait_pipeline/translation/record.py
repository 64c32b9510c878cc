"""What the room ``translation`` leaves for those after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from ..base.artifacts import Record
from ..base.layout import Array


@dataclass(frozen=True)
class TranslatedPair(Record):
    """l_x, l_y and l_z of the paper in the frontal view.

    Attributes:
        content, style, translated: (68, 2); content and translated in photo px, style in artwork px.
    """

    kind: ClassVar[str] = "translate"
    content: Annotated[np.ndarray, Array("f", 68, 2)]
    style: Annotated[np.ndarray, Array("f", 68, 2)]
    translated: Annotated[np.ndarray, Array("f", 68, 2)]
